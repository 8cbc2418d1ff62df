"""A training by several replicas equals that of one process with the whole batch."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from places import PROJECT, SUPPORT
from training_runs import EVEN, STEADY, history, losses, prepared, write_sounds
from worker_processes import end_of, start_workers

from sopilib.errors import CheckpointError, RequestError
from sopilib.model.checkpoint import load_model
from sopilib.model.folder import find_model
from sopilib.training.cluster import find_replicas
from sopilib.training.replicas import OneReplica
from sopilib.training.run_folder import RunFolder
from sopilib.training.state import load_state

WAITING = "worker 2 of 2 waits for the others\n"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("data") / "sounds")


def worker_flags(sounds, logdir, *more):
    """Return flags of a worker with EVEN, STEADY and half of EVEN's batch."""
    config = sounds.parent / "tiny.config.json"
    config.write_text(json.dumps(STEADY.to_dict()))
    flags = ["--data_dir", sounds, "--config_file", config, "--logdir_root", logdir, "--id", "x"]
    flags += ["--num_epochs", 3, "--batch_size", 2, "--warmup_steps", 5]
    flags += ["--learning_rate", 0.01, "--log_every", 1, "--generate", "False"]
    return [*flags, *more]


def workers(sounds, tmp_path, *more):
    """Run two workers with their own folders."""
    flags = [worker_flags(sounds, tmp_path / name, *more) for name in ("chief", "other")]
    return start_workers(*flags)


def chiefs_run(tmp_path):
    """Return the RunFolder once it exists."""
    while not list(tmp_path.glob("chief/x/*/history.jsonl")):
        time.sleep(0.05)
    return RunFolder(next(tmp_path.glob("chief/x/*")))


def wait_for_steps(run_folder, count, processes):
    """Wait until the history has this many steps."""
    path = run_folder.path / "history.jsonl"
    while path.read_text().count('"steps"') < count:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


def assert_same_training(found, expected):
    """Assert the same losses, held-out losses and weights, up to the rounding of float32 sums."""
    assert list(losses(found)) == list(losses(expected))
    np.testing.assert_allclose(
        list(losses(found).values()), list(losses(expected).values()), atol=1e-4
    )
    for name in ("val_bits_per_sample", "val_accuracy", "bits_per_sample"):
        values = [[e[name] for e in history(run, "epoch")] for run in (found, expected)]
        np.testing.assert_allclose(*values, atol=1e-4)
    arrays, wanted = load_state(found.path)[1], load_state(expected.path)[1]
    assert arrays.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(arrays[name], values, atol=1e-4, err_msg=name)


@pytest.fixture(scope="module")
def whole(sounds, tmp_path_factory):
    """Return the RunFolder of one process with the whole batch."""
    training, run_folder = prepared(sounds, tmp_path_factory.mktemp("whole"), EVEN, STEADY)
    assert training.run() == "epochs"
    return run_folder


@pytest.fixture(scope="module")
def unstopped(sounds, tmp_path_factory):
    """Return the folder and the (exit status, stdout, stderr) of two uninterrupted workers."""
    folder = tmp_path_factory.mktemp("unstopped")
    previews = ["--generate", "True", "--output_file_dur", 0.1]
    return folder, end_of(workers(sounds, folder, *previews))


def assert_the_losses_of(unstopped, found):
    expected = losses(chiefs_run(unstopped[0]))
    assert list(losses(found)) == list(expected)
    np.testing.assert_allclose(list(losses(found).values()), list(expected.values()), rtol=1e-6)


def test_two_workers_train_as_one_process_with_twice_the_batch(unstopped, whole):
    folder, (chief, other) = unstopped
    assert chief[0] == 0 and other[0] == 0, (chief, other)
    run_folder = chiefs_run(folder)
    assert len(losses(run_folder)) == 42
    assert_same_training(run_folder, whole)
    load_model(find_model(run_folder.path))
    assert "all epochs are done" in chief[1] and run_folder.epochs() == [1, 2, 3]
    assert len(list(run_folder.path.glob("previews/*.wav"))) == 9
    assert other[1:] == ("", WAITING) and not (folder / "other").exists()


def test_workers_that_stop_after_some_steps_resume_exactly(sounds, unstopped, tmp_path):
    ends = end_of(workers(sounds, tmp_path, "--max_steps", 20))
    assert [status for status, _, _ in ends] == [0, 0], ends
    run_folder = chiefs_run(tmp_path)
    assert list(losses(run_folder)) == list(range(1, 21))
    ends = end_of(workers(sounds, tmp_path))
    assert [status for status, _, _ in ends] == [0, 0], ends
    assert_the_losses_of(unstopped, run_folder)


def test_ctrl_c_on_one_worker_stops_all_after_the_same_step(sounds, unstopped, tmp_path):
    processes = workers(sounds, tmp_path)
    run_folder = chiefs_run(tmp_path)
    wait_for_steps(run_folder, 5, processes)
    processes[1].send_signal(signal.SIGINT)
    (chief, other) = end_of(processes)
    assert chief[0] == other[0] == 130, (chief, other)
    assert "the same command resumes from here" in chief[1] and other[1:] == ("", WAITING)
    stopped_at = len(losses(run_folder))
    assert load_state(run_folder.path)[0]["position"]["step"] == stopped_at < 42
    ends = end_of(workers(sounds, tmp_path))
    assert [status for status, _, _ in ends] == [0, 0], ends
    assert f"resuming at step {stopped_at}" in ends[0][2]
    assert_the_losses_of(unstopped, run_folder)


