"""Voices apart, one by one and kept as moments, in a real Pd."""

import os
import re
import sys
import time

import numpy as np
import pytest
from class_in_pd import GRU, LOAD_LIMIT_S, TAKE_LIMIT_S
from pd_host import PdHost, write_patch
from places import PROJECT
from stream_in_pd import RATE, Recorder, StreamInPd, assert_is_take, stretches

from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.folder import find_model

MODEL_RATE = 16000
BLOCK = 64


class NamedVoices(PdHost):
    """A Pd with `[samplernn~ 0 2 400 duo]`, recorded with its voices and what is thrown."""

    def __init__(self, folder, arguments="0 2 400 duo"):
        self._file = folder / "heard.wav"
        patch = write_patch(
            folder,
            "#X obj 20 20 receive to-samplernn",
            f"#X obj 20 60 samplernn~ {arguments}",
            "#X obj 20 140 writesf~ 4",
            "#X obj 200 100 print status",
            "#X obj 300 20 receive to-file",
            "#X obj 400 60 samplernn-voice~ duo 1",
            "#X obj 500 60 samplernn-voice~ duo 2",
            "#X obj 600 60 catch~ later",
            "#X connect 0 0 1 0",
            "#X connect 1 0 2 0",
            "#X connect 1 1 3 0",
            "#X connect 4 0 2 0",
            "#X connect 5 0 2 1",
            "#X connect 6 0 2 2",
            "#X connect 7 0 2 3",
            r"#X obj 500 120 expr~ \$v1 != 0",
            "#X obj 500 160 rpole~ 1",
            "#X obj 500 200 snapshot~",
            "#X obj 600 120 loadbang",
            "#X obj 600 160 metro 50",
            "#X obj 500 240 print heard",
            "#X connect 6 0 8 0",
            "#X connect 8 0 9 0",
            "#X connect 9 0 10 0",
            "#X connect 11 0 12 0",
            "#X connect 12 0 10 0",
            "#X connect 10 0 13 0",
        )
        env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
        args = ("-path", str(PROJECT / "pd"), "-r", str(MODEL_RATE))
        super().__init__(patch, args=args, env=env, time_limit_s=240)

    def message(self, *atoms):
        self.send("to-samplernn", *atoms)

    def status(self, pattern):
        return self.wait_for(rf"^status: {pattern}$", LOAD_LIMIT_S)

    def begin(self):
        self.load()
        self.start()

    def load(self):
        self.message("load", GRU, "voices", 2, "precision", "float32")
        self.status("loaded .*")
        self.message("rng", 5)

    def start(self):
        self._recorder = Recorder(self, self._file)
        self.send("pd", "dsp", 1)
        self.message(1)
        self.status("latency 400")

    def let_play(self, num_samples):
        """Wait until this many samples of voice 2 have been heard in all."""
        while self._heard() < num_samples:
            pass

    def let_end(self):
        """Wait until nothing more of voice 2 is heard."""
        before = None
        while (now := self._heard()) != before:
            before = now

    def _heard(self):
        """Return the samples of voice 2 that have been heard in all, as the patch next tells."""
        return float(self.wait_for(r"^heard: (.*)$", TAKE_LIMIT_S)[1])

    def recorded(self):
        """Return the recording, float32 (4, any)."""
        return self._recorder.stop().reshape(-1, 4).T


def take_of(num_seqs):
    """Return what voices with the random seed 5 generate, float32 (num_seqs, 64000)."""
    generator = make_generator(find_model(GRU), num_seqs, precision="float32")
    take = Take(generator, TakeRequest(4, out_rate=MODEL_RATE, rng_seed=5))
    return np.concatenate(list(take), axis=1)


