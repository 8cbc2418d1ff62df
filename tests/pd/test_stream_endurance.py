"""Two minutes of the bundled model in a real Pd; `make test TESTS=...` can leave it out."""

import re

from class_in_pd import PROJECT
from processes import wait_until_ended
from stream_in_pd import Recorder, StreamInPd, assert_is_take, largest_step, whole_take

PRELUDES = PROJECT / "models" / "preludes"
SECONDS = 120
RATE = 44100
TEMPERATURE = 0.95
PRECISION = "int8"  # what most machines play live


def test_two_minutes_are_the_take_made_in_one_piece(tmp_path):
    """If the machine is too busy, underruns are reported; they must not lose any sound."""
    with StreamInPd() as pd:
        pd.load_model(PRELUDES, precision=PRECISION)
        pd.message(f"temperature {TEMPERATURE}")
        recorder = Recorder(pd, tmp_path / "heard.wav")
        pd.begin("stream ring 1000")
        pd.let_play(SECONDS)
        pd.end()
        num_underruns = pd.count("underrun")
        recording = recorder.stop()
        (worker,) = pd.worker_pids()
        assert pd.quit() == 0
        wait_until_ended(worker)
        reports = re.findall(r"^status: streaming (\S+) (\S+) (\d+)$", pd.console, re.MULTILINE)
    assert len(reports) >= SECONDS * 5
    assert int(reports[-1][2]) == num_underruns
    assert len(recording) > 0.9 * SECONDS * RATE
    take = whole_take(
        PRELUDES, len(recording) / RATE, precision=PRECISION, temperature=(TEMPERATURE,)
    )
    num_stretches, length = assert_is_take(recording, take)
    assert num_stretches == num_underruns + 1
    if not num_underruns:
        assert length > 0.9 * SECONDS * RATE
        assert largest_step(recording) <= largest_step(take) + 1e-5
