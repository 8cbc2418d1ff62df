"""When a training ends, which checkpoints it keeps, and the learning rate on the way."""

import dataclasses

import numpy as np
import pytest
from training_runs import CONFIG, PLAN, history, losses, prepared, write_sounds

from sopilib.model.checkpoint import load_model
from sopilib.model.folder import find_model
from sopilib.model.network import SampleRNN
from sopilib.training.plan import Plan
from sopilib.training.run_folder import RunFolder
from sopilib.training.state import load_state


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("data") / "sounds")


@pytest.mark.parametrize(
    "max_checkpoints, best_epoch, kept",
    [
        (5, None, [4, 5, 6, 7, 8]),
        (5, 3, [3, 4, 5, 6, 7, 8]),
        (1, None, [8]),
        (2, 1, [1, 7, 8]),
        (None, 3, [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_the_newest_checkpoints_are_kept_and_the_best(max_checkpoints, best_epoch, kept, tmp_path):
    run_folder = RunFolder.create(tmp_path, "tiny.config.json", CONFIG, ["samplernn"])
    model = SampleRNN(CONFIG)
    for epoch in range(1, 9):
        best = best_epoch if best_epoch is not None and best_epoch <= epoch else None
        run_folder.save_model(model, epoch, best, max_checkpoints)
    assert run_folder.epochs() == kept
    assert find_model(run_folder.path).prefix.endswith("model.ckpt-8")
    names = [path.name for path in run_folder.path.glob("model.ckpt-*")]
    assert len(names) == 2 * len(kept)


def test_max_steps_ends_within_an_epoch_with_a_checkpoint_and_held_out_bits(sounds, tmp_path):
    training, run_folder = prepared(sounds, tmp_path, dataclasses.replace(PLAN, max_steps=7))
    assert training.run() == "steps"
    assert list(losses(run_folder)) == [1, 2, 3, 4, 5, 6, 7]
    assert [line["step"] for line in history(run_folder, "epoch")] == [7]
    load_model(find_model(run_folder.path))


def test_max_steps_at_the_end_of_an_epoch_begins_no_other(sounds, tmp_path):
    plan = dataclasses.replace(PLAN, max_steps=14)
    training, run_folder = prepared(sounds, tmp_path, plan)
    assert training.steps_per_epoch == 14
    assert training.run() == "steps"
    assert prepared(sounds, tmp_path, plan)[0].run() == "steps"
    assert [line["epoch"] for line in history(run_folder, "epoch")] == [1]
    assert run_folder.epochs() == [1]


def test_minutes_that_are_over_before_an_epochs_first_step_leave_no_line_and_no_checkpoint_of_it(
    sounds, tmp_path
):
    training, run_folder = prepared(sounds, tmp_path, dataclasses.replace(PLAN, max_minutes=1e-9))
    assert training.run() == "minutes"
    assert history(run_folder, "epoch") == [] and run_folder.epochs() == []
    assert load_state(run_folder.path)[0]["position"]["step"] == 0


def test_it_ends_when_no_epoch_is_better(sounds, tmp_path):
    plan = dataclasses.replace(
        PLAN,
        num_epochs=50,
        learning_rate=1.0,
        clip_norm=1e9,
        warmup_steps=0,
        early_stopping_patience=2,
    )
    training, run_folder = prepared(sounds, tmp_path, plan)
    assert training.run() == "patience"
    bits = [line["val_bits_per_sample"] for line in history(run_folder, "epoch")]
    assert min(bits[-2:]) >= min(bits[:-2])


WORSENING = Plan(
    num_epochs=6,
    batch_size=4,
    learning_rate=1.0,
    clip_norm=1e9,
    checkpoint_policy="Best",
    early_stopping_patience=9,
    log_every=1,
)


def better_than_all_before(run_folder):
    """Return the epochs whose held-out bits are the lowest so far."""
    bits = [line["val_bits_per_sample"] for line in history(run_folder, "epoch")]
    return [n for n in range(1, len(bits) + 1) if bits[n - 1] < min(bits[: n - 1], default=np.inf)]


def test_with_the_policy_best_only_better_epochs_leave_checkpoints(sounds, tmp_path):
    training, run_folder = prepared(sounds, tmp_path, WORSENING)
    assert training.run() == "epochs"
    assert run_folder.epochs() == better_than_all_before(run_folder) != list(range(1, 7))


def test_what_a_stop_in_mid_epoch_left_goes_where_the_epoch_is_not_better(sounds, tmp_path):
    whole, whole_folder = prepared(sounds, tmp_path / "whole", WORSENING)
    whole.run()
    worse = next(n for n in range(1, 7) if n not in better_than_all_before(whole_folder))
    max_steps = (worse - 1) * whole.steps_per_epoch + 1
    stopped = dataclasses.replace(WORSENING, max_steps=max_steps)
    training, run_folder = prepared(sounds, tmp_path / "stopped", stopped)
    assert training.run() == "steps" and run_folder.epochs()[-1] == worse
    again, _ = prepared(sounds, tmp_path / "stopped", WORSENING)
    assert again.run() == "epochs"
    assert run_folder.epochs() == whole_folder.epochs()
    newest = (run_folder.path / "checkpoint").read_text().splitlines()[0]
    assert newest == f'model_checkpoint_path: "model.ckpt-{run_folder.epochs()[-1]}"'


@pytest.mark.parametrize(
    "plan, step, expected",
    [
        (Plan(learning_rate=1.0), 1234, 1.0),
        (Plan(learning_rate=1.0, warmup_steps=4), 0, 0.25),
        (Plan(learning_rate=1.0, warmup_steps=4), 4, 1.0),
        (Plan(learning_rate=1.0, num_epochs=10, lr_schedule="cosine"), 50, 0.5),
        (Plan(learning_rate=1.0, num_epochs=10, lr_schedule="cosine", max_steps=50), 50, 0.0),
        (Plan(learning_rate=1.0, reduce_learning_rate_after=3), 29, 1.0),
        (Plan(learning_rate=1.0, reduce_learning_rate_after=3), 30, 0.904837),
        (Plan(learning_rate=1.0, reduce_learning_rate_after=3), 49, 0.818731),
    ],
)
def test_the_learning_rate_of_a_step(plan, step, expected):
    assert plan.learning_rate_at(step, steps_per_epoch=10) == pytest.approx(expected, abs=1e-6)


def test_the_learning_rate_of_a_run_that_begins_with_weights_is_its_own():
    plan = Plan(learning_rate=1.0, num_epochs=10, lr_schedule="cosine", warmup_steps=4)
    rates = [plan.learning_rate_at(step, 10, first_step=80) for step in (80, 84, 92, 99)]
    assert rates == pytest.approx([0.25, 1.0, 0.5, 0.009607], abs=1e-6)
