"""A training by several replicas is that of one process with the whole batch."""

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from training_runs import CONFIG, PLAN, history, losses, prepared, write_sounds
from worker_processes import PROJECT, end_of, start_workers

from sopilib.training.run_folder import RunFolder
from sopilib.training.state import load_state

# dropout draws other masks for each replica
STEADY = dataclasses.replace(CONFIG, rnn_dropout=0.0)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("data") / "sounds")


def worker_flags(sounds, logdir, *more):
    """Flags of a worker with PLAN, STEADY and half of PLAN's batch."""
    config = sounds.parent / "tiny.config.json"
    config.write_text(json.dumps(STEADY.to_dict()))
    flags = ["--data_dir", sounds, "--config_file", config, "--logdir_root", logdir, "--id", "x"]
    flags += ["--num_epochs", 3, "--batch_size", 2, "--warmup_steps", 5, "--lr_schedule", "cosine"]
    flags += ["--learning_rate", 0.01, "--log_every", 1, "--output_file_dur", 0.1]
    return [*flags, *more]


def workers(sounds, tmp_path, *more):
    """Two workers with folders of their own."""
    flags = [worker_flags(sounds, tmp_path / name, *more) for name in ("chief", "other")]
    return start_workers(*flags)


def chiefs_run(tmp_path):
    """The RunFolder, once it is there."""
    while not list(tmp_path.glob("chief/x/*/history.jsonl")):
        time.sleep(0.05)
    return RunFolder(next(tmp_path.glob("chief/x/*")))


def wait_for_steps(run_folder, count, processes):
    """Returns when the history has so many steps."""
    path = run_folder.path / "history.jsonl"
    while path.read_text().count('"steps"') < count:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


def assert_same_training(found, expected):
    """The same losses, held-out losses and weights, as far as float32 sums are."""
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
    """The RunFolder of one process with the whole batch."""
    training, run_folder = prepared(sounds, tmp_path_factory.mktemp("whole"), PLAN, STEADY)
    assert training.run() == "epochs"
    return run_folder


def test_two_workers_train_as_one_process_with_twice_the_batch(sounds, whole, tmp_path):
    (chief, other) = end_of(workers(sounds, tmp_path))
    assert chief[0] == 0 and other[0] == 0, (chief, other)
    run_folder = chiefs_run(tmp_path)
    assert len(losses(run_folder)) == 42
    assert_same_training(run_folder, whole)
    assert "all epochs are done" in chief[1] and run_folder.epochs() == [1, 2, 3]
    assert len(list(run_folder.path.glob("previews/*.wav"))) == 9
    assert other[1:] == ("", "") and not (tmp_path / "other").exists()
