"""Where a training stands, in numbers that its saved state holds as JSON."""

from dataclasses import dataclass


@dataclass
class Position:
    """The place of a training in its epochs, and its best epoch so far.

    Attributes:
      step: steps taken.
      first_step: steps that another run had taken when this run began with its weights.
      epoch: finished epochs, their validation included.
      step_in_epoch: steps taken in the running epoch.
      nats: sum, over these, of a step's mean nats per sample.
      accuracy: sum, over these, of a step's mean accuracy.
      best: lowest monitored value, see `Plan.monitored`, or None before the first epoch.
      monitor: the name of that value; None in states from before there was a choice.
      best_epoch: the epoch of `best`, or None; it has a checkpoint if one was due then.
      num_worse: epochs since then.
    """

    step: int = 0
    first_step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    nats: float = 0.0
    accuracy: float = 0.0
    best: float | None = None
    best_epoch: int | None = None
    num_worse: int = 0
    monitor: str | None = None

    def count_step(self, nats: float, accuracy: float) -> None:
        """Count a step with these means."""
        self.step += 1
        self.step_in_epoch += 1
        self.nats += nats
        self.accuracy += accuracy

    def count_epoch(self, monitor: str, value: float) -> None:
        """Count the running epoch as finished.

        Args:
          monitor: the name of the monitored value; under another name, `best` is reset.
          value: of this epoch; less is better.
        """
        if (self.monitor or "val_loss") != monitor:
            self.best = None
        self.monitor = monitor
        self.epoch += 1
        self.step_in_epoch, self.nats, self.accuracy = 0, 0.0, 0.0
        if self.best is None or value < self.best:
            self.best, self.best_epoch, self.num_worse = value, self.epoch, 0
        else:
            self.num_worse += 1
