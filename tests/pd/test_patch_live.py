"""The abstraction `[samplernn~]` in a user's patch, in a real Pd without a window."""

import os
import shutil
import signal

import numpy as np
import pytest
from class_in_pd import GRU, LOAD_LIMIT_S
from live_patch import LATENCY_MS, MODEL_RATE, LivePatch
from pd_host import write_patch

RING = 262144  # samples


@pytest.fixture
def pd(tmp_path):
    with LivePatch(tmp_path) as pd:
        yield pd


def test_1_before_the_load_starts_the_stream_as_soon_as_the_model_is_there(pd):
    pd.message(1)
    pd.load()
    pd.status("stream on")
    pd.message(0)
    pd.status("stream off")
    assert pd.statuses() == [
        "stream waiting",
        "worker on",
        "rate 16000 assumed",
        "loaded gru_mulaw 16000 1",
        "stream on",
        "stream off",
    ]


@pytest.mark.parametrize("arguments, told", [("2024", "2024"), ("0", None)])
def test_a_number_is_a_model_too_and_0_is_none(tmp_path, arguments, told):
    """An argument that an abstraction around it lacks is 0."""
    with LivePatch(tmp_path, arguments) as pd:
        pd.message("info")
        pd.status("info rng .*")
        if told:
            pd.status(rf"error no model '{told}'.*")
        else:
            assert not any(line.startswith("error") for line in pd.statuses())


def test_0_before_the_model_is_there_leaves_it_silent(pd):
    pd.message(1)
    pd.message(0)
    pd.load()
    pd.message("info")
    pd.status("info rng .*")
    assert "stream on" not in pd.statuses()


def test_a_load_in_mid_stream_ends_it_loads_and_starts_again(pd):
    pd.load()
    pd.message(1)
    pd.status("stream on")
    pd.message("load", GRU, "voices", 2)
    pd.status("stream off")
    pd.status("loaded gru_mulaw 16000 2")
    pd.status("stream on")
    assert not any(line.startswith("error") for line in pd.statuses())


def test_after_a_load_that_fails_in_mid_stream_the_old_model_plays_on(pd):
    pd.load()
    pd.message(1)
    pd.status("stream on")
    pd.message("load", "no-such-folder")
    pd.status("stream off")
    pd.status("error .*no-such-folder.*")
    pd.status("stream on")


def test_0_and_1_at_once_start_the_stream_anew(pd):
    pd.load()
    pd.message(1)
    pd.status("stream on")
    pd.message(0)
    pd.message(1)
    pd.status("stream off")
    pd.status("stream on")


@pytest.mark.parametrize("ending", ["stop", "unload"])
def test_what_ends_the_stream_from_within_switches_it_off(pd, ending):
    pd.load()
    pd.message(1)
    pd.status("stream on")
    pd.message(ending)
    pd.status("stream off")
    pd.load()
    pd.message("info")
    pd.status("info rng .*")
    assert pd.statuses().count("stream on") == 1


def test_a_stream_that_is_refused_is_said_to_be_off(pd):
    pd.load()
    pd.message("envelope", "no-such-array")
    pd.message(1)
    pd.status("error .*no-such-array.*")
    pd.status("stream off")
    pd.message("envelope")
    pd.message(1)
    pd.status("stream on")


def test_latencies_out_of_range_are_refused_and_not_kept(pd):
    pd.load()
    pd.message("latency", 3000)
    pd.message(1)
    pd.status("stream on")
    pd.message("info")
    pd.status(f"info latency {LATENCY_MS}")


def test_the_arguments_are_model_voices_and_latency(tmp_path):
    shutil.copytree(GRU, tmp_path / "my model")
    with LivePatch(tmp_path, arguments=r"my\ model 2 150") as pd:
        pd.status(r"loaded my\\ model 16000 2")
        pd.message("info")
        pd.status("info latency 150")


@pytest.mark.parametrize(
    "arguments, told",
    [
        ("foo", "VOICES is foo (give 1 to 64)"),
        ("2 foo", "LATENCY_MS is foo (give 20 to 2000)"),
        ("2 150 7", "NAME is 7 (give a word)"),
        ("-3 0 0", None),
        ("2 150 duo", None),
    ],
)
def test_an_argument_of_the_wrong_kind_is_one_clear_line(tmp_path, arguments, told):
    with LivePatch(tmp_path, arguments=f"{GRU} {arguments}") as pd:
        pd.status(f"loaded gru_mulaw 16000 {2 if arguments[0] == '2' else 1}")
        lines = [line for line in pd.console.splitlines() if not line.startswith("status:")]
    assert lines == ([] if told is None else [f"samplernn~: {told}"])


