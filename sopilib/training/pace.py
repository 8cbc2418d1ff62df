"""Keep a stage of a training within its time, whatever else the machine does.

The learning rate follows the planned number of steps. So that it falls to its end just when the
time is over, `Pace` plans anew, every few seconds, as many further steps as fit into the time
that is left at the speed so far.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Protocol

from sopilib.training.hooks import EpochLine, StepResult
from sopilib.training.plan import Plan
from sopilib.training.position import Position
from sopilib.training.time_budget import Clock

# seconds between two plans, at most; less in a short stage, and more often near its end
_EVERY_S = 20.0
_PARTS = 40
_LAST_PARTS = 4
_LEAST_PART = 0.1


class Replanned(Protocol):
    """A training whose plan can change between two steps."""

    steps_per_epoch: int

    @property
    def plan(self) -> Plan:
        """The settings in force."""
        ...

    @property
    def position(self) -> Position:
        """Where the training stands."""
        ...

    def replan(self, plan: Plan) -> None:
        """Put other settings in force."""
        ...


class Pace:
    """A `Hook` that plans a training's steps by the time that is left.

    Args:
      training: to plan.
      left_s: returns the seconds that are left for the training.
      step_s: seconds of a step, as expected.
      tail_s: seconds from the last step to the end of the stage, as expected.
      clock: seconds that only rise.
      warm_up_part: of the stage's steps that the plan's warm-up may take, 0 to 1.
      on_plan: called after each new plan.
      on_checkpoint: called after each checkpoint.

    Attributes:
      tail_s: seconds from the last step to the end of the stage, as last measured.
    """

    def __init__(
        self,
        training: Replanned,
        left_s: Callable[[], float],
        step_s: float,
        tail_s: float,
        clock: Clock,
        warm_up_part: float = 1.0,
        on_plan: Callable[[], None] = lambda: None,
        on_checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        self._training, self._left_s, self._clock = training, left_s, clock
        self._step_s, self.tail_s = step_s, tail_s
        self._warmup_steps, self._warm_up_part = training.plan.warmup_steps, warm_up_part
        self._on_plan, self._on_checkpoint = on_plan, on_checkpoint
        self._interval_s = min(_EVERY_S, max(0.0, left_s()) / _PARTS)
        self._first: tuple[float, int] | None = None  # when the first step ended, and its number
        self._planned_at = self._stepped_at = clock()
        self._plan_steps(1)

    def _plan_steps(self, least: int) -> None:
        """Plan the further steps that fit into the time that is left, at least `least`."""
        training, plan = self._training, self._training.plan
        fitting = math.floor((self._left_s() - self.tail_s) / self._step_s)
        max_steps = training.position.step + max(least, fitting)
        num_steps = max_steps - training.position.first_step
        plan = dataclasses.replace(
            plan,
            max_steps=max_steps,
            num_epochs=-(-max_steps // training.steps_per_epoch),
            warmup_steps=min(self._warmup_steps, int(self._warm_up_part * num_steps)),
        )
        training.replan(plan)
        self._planned_at = self._clock()
        self._on_plan()

    @contextlib.contextmanager
    def steps(self, position: Position, steps_per_epoch: int) -> Iterator[None]:
        """Do nothing around the steps of an epoch."""
        yield

    def step(self, position: Position, result: StepResult) -> None:
        """Measure the speed, validations and previews included, and plan when it is time to."""
        now = self._stepped_at = self._clock()
        if self._first is None:  # includes compilation
            self._first = now, position.step
        began, first_step = self._first
        if now > began:
            self._step_s = (now - began) / (position.step - first_step)
        if now - self._planned_at >= self._interval_now_s():
            self._plan_steps(0)

    def _interval_now_s(self) -> float:
        """Return the seconds from one plan to the next."""
        near_end_s = max(_LEAST_PART * self._interval_s, self._left_s() / _LAST_PARTS)
        return min(self._interval_s, near_end_s)

    def epoch(self, position: Position, line: EpochLine) -> None:
        """Plan, so that no step follows if a stage that is over can end with this epoch."""
        self._plan_steps(0)

    def checkpoint(self, position: Position, number: int) -> None:
        """Measure how long validation, saving and previews took, and plan."""
        self.tail_s = self._clock() - self._stepped_at
        self._plan_steps(0)
        self._on_checkpoint()

    def planned(self, plan: Plan) -> None:
        """Do nothing after a change of the plan."""

    def end(self) -> None:
        """Do nothing after the training."""