def test_each_voice_has_an_outlet_in_time_with_the_sum_and_is_what_it_is_alone(tmp_path):
    with NamedVoices(tmp_path) as pd:
        pd.begin()
        pd.let_play(MODEL_RATE // 2)
        later = write_patch(
            tmp_path,
            "#X obj 20 20 samplernn-voice~ duo 2",
            "#X obj 20 60 throw~ later",
            "#X connect 0 0 1 0",
            name="later.pd",
        )
        pd.send("pd", "open", later.name, str(tmp_path))
        pd.let_play(MODEL_RATE)
        pd.message(0)
        pd.status("stream off")
        total, first, second, later = pd.recorded()
        assert "error" not in pd.console
    voices = take_of(2)
    for heard, expected in zip((total, first, second), (voices.sum(axis=0), *voices)):
        assert assert_is_take(heard, expected)[1] > MODEL_RATE // 2
    np.testing.assert_array_equal(take_of(1)[0], voices[0])
    np.testing.assert_allclose(total, first + second, atol=1e-6)
    began = np.flatnonzero(later)[0]
    lag = BLOCK * (not np.array_equal(later[began:], second[began:]))  # of catch~, at most
    np.testing.assert_array_equal(later[began:], second[began - lag : len(second) - lag])


def test_the_gain_of_a_voice_holds_from_before_the_first_stream_into_the_next_one(tmp_path):
    _, voice = take_of(2)
    with NamedVoices(tmp_path) as pd:
        pd.message("gain", 2, -20)
        pd.load()
        for number in (1, 2):
            pd.start()
            pd.let_play(number * MODEL_RATE // 4)
            pd.message(0)
            pd.status("stream off")
            pd.let_end()
            assert_is_take(pd.recorded()[2], 0.1 * voice)
        assert "error" not in pd.console


def test_a_name_taken_and_a_voice_that_is_not_there_are_one_line_each(tmp_path):
    """The voices of the first object play on; nothing is written beside the abstraction."""
    before = sorted((PROJECT / "pd").iterdir())
    with NamedVoices(tmp_path) as pd:
        pd.begin()
        pd.let_play(MODEL_RATE // 8)
        others = write_patch(
            tmp_path,
            "#X obj 20 20 samplernn-voice~ duo 3",
            "#X obj 20 60 samplernn-voice~ duo x",
            "#X obj 20 100 samplernn-voice~ nobody 1",
            "#X obj 20 140 samplernn~ 0 2 400 duo",
            name="others.pd",
        )
        pd.send("pd", "open", others.name, str(tmp_path))
        pd.wait_for("^samplernn-voice~: nobody is the NAME of no .samplernn~", LOAD_LIMIT_S)
        for words in ("gain", "gain loud", "gain 1e38", "gain 1 2 3"):
            pd.message(*words.split())
        pd.message("save_state", 1)
        pd.message("write_states", "my", "moments")
        pd.status(r"states written 1 .*moments.states")
        pd.message("load", GRU, "voices", 3, "precision", "float32")
        pd.status("loaded .* 3")
        pd.status("stream on")
        pd.let_play(MODEL_RATE // 8)
        console = pd.console
    assert (tmp_path / "my moments.states").exists()
    assert sorted((PROJECT / "pd").iterdir()) == before
    told = [line for line in console.splitlines() if line.startswith("samplernn-voice~")]
    assert sorted(told) == [
        "samplernn-voice~: duo has no voice 3 (it has 1 to 2)",
        "samplernn-voice~: duo has no voice x (it has 1 to 2)",
        "samplernn-voice~: duo has no voice x (it has 1 to 3)",
        "samplernn-voice~: nobody is the NAME of no [samplernn~ MODEL VOICES LATENCY_MS NAME] "
        "(make one)",
    ]
    assert console.count("'duo' is in use") == 1
    assert len(re.findall("^samplernn: gain", console, re.M)) == 4
    assert "multiply defined" not in console and "no such array" not in console


def test_several_channels_are_refused_in_one_line_by_a_pd_that_has_none(tmp_path):
    with NamedVoices(tmp_path, "-m 0 2 400 duo") as pd:
        pd.status(r"error multichannel: \[samplernn~ -m\] needs Pd 0.54 or later .*")
        pd.begin()
        pd.let_play(MODEL_RATE // 8)
        assert pd.console.count("status: error") == 1


@pytest.mark.parametrize(
    "message, quoted",
    [
        ("freeze 2 0.5", "freeze: voice 2 .1 to 1."),
        ("freeze 0 0.5", "freeze voice: 0"),
        ("gain 2 -6", "gain: voice 2 .1 to 1."),
        ("gain 1 50", "gain: 50 dB .at most 40."),
        ("seed 2 7", "seed: voice 2 .1 to 1."),
        ("recall_state 1 2", "recall_state: voice 2 .1 to 1."),
        ("morph 1 9 0.5", "morph: no state 9 is saved"),
        ("morph 1 1 2", "morph: 2"),
        ("note 61 100", "note: no state 61 is saved"),
        ("note 60 200", "note: velocity 200"),
        ("release -1", "release: -1 ms"),
        ("read_states nowhere", "read_states: cannot read .*nowhere.states: No such file"),
    ],
)
def test_what_a_voice_or_moment_cannot_be_is_one_error(streaming, message, quoted):
    streaming.message(message)
    streaming.status(f"error .*{quoted}.*")
    assert streaming.count("stream off") == 0


@pytest.fixture(scope="module")
def streaming():
    """Yield a Pd whose class streams one voice and keeps the state 1."""
    with StreamInPd() as pd:
        pd.load_model(GRU)
        pd.begin()
        pd.message("save_state 1")
        pd.status("state saved 1")
        yield pd


def ring_is_silent(pd):
    return not pd.samples("ring").any()


def wait_until(condition, pd):
    deadline = time.monotonic() + TAKE_LIMIT_S
    while not condition(pd):
        assert time.monotonic() < deadline
        pd.let_play(0.2)


def test_voices_and_moments_are_played_by_message(each_pd):
    each_pd.begin("stream ring 400 16000")
    for message in (
        "save_state 60",
        "save_state 61",
        "freeze 1 0.1",
        "freeze 1 0",
        "seed 1 7",
        "gain 1 -6",
        "gain 0",
        "recall_state 60 1",
        "morph 60 61 0.5",
        "morph 60 61 1 0.2",
        "release 10",
        "note 60 100",
        "note 60 0",
    ):
        each_pd.message(message)
    each_pd.status("state recalled 60")
    wait_until(ring_is_silent, each_pd)
    each_pd.message("note 61 64")
    wait_until(lambda pd: not ring_is_silent(pd), each_pd)
    assert each_pd.count("error") == 0
    assert each_pd.count("stream off") == 0


def test_a_file_of_states_gives_the_same_sound_in_another_pd(pd, take, tmp_path):
    pd.message("length 0.5")
    pd.message("rng 5")
    pd.message("generate sound1")
    pd.status("generated .*")
    pd.message("save_state 12")
    pd.status("state saved 12")
    pd.message(f"write_states {tmp_path}/set")
    pd.status(f"states written 1 {tmp_path}/set.states")
    with StreamInPd() as other:
        other.load_model(GRU)
        other.message(f"read_states {tmp_path}/set")
        other.status("state read 12")
        other.status(f"states read 1 {tmp_path}/set.states")
        other.message("recall_state 12")
        other.status("state recalled 12")
        recorder = Recorder(other, tmp_path / "heard.wav")
        other.message("stream ring 400")
        other.status("stream on")
        other.let_play(2)
        other.end()
        first = stretches(recorder.stop())[0][: RATE // 4]
        other.load_model(GRU, voices=2)
        other.message(f"read_states {tmp_path}/set.states")
        other.status(r"error read_states: .*set.states is of 1 voice\(s\) .*")
    expected = take[RATE // 2 :]
    np.testing.assert_allclose(first[300:-300], expected[300 : len(first) - 300], atol=1e-4)
