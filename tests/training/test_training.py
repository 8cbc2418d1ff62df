"""Small but complete trainings: they learn, stop, resume exactly, and survive crashes."""

import dataclasses
import json
import os
import random
import resource
import signal
import threading
import time

import numpy as np
import pytest
import soundfile
from damaged_zip import encrypted, unknown_method
from golden import copy_checkpoint
from samplernn_process import start_samplernn
from training_runs import CONFIG, PLAN, history, losses, prepared, write_sounds

from sopilib.commands.main import main
from sopilib.errors import CheckpointError, RequestError, SampleRNNError
from sopilib.model.checkpoint import load_model
from sopilib.model.folder import find_model
from sopilib.model.network import named_variables
from sopilib.training import stops
from sopilib.training.plan import Plan
from sopilib.training.setup import Sources, prepare
from sopilib.training.state import STATE_NAME, load_state, save_state


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("data") / "sounds")


@pytest.fixture(scope="module")
def uninterrupted(sounds, tmp_path_factory):
    """Return the RunFolder of a whole training."""
    training, run_folder = prepared(sounds, tmp_path_factory.mktemp("whole"))
    assert training.run() == "epochs"
    return run_folder


def stop_after(run_folder, num_lines):
    """Send this process Ctrl-C as soon as the history has this many lines."""
    path = run_folder.path / "history.jsonl"

    def wait():
        while len(path.read_text().splitlines()) < num_lines:
            time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def assert_same_weights(run_folder, other):
    weights = [load_state(folder.path)[1] for folder in (run_folder, other)]
    assert weights[0].keys() == weights[1].keys()
    for name, values in weights[0].items():
        np.testing.assert_array_equal(values, weights[1][name], err_msg=name)


def test_a_training_improves_and_leaves_playable_checkpoints(uninterrupted):
    names = {path.name for path in uninterrupted.path.iterdir()}
    assert {f"model.ckpt-{n}.index" for n in (1, 2, 3)} <= names
    assert {"checkpoint", "tiny.config.json", "args.txt", STATE_NAME} <= names
    files = find_model(uninterrupted.path)
    assert files.config == CONFIG and files.prefix.endswith("model.ckpt-3")
    load_model(files)
    epochs = history(uninterrupted, "epoch")
    assert [line["epoch"] for line in epochs] == [1, 2, 3]
    assert epochs[0]["bits_per_sample"] < 4.05  # log2(16) is guessing
    assert epochs[2]["val_bits_per_sample"] < epochs[0]["val_bits_per_sample"] - 0.3


def test_the_checkpoint_holds_the_weights_of_the_state(uninterrupted):
    _, arrays = load_state(uninterrupted.path)
    for path, variable in named_variables(load_model(find_model(uninterrupted.path))).items():
        np.testing.assert_array_equal(variable, arrays[f"weights/{path}"])


@pytest.mark.parametrize("num_lines", [1, 7, 20])
def test_stopped_by_ctrl_c_and_resumed_it_has_the_losses_of_one_not_stopped(
    num_lines, sounds, uninterrupted, tmp_path
):
    training, run_folder = prepared(sounds, tmp_path)
    stop_after(run_folder, num_lines)
    assert training.run() == "interrupted"
    num_before = len(losses(run_folder))
    assert num_lines - 2 <= num_before < len(losses(uninterrupted))
    load_model(find_model(run_folder.path))
    again, same_folder = prepared(sounds, tmp_path)
    assert same_folder.path == run_folder.path
    assert again.position.step == num_before
    assert again.run() == "epochs"
    assert losses(run_folder) == losses(uninterrupted)
    assert_same_weights(run_folder, uninterrupted)


def test_a_second_process_does_not_train_in_the_same_run_folder(sounds, tmp_path):
    sources = Sources([sounds], tmp_path / "x", "tiny.config.json", True, None, ["samplernn"])
    with prepare(CONFIG, PLAN, sources, preview=None) as (training, run_folder):
        training.run()
        before = {path.name: path.read_bytes() for path in run_folder.path.glob("*.*")}
        output, errors = started(sounds, tmp_path).communicate(timeout=120)
        told = f"samplernn: another process trains in {run_folder.path} (wait for it, or give "
        assert told in errors.decode() and not output
        assert {path.name: path.read_bytes() for path in run_folder.path.glob("*.*")} == before
    process = started(sounds, tmp_path)
    process.communicate(timeout=120)
    assert process.returncode == 0 and not (run_folder.path / "training.lock").exists()


