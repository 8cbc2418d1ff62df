"""Hooks: what follows a training's steps and epochs without being part of it.

The chief alone has hooks, see `sopilib.training.reporter`; on other workers the list is empty.
"""

from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypedDict

from sopilib.training.plan import Plan
from sopilib.training.position import Position


class StepResult(NamedTuple):
    """Means over the samples of one step.

    Attributes:
      nats: per sample, before the update.
      accuracy: part of the samples whose likeliest level was right, 0 to 1.
      learning_rate: of the update.
    """

    nats: float
    accuracy: float
    learning_rate: float


class EpochLine(TypedDict):
    """What the history holds of an epoch: means in training and on held-out sound."""

    bits_per_sample: float
    accuracy: float
    val_bits_per_sample: float
    val_accuracy: float


class Hook(Protocol):
    """Called as a training proceeds; `position` is that after the event."""

    def steps(self, position: Position, steps_per_epoch: int) -> AbstractContextManager[None]:
        """Return a with block around the steps of an epoch, or of the rest of it."""
        ...

    def step(self, position: Position, result: StepResult) -> None:
        """Follow a step."""
        ...

    def epoch(self, position: Position, line: EpochLine) -> None:
        """Follow the validation of an epoch that is not yet counted in `position`."""
        ...

    def checkpoint(self, position: Position, number: int) -> None:
        """Follow the checkpoint of epoch `number`."""
        ...

    def planned(self, plan: Plan) -> None:
        """Follow a change of the plan."""
        ...

    def end(self) -> None:
        """Follow the end of the training."""
        ...
