"""The log of a training, in its history and for TensorBoard: steps, epochs, previews."""

import time
from pathlib import Path

import numpy as np

from sopilib.training.history import HISTORY_NAME, History
from sopilib.training.hooks import EpochLine, StepResult
from sopilib.training.position import Position
from sopilib.training.step import NATS_PER_BIT
from sopilib.training.tensorboard import Summaries


class Log:
    """Writes means over stretches of steps, and a line for each epoch.

    Args:
      folder: of the run.
      last_step: lines of later steps are dropped, as these steps are taken again.
      log_every: steps in a stretch.
      samples_per_step: of all replicas together.
    """

    def __init__(self, folder: Path, last_step: int, log_every: int, samples_per_step: int) -> None:
        self._history = History(folder / HISTORY_NAME, last_step)
        self._summaries = Summaries(folder)
        self._log_every, self._samples_per_step = log_every, samples_per_step
        self._learning_rate = 0.0
        self.begin_stretch()

    def begin_stretch(self) -> None:
        """Begin a new stretch of steps now."""
        self._num_steps, self._nats, self._accuracy = 0, 0.0, 0.0
        self._began = time.monotonic()

    def step(self, position: Position, result: StepResult) -> None:
        """Count a step, and write a line where a stretch is full."""
        self._num_steps += 1
        self._nats += result.nats
        self._accuracy += result.accuracy
        self._learning_rate = result.learning_rate
        if position.step % self._log_every == 0:
            self.end_stretch(position)

    def end_stretch(self, position: Position) -> None:
        """Write a line for the steps since the last one, if there are any."""
        if not self._num_steps:
            return
        seconds = time.monotonic() - self._began
        values = {
            "bits_per_sample": self._nats / self._num_steps / NATS_PER_BIT,
            "accuracy": self._accuracy / self._num_steps,
            "learning_rate": self._learning_rate,
            "samples_per_s": self._num_steps * self._samples_per_step / seconds,
        }
        self._history.add("steps", position.step, epoch=position.epoch + 1, **values)
        self._summaries.scalars("train", position.step, values)
        self.begin_stretch()

    def epoch(self, position: Position, line: EpochLine) -> None:
        """Write the line of an epoch that is not yet counted in `position`."""
        self._history.add("epoch", position.step, epoch=position.epoch + 1, **line)
        values = {
            "bits_per_sample": line["val_bits_per_sample"],
            "accuracy": line["val_accuracy"],
        }
        self._summaries.scalars("validation", position.step, values)
        self._summaries.flush()

    def preview(
        self, step: int, name: str, sound: np.ndarray, sample_rate: int, png: bytes
    ) -> None:
        """Add a take, float32 (num_samples,), and its plot, the bytes of a PNG."""
        self._summaries.sound(f"sound, {name}", step, sound, sample_rate)
        self._summaries.plot(f"plot, {name}", step, png)

    def flush(self) -> None:
        """Write all summaries to disk."""
        self._summaries.flush()