@pytest.mark.parametrize("victim", [0, 1])
def test_when_a_worker_dies_the_other_ends_with_an_error_and_both_resume(
    victim, sounds, unstopped, tmp_path
):
    processes = workers(sounds, tmp_path)
    run_folder = chiefs_run(tmp_path)
    wait_for_steps(run_folder, 17, processes)
    processes[victim].kill()
    status, output, errors = end_of(processes)[1 - victim]
    assert status == 1, (output, errors)
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("samplernn: the workers have lost each other: ")
    ends = end_of(workers(sounds, tmp_path))
    assert [status for status, _, _ in ends] == [0, 0], ends
    assert_the_losses_of(unstopped, run_folder)


def test_another_number_of_replicas_is_refused_on_resuming(sounds, unstopped):
    plan = dataclasses.replace(EVEN, batch_size=2)
    logdir = chiefs_run(unstopped[0]).path.parent
    with pytest.raises(CheckpointError, match="another num_replicas, 2, not 1 "):
        prepared(sounds, logdir, plan, STEADY)


def test_other_recordings_on_one_worker_end_all_with_an_error(sounds, tmp_path):
    others = write_sounds(tmp_path / "others", durs_s=(1.0, 1.0))
    flags = worker_flags(sounds, tmp_path / "chief"), worker_flags(sounds, tmp_path / "other")
    flags[1][1] = others
    (chief, other) = end_of(start_workers(*flags))
    assert chief[0] == other[0] == 1
    line = "samplernn: another worker cannot train (see what it says itself)"
    assert chief[2].splitlines()[-1] == line
    assert other[2].startswith(f"{WAITING}samplernn: worker 2 has another corpus checksum, ")
    assert other[2].count("\n") == 2
    assert not (tmp_path / "chief").exists()


def test_an_unwritable_run_folder_of_the_chief_ends_all(sounds, tmp_path):
    (tmp_path / "chief").write_text("no folder")
    (chief, other) = end_of(workers(sounds, tmp_path))
    assert chief[0] == other[0] == 1
    line = chief[2].splitlines()[-1]
    assert line.startswith("samplernn: cannot ")
    assert other[2] == f"{WAITING}{line.replace(': ', ': the first worker says: ', 1)}\n"


def test_a_loss_that_is_not_finite_ends_all(sounds, tmp_path):
    wild = ["--learning_rate", 1e30, "--clip_norm", 1e30, "--warmup_steps", 0]
    (chief, other) = end_of(workers(sounds, tmp_path, *wild))
    assert chief[0] == other[0] == 1
    line = chief[2].splitlines()[-1]
    assert "the loss is nan at step" in line and "no checkpoint was written yet in " in line
    assert other[2] == f"{WAITING}{line}\n"


MIRRORED = """
    import dataclasses, pathlib, sys
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from training_runs import EVEN, STEADY
    from sopilib.training.replicas import Mirrored
    from sopilib.training.setup import Sources, prepare
    sounds, logdir, mixed_precision, max_steps = sys.argv[1:]
    plan = dataclasses.replace(
        EVEN, batch_size=2, mixed_precision=bool(mixed_precision), max_steps=int(max_steps)
    )
    sources = Sources(
        [pathlib.Path(sounds)], pathlib.Path(logdir), "tiny.config.json", True, None, ["samplernn"]
    )
    replicas = Mirrored(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    with prepare(STEADY, plan, sources, None, replicas) as (training, run_folder):
        training.run()
"""


def mirrored(sounds, logdir, mixed_precision=False, max_steps=42):
    """Return the RunFolder of a training on two devices of one process.

    XLA writes the loss's gradient into `logdir`/xla as often as it compiles it.
    """
    arguments = [str(sounds), str(logdir), "1" if mixed_precision else "", str(max_steps)]
    flags = f"--xla_dump_to={logdir / 'xla'} --xla_dump_hlo_module_re=.*_logits_gradient_.*"
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT}:{SUPPORT}", "XLA_FLAGS": flags}
    command = [sys.executable, "-c", textwrap.dedent(MIRRORED), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return RunFolder.latest(logdir)


def test_two_devices_of_one_process_train_as_one_with_twice_the_batch(sounds, whole, tmp_path):
    assert_same_training(mirrored(sounds, tmp_path), whole)
    executables = list(tmp_path.glob("xla/*_logits_gradient_*.before_optimizations.txt"))
    assert len(executables) == 2  # one for each, see `row_groups.compiled`


def test_two_devices_with_bfloat16_products_come_near_the_same_losses(sounds, tmp_path):
    plan = dataclasses.replace(EVEN, mixed_precision=True, max_steps=10)
    training, run_folder = prepared(sounds, tmp_path / "one", plan, STEADY)
    training.run()
    straight = mirrored(sounds, tmp_path / "straight", True, 10)
    np.testing.assert_allclose(
        list(losses(straight).values()), list(losses(run_folder).values()), atol=1e-2
    )


@pytest.mark.parametrize(
    "text, told",
    [
        ("{", "JSONDecodeError"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "KeyError"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}', "2"),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
            "ps",
        ),
        ("[1]", "AttributeError"),
    ],
)
def test_a_tf_config_without_a_place_for_this_machine_is_refused(text, told, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(RequestError, match=f"TF_CONFIG names no place .*{told}.*give '") as raised:
        find_replicas()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}']
)
def test_one_worker_trains_as_without_tf_config(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    assert type(find_replicas()) is OneReplica


def test_more_gpus_than_there_are_is_refused():
    with pytest.raises(RequestError, match="--num_gpus 99, and TensorFlow finds"):
        find_replicas(99)
