"""Streams in a real Pd with its audio on: their sound, their reports, their end."""

import os
import signal
import time

import numpy as np
import pytest
import soundfile
from class_in_pd import GRU, LOAD_LIMIT_S, TAKE_LIMIT_S, ClassInPd
from processes import wait_until_ended
from stream_in_pd import (
    RATE,
    Recorder,
    StreamInPd,
    assert_is_take,
    largest_step,
    whole_take,
)


def test_a_recording_is_the_take_made_in_one_piece(pd, take, tmp_path):
    recorder = Recorder(pd, tmp_path / "heard.wav")
    pd.begin()
    pd.let_play(10)
    pd.end()
    num_underruns = pd.count("underrun")
    recording = recorder.stop()
    num_stretches, length = assert_is_take(recording, take)
    assert num_stretches == num_underruns + 1
    assert length > 8 * RATE
    assert largest_step(recording) <= largest_step(take[:length]) + 1e-5


def test_voices_are_heard_together_and_the_seed_of_a_stream_as_in_a_take(pd, tmp_path):
    tone = (np.sin(np.arange(8000) * 0.2) * 0.5).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone, 22050, subtype="FLOAT")
    pd.load_model(GRU, voices=3)
    pd.message("temperature 0.5 1 1.2")
    pd.message(f"seed {tmp_path}/tone.wav")
    recorder = Recorder(pd, tmp_path / "heard.wav")
    pd.begin()
    pd.let_play(2)
    pd.end()
    expected = whole_take(
        GRU, 20, voices=3, temperature=(0.5, 1.0, 1.2), seed_audio=tone, seed_rate=22050
    )
    assert assert_is_take(recorder.stop(), expected)[1] > RATE


def test_a_worker_that_is_stopped_for_two_seconds_loses_nothing(pd, take, tmp_path):
    (worker,) = pd.worker_pids()
    recorder = Recorder(pd, tmp_path / "heard.wav")
    pd.begin()
    pd.let_play(2)
    before = pd.count("underrun")
    os.kill(worker, signal.SIGSTOP)
    pd.status(f"underrun {before + 1}")
    time.sleep(2)
    os.kill(worker, signal.SIGCONT)
    pd.let_play(12)  # reports continued during the silence
    pd.end()
    num_underruns = pd.count("underrun")
    recording = recorder.stop()
    num_stretches, length = assert_is_take(recording, take)
    assert num_stretches == num_underruns + 1 >= 2
    assert length > 4 * RATE
    gaps = np.diff(np.flatnonzero(recording))
    assert gaps.max() > 1.5 * RATE
    assert largest_step(recording) <= largest_step(take[:length]) + 2 / 220


def test_where_audio_is_switched_off_the_stream_waits(pd, take, tmp_path):
    recorder = Recorder(pd, tmp_path / "heard.wav")
    pd.begin()
    pd.let_play(1)
    for _ in range(2):
        pd.send("pd", "dsp", 0)
        pd.let_play(1)
        pd.send("pd", "dsp", 1)
        pd.let_play(1)
    pd.end()
    num_stretches, length = assert_is_take(recorder.stop(), take)
    assert num_stretches == pd.count("underrun") + 1
    assert length < 5 * RATE


