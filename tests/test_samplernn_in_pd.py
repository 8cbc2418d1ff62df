"""The class in a real Pd, with a real worker and a real checkpoint.

Patches: `class-polled.pd` sends `poll` from a metro; `class-detached.pd` is of the
older kind, `@detach 1` and no polls. Both print status messages as `status: ...`.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pd_host import PdHost
from test_client import wait_until_ended

ROOT = Path(__file__).resolve().parent.parent
PATCHES = Path(__file__).resolve().parent / "pd"
GRU = Path(__file__).resolve().parent / "checkpoints" / "gru_mulaw"
LOAD_LIMIT_S = 60
TAKE_LIMIT_S = 60
PD_PATHS = ("-path", str(ROOT), "-path", str(ROOT / "pd"))


class ClassInPd(PdHost):
    """A Pd that has the class in it."""

    def __init__(self, patch="class-polled.pd", **options):
        env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
        super().__init__(PATCHES / patch, args=PD_PATHS, env=env, time_limit_s=240, **options)

    def message(self, text):
        """Sends a message, typed as one would in a message box."""
        self.send("samplernn", *(_atom(word) for word in text.split()))

    def status(self, pattern, timeout_s=TAKE_LIMIT_S):
        """Waits for a status message that matches to its end."""
        return self.wait_for(rf"^status: {pattern}$", timeout_s)

    def load(self, voices=1):
        self.message(f"load {GRU} voices {voices}")
        self.status(f"loaded gru_mulaw 16000 {voices}", LOAD_LIMIT_S)

    def worker_pids(self):
        """Process numbers of the children of Pd that run a worker."""
        return [pid for pid in _children(self.pid) if "sopilib.worker" in _command(pid)]

    def samples(self, name):
        return np.array(self.array(name))


def _atom(word):
    try:
        return float(word)
    except ValueError:
        return word


def _children(parent):
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if _parent(pid) == parent]


def _parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.fixture(scope="module")
def pd():
    """A Pd with the GRU fixture loaded for two voices, shared by the tests that leave it so."""
    with ClassInPd() as pd:
        pd.load(voices=2)
        yield pd


def begin_long_take(pd):
    pd.message("length 120")
    pd.message("generate sound1 sound2")
    pd.status(r"progress .*")


def end_take(pd):
    """Stops the take and returns what is finished of its first voice."""
    pd.message("stop")
    done = int(pd.status(r"stopped sound1 16000 (\d+)")[1])
    return pd.samples("sound1")[:done]


def test_idiomatic_messages_with_polls_fill_the_arrays_with_the_exact_length(pd):
    pd.message("length 0.0333")
    pd.message("temperature 0.9 1")
    pd.message("rng 5")
    takes = []
    for _ in range(2):
        pd.message("generate sound1 sound2")
        pd.status(r"progress 1 0\.0333125 \S+")
        pd.status("generated sound1 16000 533")
        pd.status("generated sound2 16000 533")
        takes.append([pd.samples("sound1"), pd.samples("sound2")])
    for voice in range(2):
        assert takes[0][voice].size == 533
        assert np.ptp(takes[0][voice]) > 0.1
        assert np.array_equal(takes[0][voice], takes[1][voice])
    assert not np.array_equal(takes[0][0], takes[0][1])


def test_continue_goes_on_from_the_last_take(pd):
    pd.message("rng 5")
    pd.message("length 0.02")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 320")
    first = pd.samples("sound1")
    pd.message("continue sound1 sound2")
    pd.status("generated sound2 16000 320")
    second = pd.samples("sound1")
    pd.message("length 0.04")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 640")
    assert np.array_equal(np.concatenate([first, second]), pd.samples("sound1"))


def test_the_flag_form_works_in_a_polled_object_too(pd):
    pd.message("generate --out_sr 8000 --dur 0.1 --temp Env([0.7,1.05],[0.1],[0]) --out sound1 "
               "--temp 0.9 --out sound2")
    pd.status("generated sound1 8000 800")
    assert pd.samples("sound1").size == 800


def test_the_array_fills_while_the_take_is_being_made(pd):
    begin_long_take(pd)
    samples = pd.samples("sound1")
    assert samples.size == 120 * 16000
    assert np.any(samples[:64]) and not np.any(samples[-1000:])
    end_take(pd)


def test_stop_keeps_what_is_finished_and_a_take_asked_for_at_once_follows(pd):
    begin_long_take(pd)
    pd.message("stop")
    pd.message("length 0.01")
    pd.message("generate sound1 sound2")
    done = int(pd.status(r"stopped sound1 16000 (\d+)")[1])
    assert 0 < done < 120 * 16000
    pd.status("generated sound2 16000 160")


def test_the_last_stop_is_the_last_word(pd):
    """Sent at once: generate, stop, generate, stop."""
    pd.message("length 120")
    for message in ("generate sound1 sound2", "stop", "generate sound1 sound2", "stop"):
        pd.message(message)
    pd.wait_for(r"^status: (stopped sound2 16000 \d+|error .*)$")
    time.sleep(0.5)
    pd.message("stop")
    pd.status("error stop: no take is running")


def test_what_is_set_behind_a_waiting_take_is_for_that_take(pd):
    begin_long_take(pd)
    for message in ("stop", "length 0.01", "generate sound1 sound2", "length 0.02"):
        pd.message(message)
    pd.status("generated sound2 16000 160")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 320")


def test_what_an_array_held_before_is_silent_behind_a_stopped_take(pd):
    pd.message("length 20")
    pd.message("generate sound1 sound2")
    pd.sync()
    for name in ("sound1", "sound2"):
        pd.send(name, "const", 0.5)
    pd.status("progress .*")
    pd.message("stop")
    done = int(pd.status(r"stopped sound2 16000 (\d+)")[1])
    time.sleep(1.5)
    assert not np.any(pd.samples("sound2")[done:])


def test_temperature_in_mid_take_changes_what_follows_and_nothing_before(pd):
    pd.message("rng 3")
    pd.message("temperature 1")
    begin_long_take(pd)
    time.sleep(1)
    plain = end_take(pd)
    pd.message("generate sound1 sound2")
    turned_at = int(float(pd.status(r"progress \S+ (\S+) \S+")[1]) * 16000)
    pd.message("temperature 0")
    time.sleep(1)
    turned = end_take(pd)
    length = min(plain.size, turned.size)
    assert np.array_equal(plain[:turned_at], turned[:turned_at])
    assert not np.array_equal(plain[:length], turned[:length])
    assert np.unique(turned[-500:]).size < 16  # no chance is left in it
    pd.message("temperature 1")


def test_a_ramp_in_mid_take_arrives_at_its_target(pd):
    begin_long_take(pd)
    pd.message("ramp 0 0.01")
    time.sleep(1)
    assert np.unique(end_take(pd)[-500:]).size < 16
    pd.message("temperature 1")


def test_an_envelope_array_is_the_temperature_over_the_take(pd):
    pd.send("curve", "const", 0)
    pd.message("rng 5")
    pd.message("length 0.05")
    pd.message("envelope curve")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 800")
    assert np.array_equal(pd.samples("sound1"), pd.samples("sound2"))
    pd.message("envelope")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 800")
    assert not np.array_equal(pd.samples("sound1"), pd.samples("sound2"))


def test_info_tells_the_model_and_the_settings(pd):
    pd.message("length 3")
    pd.message("info")
    pd.status("info model gru_mulaw")
    pd.status("info rnn gru 24 2")
    pd.status("info voices 2")
    pd.status("info length 3")


BAD_MESSAGES = [
    ("dance", "dance"),
    ("load no-such-folder", "no-such-folder"),
    ("load", "load DIR"),
    ("generate nowhere sound2", "nowhere"),
    ("generate sound1", "1 array.* 2 voice"),
    ("generate sound1 sound2 source", "3 array.* 2 voice"),
    ("temperature 1 1 1", "3 temperatures"),
    ("temperature -1", "-1"),
    ("temperature nan", "nan"),
    ("temperature hot", "hot"),
    ("length 0", "0"),
    ("length -4", "-4"),
    ("length nan", "nan"),
    (f"load {GRU} voices 1000", "64"),
    ("generate --dur 17000 --out sound1 --out sound2", "array holds"),
    ("generate --dur 3000 --out_sr 384000 --out sound1 --out sound2", "array holds"),
    ("generate --dur 1e12 --out sound1 --out sound2", "array holds"),
    ("generate --seed missing.wav --out sound1 --out sound2", "missing.wav"),
    ("generate --temp Env([1 --out sound1 --out sound2", "Env"),
    ("stop", "no take"),
]


@pytest.mark.parametrize("message, quoted", BAD_MESSAGES, ids=[m for m, _ in BAD_MESSAGES])
def test_a_bad_message_gets_one_line_and_one_error_and_the_next_one_works(pd, message, quoted):
    pd.message("length 0.01")
    pd.message(message)
    pd.wait_for(rf"^samplernn: .*{quoted}.*$")
    pd.status(rf"error .*{quoted}.*")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 160")


def test_a_bad_seed_file_gets_one_line_and_the_next_take_works(pd, tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "stereo.wav", np.full((50, 2), 0.1), 44100)
    soundfile.write(tmp_path / "silent.wav", np.zeros(500), 16000)
    pd.message("length 0.01")
    for name, quoted in (("empty", "empty.wav"), ("none", "none.wav"), ("silent", "silent")):
        pd.message(f"seed {tmp_path}/{name}.wav")
        pd.message("generate sound1 sound2")
        pd.status(rf"error .*{quoted}.*")
    pd.status("generated sound2 16000 160")  # a silent seed is told, and does no harm
    pd.message(f"seed {tmp_path}/stereo.wav")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 160")
    pd.message("seed")


def model_copy(folder, *, dim=24, cut_bytes=0):
    """A copy of the GRU fixture with another `dim` in its config or its data cut short."""
    shutil.copytree(GRU, folder, ignore=shutil.ignore_patterns("*.pack"))  # as from elsewhere
    config = folder / "gru-mulaw.config.json"
    config.write_text(config.read_text().replace('"dim": 24', f'"dim": {dim}'))
    data = folder / "model.ckpt-1.data-00000-of-00001"
    os.truncate(data, data.stat().st_size - cut_bytes)
    return folder


def test_a_model_that_cannot_be_loaded_gets_one_line_and_the_old_one_stays(pd, tmp_path):
    twice = model_copy(tmp_path / "twice")
    shutil.copy(twice / "gru-mulaw.config.json", twice / "other.config.json")
    (tmp_path / "empty").mkdir()
    broken = {
        twice: "other.config.json",
        tmp_path / "empty": "empty",
        model_copy(tmp_path / "misfit", dim=32): r"\(24, 72\).* expected \(32, 96\)",
        model_copy(tmp_path / "cut", cut_bytes=1000): "damaged",
    }
    pd.message("length 0.01")
    for folder, quoted in broken.items():
        pd.message(f"load {folder}")
        pd.wait_for(rf"^samplernn: .*{quoted}.*$")
        pd.status("error .*")
        pd.message("generate sound1 sound2")
        pd.status("generated sound2 16000 160")


def test_the_index_file_of_a_checkpoint_is_as_good_as_its_folder(pd):
    pd.message(f"load {GRU}/model.ckpt-1.index voices 2")
    pd.status("loaded gru_mulaw 16000 2")


def test_generate_and_load_while_a_take_runs_are_refused_and_the_take_goes_on(pd):
    begin_long_take(pd)
    for message in ("generate sound1 sound2", f"load {GRU}"):
        pd.message(message)
        pd.status(r"error .*running.*")
    pd.status(r"progress .*")
    end_take(pd)


def test_a_seed_steers_the_take_from_an_array_or_a_file(tmp_path):
    """With the trained model: those with random weights hardly listen to the past."""
    tone = (np.sin(np.arange(1600) * 0.2) * 0.5).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone, 16000, subtype="FLOAT")
    takes = []
    with ClassInPd() as pd:
        pd.message(f"load {ROOT}/models/preludes")
        pd.status("loaded preludes 16000 1", LOAD_LIMIT_S)
        pd.send("pd-host-soundfiler", "read", "-resize", str(tmp_path / "tone.wav"), "source")
        pd.message("rng 5")
        pd.message("length 0.05")
        for seed in ("seed", "seed source 16000", f"seed {tmp_path}/tone.wav", "seed source"):
            pd.message(seed)
            pd.message("generate sound1")
            pd.status("generated sound1 16000 800")
            takes.append(pd.samples("sound1"))
    assert not np.array_equal(takes[0], takes[1])
    assert np.array_equal(takes[1], takes[2])
    assert not np.array_equal(takes[1], takes[3])  # at Pd's rate it is another sound


def test_an_array_made_too_short_in_mid_take_stops_the_take():
    with ClassInPd() as pd:
        pd.load()
        pd.message("length 120")
        pd.message("generate sound1")
        pd.status("progress .*")
        pd.send("sound1", "resize", 100)
        pd.status("error .*sound1.*")
        pd.status(r"stopped sound1 16000 \d+")


def test_the_older_form_detached_and_without_polls_ends_with_its_generated_messages():
    with ClassInPd("class-detached.pd") as pd:
        pd.message(f"load --python {sys.executable} -- --num_seqs 2 --ckpt_dir {GRU}")
        pd.message("generate --out_sr 16000 --dur 0.05 --temp 0.8 --out sound1 "
                   "--temp 1 --out sound2")
        pd.status("loaded gru_mulaw 16000 2", LOAD_LIMIT_S)
        pd.status("generated sound1 16000 800")
        pd.status("generated sound2 16000 800")
        for name in ("sound1", "sound2"):
            assert pd.samples(name).size == 800
            assert np.ptp(pd.samples(name)) > 0.1


@pytest.mark.parametrize("detach", [1, 2])
def test_a_long_detached_take_tells_its_progress_and_ends(tmp_path, detach):
    patch = (PATCHES / "class-detached.pd").read_text().replace("@detach 1", f"@detach {detach}")
    (tmp_path / "class.pd").write_text(patch)
    with ClassInPd(tmp_path / "class.pd") as pd:
        pd.load()
        pd.message("generate --dur 20 --out sound1")
        for _ in range(10):
            pd.status("progress .*")
            if detach == 2:
                pd.message("temperature 0.9")
        pd.status("generated sound1 16000 320000", TAKE_LIMIT_S)


def test_an_error_that_is_answered_with_a_load_does_not_go_round_in_pd(tmp_path):
    patch = (PATCHES / "class-polled.pd").read_text()
    (tmp_path / "class.pd").write_text(
        patch + "#X obj 130 300 route error;\n#X msg 130 330 load nowhere-else;\n"
        "#X connect 4 0 10 0;\n#X connect 10 0 11 0;\n#X connect 11 0 4 1;\n"
    )
    with ClassInPd(tmp_path / "class.pd") as pd:
        pd.message("load nowhere")
        for _ in range(3):
            pd.status("error no model 'nowhere-else'.*", LOAD_LIMIT_S)
        assert "Traceback" not in pd.console
        assert "is being loaded" not in pd.console


def test_continue_needs_a_take_that_has_begun():
    with ClassInPd() as pd:
        pd.load()
        pd.message("generate --temp Env(1 --out sound1")
        pd.status("error .*Env.*")
        pd.message("continue sound1")
        pd.status("error continue: there is no take.*")


def test_stop_ends_a_take_within_a_fifth_of_a_second():
    with ClassInPd("class-stopwatch.pd") as pd:
        pd.load()
        times_ms = []
        for _ in range(3):
            pd.message("length 120")
            pd.message("generate sound1")
            pd.status(r"progress .*")
            pd.send("stop-now")
            times_ms.append(float(pd.wait_for(r"^stopped-after-ms: (\S+)$")[1]))
        assert max(times_ms) < 200


def test_messages_before_a_load_or_during_it_get_an_error():
    with ClassInPd() as pd:
        for message in ("generate sound1", "unload", "stop", "continue sound1"):
            pd.message(message)
            pd.status("error .*")
        pd.message("load ../checkpoints/gru_mulaw")  # relative to the patch
        pd.message(f"load {GRU}")
        pd.status("error load: a model is being loaded.*")
        pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        pd.message("continue sound1")
        pd.status("error continue: there is no take.*")


def test_a_killed_worker_is_told_and_the_next_load_works():
    with ClassInPd() as pd:
        pd.load()
        pd.message("length 120")
        pd.message("generate sound1")
        pd.status("progress .*")
        os.kill(pd.worker_pids()[0], signal.SIGKILL)
        pd.status("error the worker was killed by signal 9 .*")
        done = int(pd.status(r"stopped sound1 16000 (\d+)")[1])
        pd.status("worker off")
        assert np.any(pd.samples("sound1")[:done])
        pd.load()


def test_unload_in_mid_take_keeps_what_is_finished_and_ends_the_worker():
    with ClassInPd() as pd:
        pd.load()
        (worker,) = pd.worker_pids()
        pd.message("length 120")
        pd.message("generate sound1")
        pd.status("progress .*")
        pd.message("unload")
        pd.status("error unload in mid-take.*")
        pd.status(r"stopped sound1 16000 \d+")
        pd.status("worker off")
        wait_until_ended(worker, 2)
        pd.load()


def test_a_wrong_python_is_told_and_the_next_load_works():
    with ClassInPd() as pd:
        pd.message(f"load --python /no/such/python -- --num_seqs 1 --ckpt_dir {GRU}")
        pd.status("error cannot start Python '/no/such/python'.*")
        pd.status("worker off")
        pd.load()


@pytest.mark.parametrize("state", ["idle", "loading", "generating"])
@pytest.mark.parametrize("end", ["quit", "kill"])
def test_no_worker_outlives_pd(state, end):
    with ClassInPd() as pd:
        pd.message(f"load {GRU}")
        pd.status("worker on", LOAD_LIMIT_S)
        if state != "loading":
            pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        if state == "generating":
            pd.message("length 120")
            pd.message("generate sound1")
            pd.status("progress .*")
        (worker,) = pd.worker_pids()
        if end == "quit":
            assert pd.quit() == 0
        else:
            os.kill(pd.pid, signal.SIGKILL)
        wait_until_ended(worker, 2)


def test_a_closed_patch_ends_its_worker_and_pd_goes_on():
    with ClassInPd() as pd:
        pd.load()
        (worker,) = pd.worker_pids()
        pd.message("length 120")
        pd.message("generate sound1")
        pd.status("progress .*")
        pd.send("pd-class-polled.pd", "menuclose", 1)
        wait_until_ended(worker, 2)
        pd.sync()
        assert pd.returncode is None