def test_a_finished_training_takes_no_more_steps(uninterrupted, sounds):
    before = losses(uninterrupted)
    training, run_folder = prepared(sounds, uninterrupted.path.parent)
    assert run_folder.path == uninterrupted.path
    assert training.run() == "epochs"
    assert losses(run_folder) == before


def started(sounds, logdir, *flags):
    """Return a `samplernn train` process with the tiny config and plan."""
    config = sounds.parent / "tiny.config.json"
    if not config.exists():
        config.write_text(json.dumps(CONFIG.to_dict()))
    words = ["train", "--data_dir", sounds, "--config_file", config]
    words += ["--logdir_root", logdir, "--id", "x", "--num_epochs", 3, "--batch_size", 4]
    words += ["--warmup_steps", 5, "--lr_schedule", "cosine", "--learning_rate", 0.01]
    words += ["--log_every", 1, "--generate", False, *flags]
    return start_samplernn(*words)


def test_killed_at_random_moments_it_resumes_from_the_saved_state(sounds, uninterrupted, tmp_path):
    rng = random.Random(4)
    for _ in range(3):
        process = started(sounds, tmp_path)
        while not list(tmp_path.glob("x/*/history.jsonl")) and process.poll() is None:
            time.sleep(0.05)
        num_lines = rng.randrange(1, 30)
        path = next(tmp_path.glob("x/*/history.jsonl"))
        while path.read_text().count('"steps"') < num_lines and process.poll() is None:
            time.sleep(0.001)
        process.kill()
        process.communicate()
    process = started(sounds, tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    (run,) = tmp_path.glob("x/*")
    whole = losses(uninterrupted)
    found = losses(type(uninterrupted)(run))
    assert list(found) == list(whole)
    np.testing.assert_allclose(list(found.values()), list(whole.values()), rtol=1e-6)


def test_ctrl_c_saves_and_is_status_130(sounds, tmp_path):
    process = started(sounds, tmp_path, "--num_epochs", "100000")
    while not list(tmp_path.glob("x/*/history.jsonl")) and process.poll() is None:
        time.sleep(0.05)
    path = next(tmp_path.glob("x/*/history.jsonl"))
    while not path.read_text() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert b"the same command resumes from here" in output
    progress, _ = load_state(path.parent)
    assert progress["position"]["step"] == path.read_text().count('"steps"')


def test_a_loss_that_is_not_finite_ends_it_with_the_last_checkpoint_intact(sounds, tmp_path):
    training, run_folder = prepared(sounds, tmp_path, dataclasses.replace(PLAN, num_epochs=1))
    training.run()
    state = (run_folder.path / STATE_NAME).read_bytes()
    wild = dataclasses.replace(PLAN, learning_rate=1e30, clip_norm=1e30, warmup_steps=0)
    training, _ = prepared(sounds, tmp_path, wild)
    with pytest.raises(
        SampleRNNError, match="the loss is nan.*model.ckpt-1 is intact.*learning_rate"
    ):
        training.run()
    assert (run_folder.path / STATE_NAME).read_bytes() == state
    load_model(find_model(run_folder.path))


def test_the_state_is_saved_within_an_epoch(sounds, tmp_path, monkeypatch):
    monkeypatch.setattr(stops, "STATE_EVERY_S", 0.0)
    wild = dataclasses.replace(PLAN, learning_rate=1e30, clip_norm=1e30, warmup_steps=0)
    training, run_folder = prepared(sounds, tmp_path, wild)
    with pytest.raises(SampleRNNError) as raised:
        training.run()
    step = load_state(run_folder.path)[0]["position"]["step"]
    assert 0 < step < 14 and f"at step {step + 1};" in str(raised.value)


def test_a_disk_that_fills_ends_it_with_the_last_checkpoint_intact(sounds, tmp_path):
    training, run_folder = prepared(sounds, tmp_path, dataclasses.replace(PLAN, num_epochs=1))
    training.run()
    state = (run_folder.path / STATE_NAME).read_bytes()
    training, _ = prepared(sounds, tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(CheckpointError, match="cannot write") as raised:
            training.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(raised.value)
    assert (run_folder.path / STATE_NAME).read_bytes() == state
    files = find_model(run_folder.path)
    assert files.prefix.endswith("model.ckpt-1")
    load_model(files)
    assert prepared(sounds, tmp_path)[0].run() == "epochs"


def test_a_state_that_cannot_be_written_whole_leaves_the_old_one(tmp_path):
    save_state(tmp_path, {"a": 1}, {"x": np.ones(3)})

    class Unwritable:
        def __array__(self, dtype=None, copy=None):
            raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match="No space left"):
        save_state(tmp_path, {"a": 2}, {"x": Unwritable()})
    progress, arrays = load_state(tmp_path)
    assert progress == {"a": 1} and arrays["x"].tolist() == [1.0, 1.0, 1.0]
    assert [path.name for path in tmp_path.iterdir()] == [STATE_NAME]


def cut(num_bytes):
    return lambda content: content[:num_bytes]


@pytest.mark.parametrize("damage", [cut(0), cut(10), cut(1000), encrypted, unknown_method])
def test_a_damaged_state_is_refused(damage, sounds, uninterrupted, tmp_path):
    folder = tmp_path / "23.11.2026_12.00.00"
    folder.mkdir()
    content = (uninterrupted.path / STATE_NAME).read_bytes()
    (folder / STATE_NAME).write_bytes(damage(content))
    with pytest.raises(CheckpointError, match="damaged.*--resume_from"):
        prepared(sounds, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda progress, arrays: progress.pop("fixed"),
        lambda progress, arrays: progress["position"].update(new=1),
        lambda progress, arrays: arrays.pop("optimizer/iterations"),
        lambda progress, arrays: arrays.update({"optimizer/iterations": np.zeros(2, np.int64)}),
    ],
)
def test_a_state_of_another_version_is_refused(change, sounds, uninterrupted, tmp_path):
    run = tmp_path / uninterrupted.path.name
    run.mkdir()
    progress, arrays = load_state(uninterrupted.path)
    change(progress, arrays)
    save_state(run, progress, arrays)
    with pytest.raises(CheckpointError, match="of another version: .*--resume_from"):
        prepared(sounds, tmp_path)


