"""Streams in a real Pd that are steered: states, temperatures, curves, seeds."""

import time

import numpy as np
import pytest
import soundfile
from class_in_pd import GRU, TAKE_LIMIT_S
from stream_in_pd import RATE, Recorder, assert_is_take, stretches, whole_take


def test_states_are_saved_and_recalled_within_and_before_a_stream(each_pd, take, tmp_path):
    each_pd.begin()
    each_pd.message("save_state 2")
    each_pd.status("state saved 2")
    each_pd.message("recall_state 2")
    each_pd.status("state recalled 2")
    each_pd.end()
    each_pd.message("rng 5")
    each_pd.message("save_state 0")
    each_pd.status("state saved 0")
    each_pd.message("length 0.5")
    each_pd.message("generate sound1")
    each_pd.status("generated .*")
    each_pd.message("save_state 1")  # after half a second of the same random seed
    each_pd.status("state saved 1")
    each_pd.message("generate sound1")
    each_pd.status("generated .*")
    each_pd.message("recall_state 1")
    each_pd.status("state recalled 1")
    recorder = Recorder(each_pd, tmp_path / "heard.wav")
    each_pd.begin()
    each_pd.let_play(2)
    each_pd.end()
    recording = recorder.stop()
    expected = take[RATE // 2 :]
    first = stretches(recording)[0][: RATE // 4]
    np.testing.assert_allclose(first[300:-300], expected[300 : len(first) - 300], atol=1e-4)


def newest(pd):
    """Return the content of the ring, float32 without the silence."""
    ring = pd.samples("ring")
    return ring[ring != 0]


def wait_until_without_chance(pd):
    """A random network at temperature 0 falls into a short loop, so few levels are left."""
    deadline = time.monotonic() + TAKE_LIMIT_S
    while np.unique(newest(pd)).size >= 40:
        assert time.monotonic() < deadline, "the sound is still left to chance"
        pd.let_play(0.2)


def wait_until_with_chance(pd):
    deadline = time.monotonic() + TAKE_LIMIT_S
    while np.unique(newest(pd)).size < 80:
        assert time.monotonic() < deadline, "nothing is left to chance"
        pd.let_play(0.2)


def test_every_way_to_turn_the_temperature_is_heard(pd):
    pd.begin("stream ring 400 16000")
    wait_until_with_chance(pd)
    pd.send("curve", "const", 0)
    for cold, warm in (
        ("temperature 0", "temperature 1"),
        ("ramp 0 0.1", "ramp 1 0.1"),
        ("envelope curve 0.5", "envelope"),
    ):
        pd.message(cold)
        wait_until_without_chance(pd)
        pd.message(warm)
        wait_until_with_chance(pd)
    assert pd.count("error") == 0


def test_a_curve_drawn_anew_in_mid_stream_is_heard_until_the_temperature_is_turned(pd):
    pd.send("curve", "const", 0)
    pd.message("envelope curve")
    pd.begin("stream ring 400 16000")
    wait_until_without_chance(pd)
    pd.send("curve", "const", 1)
    wait_until_with_chance(pd)
    pd.send("curve", "const", 0)
    wait_until_without_chance(pd)
    pd.message("temperature 1")
    wait_until_with_chance(pd)
    pd.send("curve", "const", 0.01)
    pd.let_play(1)
    wait_until_with_chance(pd)
    assert pd.count("error") == 0


def test_a_curve_that_is_no_temperature_is_refused_and_the_old_one_stays(pd):
    pd.send("curve", "const", 0)
    pd.message("envelope curve")
    pd.begin("stream ring 400 16000")
    wait_until_without_chance(pd)
    pd.send("curve", "const", -1)
    pd.status("error .*-1.*")
    wait_until_without_chance(pd)
    assert pd.count("stream off") == 0


def test_a_seed_in_mid_stream_changes_what_follows(pd, tmp_path):
    """At temperature 0 only the seed can change the sound."""
    tone = (np.sin(np.arange(1000) * 0.7) * 0.9).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone, 16000, subtype="FLOAT")
    pd.send("pd-host-soundfiler", "read", str(tmp_path / "tone.wav"), "source")
    expected = whole_take(GRU, 60, out_rate=16000, temperature=(0.0,))
    for number, seed in enumerate((None, f"seed {tmp_path}/tone.wav", "seed source 16000")):
        pd.message("temperature 0")
        pd.message("seed")
        recorder = Recorder(pd, tmp_path / f"{number}.wav")
        pd.begin("stream ring 400 16000")
        pd.let_play(0.4)
        if seed:
            pd.message(seed)
        pd.let_play(2)
        pd.end()
        recording = recorder.stop()
        if seed is None:
            assert_is_take(recording, expected)
        else:
            with pytest.raises(AssertionError):
                assert_is_take(recording, expected)
        pd.send("pd", "dsp", 1)


def test_a_silent_seed_and_random_seeds_in_mid_stream(pd):
    pd.begin()
    pd.message("seed source")
    pd.status("notice .*ends in silence.*")
    pd.message("rng 3")
    pd.message("rng")
    pd.message("freeze 1")
    pd.message("freeze 0.1")
    pd.message("freeze 0")
    pd.message("latency 500")
    pd.message("latency 50")
    pd.let_play(1)
    assert pd.count("stream off") == 0
    assert pd.count("error") == 0
    assert pd.count("notice") == 1