def test_a_stream_begun_again_begins_again_and_its_end_is_not_heard_again(each_pd, take, tmp_path):
    for _ in range(2):
        recorder = Recorder(each_pd, tmp_path / "heard.wav")
        each_pd.begin()
        each_pd.let_play(1)
        each_pd.end()
        each_pd.message("info")
        each_pd.status("info rng 5")
        time.sleep(0.2)
        recording = recorder.stop()
        assert assert_is_take(recording, take)[1] > RATE // 2
        assert not np.any(each_pd.array("ring"))
        assert largest_step(recording[-RATE // 10 :]) == 0
        each_pd.send("pd", "dsp", 1)


def test_the_end_and_a_new_beginning_at_once_are_obeyed_in_order(each_pd):
    each_pd.begin()
    each_pd.message("stream")
    each_pd.message("stream ring 400")
    each_pd.status("stream off")
    each_pd.status("stream on")
    each_pd.message("stop")
    each_pd.status("stream off")


def test_what_the_ring_held_before_is_not_heard(pd, take, tmp_path):
    pd.send("ring", "const", 3)
    pd.begin()
    recorder = Recorder(pd, tmp_path / "heard.wav")
    pd.let_play(4)
    pd.end()
    assert np.abs(recorder.stop()).max() < 2


def test_unload_ends_a_stream_and_leaves_the_ring_silent(pd):
    (worker,) = pd.worker_pids()
    pd.begin()
    pd.let_play(0.4)
    pd.message("unload")
    pd.status("stream off")
    pd.status("worker off")
    wait_until_ended(worker)
    time.sleep(0.2)
    assert not np.any(pd.array("ring"))
    assert pd.count("error") == 0
    pd.load_model(GRU)
    pd.begin()


def test_a_killed_worker_ends_the_stream_and_leaves_the_ring_silent(each_pd):
    each_pd.begin()
    each_pd.let_play(0.4)
    os.kill(each_pd.worker_pids()[0], signal.SIGKILL)
    each_pd.status("error the worker was killed by signal 9 .*")
    each_pd.status("stream off")
    each_pd.status("worker off")
    time.sleep(0.2)
    assert not np.any(each_pd.array("ring"))
    each_pd.load_model(GRU)
    each_pd.begin()


def test_an_object_that_is_deleted_in_mid_stream_leaves_the_ring_silent(each_pd):
    (worker,) = each_pd.worker_pids()
    each_pd.begin()
    each_pd.let_play(0.4)
    each_pd.send("pd-instrument", "clear")
    each_pd.sync()
    assert not np.any(each_pd.array("ring"))
    wait_until_ended(worker)


BAD_RINGS = [
    ("stream nowhere", "no array 'nowhere'"),
    ("stream odd-ring", "131073 samples"),
    ("stream sound1", "10 samples"),
    ("stream short-ring 400", "12800 samples .*35280"),
    ("stream ring 19", "20 to 2000"),
    ("stream ring 2001", "20 to 2000"),
    ("stream ring 100 10", "sample rate: 10 Hz"),
    ("stream ring fast", "fast"),
]


def test_a_stream_that_cannot_be_gets_one_error_and_the_next_one_plays(pd):
    for message, quoted in BAD_RINGS:
        pd.message(message)
        pd.status(f"error .*{quoted}.*")
    assert pd.count("error") == len(BAD_RINGS)
    assert pd.count("stream on") == 0
    pd.begin()


def test_a_stream_whose_rate_needs_a_longer_latency_plays_with_that(pd):
    pd.message("stream ring 20 8000")
    pd.status("stream on")
    pd.status("latency 26")
    pd.let_play(0.4)
    assert pd.count("error") == 0
    pd.end()


def test_a_stream_without_a_model_is_refused():
    with StreamInPd() as pd:
        for message in ("stream ring", "save_state 1", "recall_state 1"):
            pd.message(message)
            pd.status("error .*: no model is loaded.*")
        pd.message("freeze 1")
        pd.status("error freeze: no stream is running.*")
        pd.message("stream")
        pd.message("info")
        pd.status("info model none")
        assert pd.count("error") == 4


@pytest.mark.parametrize("length", [1000, 262144])
def test_a_ring_that_is_made_anew_in_mid_stream_ends_it_silently(pd, length):
    pd.begin()
    pd.let_play(0.4)
    pd.send("ring", "resize", length)
    pd.status("error the arrays ring .*")
    pd.status("stream off")
    pd.sync()
    assert not np.any(pd.array("ring"))
    assert pd.count("error") == 1
    pd.send("ring", "resize", 131072)
    pd.begin()


def test_polls_that_tell_no_position_get_one_error_and_end_the_stream(pd):
    pd.send("polls", 0)
    pd.send("bare-polls", 1)
    pd.message("stream ring 400")
    pd.status("error stream: poll has no position.*")
    pd.status("stream off")
    assert not np.any(pd.array("ring"))
    assert pd.count("error") == 1
    pd.send("bare-polls", 0)
    pd.send("polls", 1)
    pd.begin()


def test_what_a_stream_does_not_allow_is_refused_and_it_plays_on(pd):
    pd.begin()
    for message, quoted in (
        ("generate sound1", "a stream is running"),
        ("continue sound1", "a stream is running"),
        ("stream ring", "a stream is running"),
        (f"load {GRU}", "a stream is running"),
        ("temperature hot", "hot"),
        ("temperature -1", "-1"),
        ("temperature 1 1", "2 temperatures for 1 voice"),
        ("ramp 1", "ramp T S"),
        ("latency 5", "20 to 2000"),
        ("freeze -1", "-1"),
        ("freeze 0.001", "0.02 to 3600"),
        ("recall_state 8", "no state 8 is saved"),
        ("envelope nowhere", "nowhere"),
        ("seed nowhere", "nowhere"),
        ("rng -1", "-1"),
        ("poll -1", "-1"),
        ("poll 0.5", "0.5"),
    ):
        pd.message(message)
        pd.status(f"error .*{quoted}.*")
    pd.let_play(1)
    assert pd.count("stream off") == 0
    pd.end()
    pd.message("length 0.01")
    pd.message("generate sound1")
    pd.status("generated sound1 16000 160")


@pytest.mark.parametrize("end", ["quit", "kill"])
def test_no_worker_outlives_a_pd_that_streams(each_pd, end):
    (worker,) = each_pd.worker_pids()
    each_pd.begin()
    each_pd.let_play(0.4)
    if end == "quit":
        assert each_pd.quit() == 0
    else:
        os.kill(each_pd.pid, signal.SIGKILL)
    wait_until_ended(worker)


def wait_for_all(pd, names, status):
    """Wait for a status of each, in any order."""
    for _ in names:
        pd.wait_for(rf"^\w+: {status}$", LOAD_LIMIT_S)


def test_four_streams_sound_at_once_and_closing_one_leaves_the_others(take, tmp_path):
    names = ("one", "two", "three", "four")
    with ClassInPd("four-streams.pd") as pd:
        for name in names:
            for atoms in (("latency", 800), ("load", GRU, "precision", "float32"), ("rng", 5)):
                pd.send(f"to-{name}", *atoms)
        wait_for_all(pd, names, "loaded gru_mulaw 16000 1")
        recorders = {
            name: Recorder(pd, tmp_path / f"{name}.wav", f"to-{name}-file") for name in names
        }
        pd.send("pd", "dsp", 1)
        for name in names:
            pd.send(f"to-{name}", 1)
        wait_for_all(pd, names, "stream on")
        workers = pd.worker_pids()
        assert len(workers) == 4
        pd.wait_for(r"^four: streaming [1-9].*$", TAKE_LIMIT_S)
        pd.send("pd-two", "clear")
        for _ in range(10):
            pd.wait_for(r"^four: streaming [1-9].*$", TAKE_LIMIT_S)
        assert len(pd.worker_pids()) == 3
        for name in ("one", "three", "four"):
            assert f"{name}: stream off" not in pd.console
            assert assert_is_take(recorders[name].stop(), take)[1] > RATE
