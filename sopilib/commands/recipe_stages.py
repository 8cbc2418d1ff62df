"""Train the stages of a recipe, each for its part of the time.

Each stage is a run in LOGDIR_ROOT/ID that begins with the weights of the stage before.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from sopilib.commands.recipe_audition import candidates_of
from sopilib.commands.recipe_request import RecipeRequest
from sopilib.errors import RequestError
from sopilib.training.dataset import Data
from sopilib.training.pace import Pace
from sopilib.training.plan import Plan, flags_of
from sopilib.training.recipe import TIMED, Recipe, config_of
from sopilib.training.recipe_progress import RecipeProgress
from sopilib.training.replicas import OneReplica
from sopilib.training.setup import Sources, prepare, read_data
from sopilib.training.speed import TrainingSpeed, estimated, measure_training
from sopilib.training.stops import StopReason
from sopilib.training.time_budget import (
    Clock,
    TimeBudget,
    at_least_hours,
    stage_seconds,
    time_text,
)

# of the whole time, and seconds at most, to measure the speed of training
_MEASURED_PART, _MEASURED_S = 0.01, 20.0
# of a stage's steps that warm-up may take, unless a flag says otherwise
_WARM_UP_PART = 0.1
# settings of Plan on which the data depend
_OF_DATA = (
    "batch_size",
    "val_frac",
    "num_val_batches",
    "mono",
    "cut_below",
    "cut_softest",
    "chunk_dur",
    "fade_in",
)


class Stages:
    """The stages of a training, of which some may be done.

    Args:
      request: what to train.
      recipe: of its preset.
      progress: how far it has come; it advances, and is saved, as the stages run.
      budget: the time of all.
      clock: seconds that only rise.
      replicas: the replicas that train.
    """

    def __init__(
        self,
        request: RecipeRequest,
        recipe: Recipe,
        progress: RecipeProgress,
        budget: TimeBudget,
        clock: Clock,
        replicas: OneReplica,
    ) -> None:
        self._request, self._recipe, self._progress = request, recipe, progress
        self._budget, self._clock, self._replicas = budget, clock, replicas
        self._finish_s = recipe.finish.seconds(request.total_s)
        self._plans = [recipe.plan(stage, request.flags) for stage in recipe.stages]
        self._configs = [config_of(stage, request.config) for stage in recipe.stages]
        self._data: tuple[tuple[Any, ...], Data] | None = None
        self._tail_s: float | None = None  # as measured in the stage before

    @property
    def _left_s(self) -> float:
        """Seconds that are left for training."""
        return self._budget.left_s - self._finish_s

    def run(self) -> StopReason:
        """Train the stages that are not done; return 'interrupted', or why the last one ended.

        Raises:
          RequestError: there is too little time.
          SampleRNNError: see `prepare` and `Training.run`.
        """
        reason: StopReason = "steps"
        left = [k for k, stage in enumerate(self._progress.stages) if not stage.is_done]
        if left:
            speed = self._measured(left[0])
        for index in left:
            reason = self._run_stage(index, self._estimated(speed, index))
            if reason == "interrupted":
                break
        return reason

    def _data_for(self, index: int) -> Data:
        """Return the Data of a stage, read again only where its settings differ."""
        config, plan = self._configs[index], self._plans[index]
        key = (config.seq_len, *(getattr(plan, name) for name in _OF_DATA))
        if self._data is None or self._data[0] != key:
            self._data = key, read_data(self._request.data, config, plan, self._replicas)
        return self._data[1]

    def _estimated(self, speed: TrainingSpeed, index: int) -> TrainingSpeed:
        """Return the speed of a stage from that of another one."""
        config, plan = self._configs[index], self._plans[index]
        return estimated(speed, config, plan, self._data_for(index), self._replicas)

    def _measured(self, index: int) -> TrainingSpeed:
        """Return the speed of a stage; check that the time suffices, and print the speed."""
        limit_s = min(_MEASURED_S, _MEASURED_PART * self._request.total_s)
        config, plan, data = self._configs[index], self._plans[index], self._data_for(index)
        speed = measure_training(config, plan, data, self._replicas, limit_s, self._clock)
        if not any(stage.run for stage in self._progress.stages):
            self._check_time(speed)
        print(
            f"this machine trains {speed.samples_per_step / speed.step_s:,.0f} samples/s, an epoch "
            f"in {time_text(speed.epoch_s)}; {time_text(self._left_s)} for training, then "
            f"{time_text(self._finish_s)} for audition and export",
            flush=True,
        )
        return speed

    def _check_time(self, speed: TrainingSpeed) -> None:
        """Raise RequestError if a new training has no time for an epoch."""
        overhead_s = len(self._plans) * speed.overhead_s
        if self._left_s >= speed.epoch_s + overhead_s:
            return
        needed_s = self._budget.used_s + speed.epoch_s + overhead_s
        hours = at_least_hours(needed_s / (1 - self._recipe.finish.share))
        raise RequestError(
            f"--hours {self._request.total_s / 3600:g} is too short: here an epoch of these "
            f"recordings takes {time_text(speed.epoch_s)}, and the set-up "
            f"{time_text(needed_s - speed.epoch_s)} (give --hours {hours} or more, fewer "
            "recordings or a smaller --preset)"
        )

    def _run_stage(self, index: int, speed: TrainingSpeed) -> StopReason:
        """Train a stage, or the rest of it; return why it ended."""
        record = self._progress.stages[index]
        end = self._clock() + self._stage_seconds(index)
        save = self._saver(index)
        self._print_stage(index)
        plan = self._stage_plan(index, end - self._clock(), speed)
        with (
            self._replicas.watched(),
            prepare(
                self._configs[index],
                plan,
                self._sources(index, plan),
                self._request.preview,
                self._replicas,
                self._data_for(index),
            ) as (training, run_folder),
        ):
            assert run_folder is not None  # one machine, so this process is the chief
            record.run = run_folder.path.name
            pace = Pace(
                training,
                lambda: end - self._clock(),
                speed.step_s,
                speed.validation_s if self._tail_s is None else self._tail_s,
                self._clock,
                1.0 if "warmup_steps" in self._request.flags else _WARM_UP_PART,
                on_plan=save,
                on_checkpoint=lambda: self._print_stage(index),
            )
            training.add_hook(pace)
            reason = training.run()
            self._tail_s = pace.tail_s
        if reason != "interrupted":
            record.best = self._best_checkpoint(index)
        save()
        return reason

    def _stage_seconds(self, index: int) -> float:
        """Return how long a stage may still take."""
        shares = [stage.share for stage in self._recipe.stages[index:]]
        used = [stage.seconds for stage in self._progress.stages[index:]]
        return stage_seconds(self._left_s, shares, used)

    def _saver(self, index: int) -> Callable[[], None]:
        """Return a function that saves the progress with the time used since now."""
        record, began = self._progress.stages[index], self._clock()
        before = record.seconds

        def save() -> None:
            record.seconds = before + self._clock() - began
            self._progress.used_s = self._budget.used_s
            self._progress.save(self._request.logdir)

        return save

    def _best_checkpoint(self, index: int) -> str:
        """Return the checkpoint of a stage with the fewest held-out bits, `RUN/model.ckpt-N`."""
        record = self._progress.stages[index]
        kept = candidates_of(self._request.logdir / str(record.run), record.name)
        best = min(kept, key=lambda candidate: candidate.bits)
        return best.name

    def _stage_plan(self, index: int, stage_s: float, speed: TrainingSpeed) -> Plan:
        """Return the Plan of a stage of `stage_s` seconds; `Pace` plans its steps."""
        plan = self._plans[index]
        trained_s = max(0.0, stage_s - speed.overhead_s)
        num_steps = max(1, int(trained_s / speed.epoch_s * speed.steps_per_epoch))
        if "checkpoint_every" not in self._request.flags:
            num_epochs = -(-num_steps // speed.steps_per_epoch)
            every = -(-num_epochs // self._recipe.checkpoints)
            # a stage that ends for lack of improvement must have left one
            every = min(every, plan.early_stopping_patience)
            plan = dataclasses.replace(plan, checkpoint_every=every)
        return plan

    def _sources(self, index: int, plan: Plan) -> Sources:
        """Return what a stage is made from: its own run, the stage before, or nothing."""
        request, stages = self._request, self._progress.stages
        resume_from = stages[index].resumable_run(request.logdir)
        if resume_from is None and index:
            resume_from = request.logdir / str(stages[index - 1].best)
        return Sources(
            data=request.data,
            logdir=request.logdir,
            config_name=request.config_name,
            resume=resume_from is not None,
            resume_from=resume_from,
            arguments=[*request.words, *flags_of(plan, TIMED)],
        )

    def _print_stage(self, index: int) -> None:
        stages = self._recipe.stages
        left = time_text(self._budget.left_s)
        print(f"stage {index + 1} of {len(stages)}, {stages[index].name}, {left} left", flush=True)