def test_a_recording_added_to_a_training_is_told_by_its_name(uninterrupted, sounds):
    added = sounds / "later.wav"
    soundfile.write(added, 0.3 * np.sin(np.arange(500)), 1000)
    told = r"trained on other recordings: added later\.wav \(.*--resume_from"
    try:
        with pytest.raises(CheckpointError, match=told):
            prepared(sounds, uninterrupted.path.parent)
    finally:
        added.unlink()


def test_a_state_that_lists_no_recordings_is_resumed(uninterrupted, sounds, tmp_path):
    run = tmp_path / uninterrupted.path.name
    run.mkdir()
    progress, arrays = load_state(uninterrupted.path)
    del progress["fixed"]["recordings"]
    save_state(run, progress, arrays)
    training, _ = prepared(sounds, tmp_path)
    assert training.position.step == progress["position"]["step"] > 0


def test_a_state_of_before_a_setting_was_there_is_resumed(uninterrupted, sounds, tmp_path):
    run = tmp_path / uninterrupted.path.name
    run.mkdir()
    progress, arrays = load_state(uninterrupted.path)
    for name in ("cut_softest", "ema_momentum", "num_replicas"):
        progress["fixed"].pop(name, None)
    save_state(run, progress, arrays)
    training, _ = prepared(sounds, tmp_path)
    assert training.position.step == progress["position"]["step"] > 0
    with pytest.raises(CheckpointError, match="another cut_softest, 0.0, not 0.01"):
        prepared(sounds, tmp_path, dataclasses.replace(PLAN, cut_softest=0.01))


def test_an_average_of_the_weights_is_not_dropped_or_begun_on_resuming(
    uninterrupted, sounds, tmp_path
):
    averaged = dataclasses.replace(PLAN, num_epochs=1, ema_momentum=0.9)
    prepared(sounds, tmp_path, averaged)[0].run()
    assert prepared(sounds, tmp_path, averaged)[0].position.epoch == 1
    with pytest.raises(CheckpointError, match="another ema_momentum, 0.9, not None"):
        prepared(sounds, tmp_path)
    with pytest.raises(CheckpointError, match="another ema_momentum, None, not 0.9"):
        prepared(sounds, uninterrupted.path.parent, averaged)


def test_another_batch_size_is_refused_on_resuming(uninterrupted, sounds):
    plan = dataclasses.replace(PLAN, batch_size=2)
    with pytest.raises(CheckpointError, match="another batch_size, 4, not 2"):
        prepared(sounds, uninterrupted.path.parent, plan)


def test_resume_false_begins_a_run_of_its_own(uninterrupted, sounds):
    training, run_folder = prepared(sounds, uninterrupted.path.parent, resume=False)
    assert run_folder.path != uninterrupted.path
    assert training.position.step == 0