@pytest.mark.parametrize(
    "arguments, latency_ms, least_ahead_ms",
    [(f"{GRU} 1 500", 500, 250), (f"{GRU} 1", 100, 1), (f"{GRU}", 100, 1)],
)
def test_a_stream_has_the_latency_of_the_arguments(tmp_path, arguments, latency_ms, least_ahead_ms):
    with LivePatch(tmp_path, arguments=arguments) as pd:
        pd.send("pd", "dsp", 1)
        pd.message(1)
        pd.status("stream on")
        pd.let_play(3)
        pd.message("info")
        pd.status(f"info latency {latency_ms}")
        ahead_ms = max(float(pd.status(r"streaming (\S+) .*")[1]) for _ in range(5))
    assert least_ahead_ms < ahead_ms <= latency_ms


def test_files_count_from_the_folder_of_the_patch_that_uses_it(pd, tmp_path):
    shutil.copytree(GRU, tmp_path / "run")
    pd.message("load", "run", "voices", 2)
    pd.status("loaded run 16000 2")
    pd.message("load", "run")
    pd.status("loaded run 16000 1")
    pd.message("length", 0.05)
    pd.message("generate", "take")
    pd.status("generated take 16000 800")
    pd.message("save", "first")
    pd.status(f"saved {tmp_path / 'first.wav'}")
    pd.message("seed", "first.wav")
    pd.message("info")
    pd.status(f"info seed {tmp_path / 'first.wav'}")


@pytest.mark.parametrize("block", ["64 1 1", "1024 1 1", "16 1 1"])
def test_the_stream_is_the_take_sample_by_sample_round_the_ring(tmp_path, block):
    sample_rate, num_laps = 96000, 1.5
    with LivePatch(
        tmp_path, extra=[f"#X obj 400 20 block~ {block}"], sample_rate=sample_rate
    ) as pd:
        pd.load("rate", 16000)  # stated, so that --out_sr resamples
        pd.message("rng", 7)
        pd.start_recording()
        pd.message(1)
        pd.status("stream on")
        pd.let_play(round(5 * num_laps * RING / sample_rate) + 2)
        underruns = pd.status(r"streaming \S+ \S+ (\d+)")[1]
        pd.message(0)
        pd.status("stream off")
        heard = pd.recorded()
        sounding = np.flatnonzero(heard)
        heard = heard[sounding[0] : sounding[-1] + 1]
        pd.message(
            "generate",
            "--out_sr",
            sample_rate,
            "--dur",
            len(heard) / sample_rate + 0.5,
            "--out",
            "take",
        )
        pd.status("generated .*")
        take = np.frombuffer(pd.array("take"), np.float32)
    assert underruns == "0"
    assert len(heard) > num_laps * RING
    first, last = sample_rate // 100, len(heard) - sample_rate // 100  # without the fades
    np.testing.assert_allclose(heard[first:last], take[first:last], atol=1e-5)


def test_the_gain_is_in_db(tmp_path):
    with LivePatch(tmp_path) as pd:
        pd.load()
        pd.start_recording()
        pd.message("gain", -200)
        pd.message("rng", 7)
        pd.message(1)
        pd.status("stream on")
        pd.let_play(3)
        pd.message("gain", 0)
        pd.let_play(5)
        pd.message("gain", 20)
        pd.let_play(5)
        pd.message(0)
        pd.status("stream off")
        heard = pd.recorded()
    assert np.count_nonzero(heard[: MODEL_RATE // 4]) == 0
    sounding = heard[np.flatnonzero(heard)[0] :]
    at_0_db, at_20_db = sounding[2000:12000], sounding[-14000:-4000]
    assert np.abs(at_0_db).max() < 1.5
    assert np.std(at_20_db) == pytest.approx(10 * np.std(at_0_db), rel=0.5)


def test_one_that_is_deleted_leaves_the_other_sounding(tmp_path):
    write_patch(
        tmp_path,
        "#X obj 20 20 receive to-other",
        "#X obj 20 60 samplernn~",
        "#X obj 20 100 print other",
        "#X connect 0 0 1 0",
        "#X connect 1 1 2 0",
        name="other.pd",
    )
    with LivePatch(
        tmp_path,
        extra=["#N canvas 0 0 200 200 sub 0", "#X obj 20 20 other", "#X restore 400 20 pd sub"],
    ) as pd:
        pd.load()
        pd.message(1)
        pd.status("stream on")
        for atoms in (("load", GRU), (1,)):
            pd.send("to-other", *atoms)
        pd.wait_for("^other: stream on$", LOAD_LIMIT_S)
        pd.send("pd-sub", "clear")
        pd.sync()
        pd.let_play(5)
        assert "stream off" not in pd.statuses()


def test_a_worker_that_is_killed_in_mid_stream_ends_it_and_a_load_brings_it_back(pd):
    pd.load()
    pd.message(1)
    pd.status("stream on")
    (worker,) = pd.worker_pids()
    os.kill(worker, signal.SIGKILL)
    pd.status("worker off")
    pd.load()
    pd.message(1)
    pd.status("stream on")