def test_resume_from_a_checkpoint_begins_with_its_weights_after_its_epoch(
    uninterrupted, sounds, tmp_path
):
    prefix = uninterrupted.path / "model.ckpt-2"
    training, run_folder = prepared(sounds, tmp_path, resume_from=prefix)
    assert run_folder.path.parent == tmp_path
    assert training.position.epoch == 2
    nats, _ = training.validate()
    held_out = history(uninterrupted, "epoch")[1]["val_bits_per_sample"]
    assert nats / np.log(2) == pytest.approx(held_out, rel=1e-6)
    assert training.run() == "epochs"
    assert [line["epoch"] for line in history(run_folder, "epoch")] == [3]


def test_held_out_chunks_fade_in_from_silence_as_in_training(sounds, tmp_path):
    sudden, _ = prepared(sounds, tmp_path / "sudden")
    soft, _ = prepared(sounds, tmp_path / "soft", dataclasses.replace(PLAN, fade_in=0.02))
    gradual, _ = prepared(sounds, tmp_path / "gradual", dataclasses.replace(PLAN, fade_in=0.2))
    nats = [training.validate()[0] for training in (sudden, soft, gradual)]
    assert len(set(nats)) == 3


def test_a_run_of_prism_is_resumed(sounds, tmp_path):
    prism_run = copy_checkpoint("gru_mulaw", tmp_path / "26.07.2020_20.48.51")
    files = find_model(prism_run)
    plan = dataclasses.replace(PLAN, num_epochs=2)
    training, run_folder = prepared(sounds, tmp_path, plan, config=files.config)
    assert training.position.epoch == 1  # it left model.ckpt-1
    assert training.run() == "epochs"
    assert run_folder.path != prism_run and run_folder.epochs() == [2]
    again, same_folder = prepared(sounds, tmp_path, plan, config=files.config)
    assert same_folder.path == run_folder.path and again.position.epoch == 2


def test_a_run_that_began_with_weights_keeps_its_schedule_when_resumed(
    uninterrupted, sounds, tmp_path
):
    plan = dataclasses.replace(PLAN, num_epochs=4)
    prefix = uninterrupted.path / "model.ckpt-2"
    whole, whole_folder = prepared(sounds, tmp_path / "whole", plan, resume_from=prefix)
    assert whole.run() == "epochs"
    parts = tmp_path / "parts"
    first, _ = prepared(sounds, parts, dataclasses.replace(plan, num_epochs=3), resume_from=prefix)
    assert first.run() == "epochs"
    second, parts_folder = prepared(sounds, parts, plan)
    assert second.run() == "epochs"
    rates = [line["learning_rate"] for line in history(whole_folder, "steps")]
    steps_per_epoch = whole.steps_per_epoch
    assert rates[0] == pytest.approx(PLAN.learning_rate / PLAN.warmup_steps)
    assert [line["learning_rate"] for line in history(parts_folder, "steps")][
        steps_per_epoch:
    ] == rates[steps_per_epoch:]


@pytest.mark.parametrize(
    "change, told",
    [
        ({"batch_size": 0}, "--batch_size 0"),
        ({"optimizer": "adan"}, "--optimizer adan (give adam or sgd or rmsprop or muon)"),
        ({"learning_rate": float("nan")}, "--learning_rate nan"),
        ({"val_frac": 1.0}, "--val_frac 1.0"),
        ({"max_checkpoints": 0}, "--max_checkpoints 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(change, told):
    with pytest.raises(RequestError) as raised:
        Plan(**change)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda folder: None, "no sound files"),
        (lambda folder: (folder / "a.wav").write_bytes(b"RIFFnoise"), "cannot read"),
        (lambda folder: soundfile.write(folder / "a.wav", np.zeros(0), 1000), "is empty"),
        (lambda folder: soundfile.write(folder / "a.wav", np.zeros(5000), 1000), "only silence"),
        (lambda folder: soundfile.write(folder / "a.wav", np.ones(200), 1000), "too little"),
    ],
)
def test_unusable_data_is_a_one_line_error(make, told, tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    make(data)
    flags = ["train", "--data_dir", str(data), "--logdir_root", str(tmp_path / "logdir")]
    assert main(flags) == 1
    error = capsys.readouterr().err
    assert told in error and error.startswith("samplernn: ") and error.count("\n") == 1
    assert not (tmp_path / "logdir").exists()
