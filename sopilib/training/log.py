"""What a training tells of itself, in its history and to TensorBoard: steps and epochs."""

import time

from sopilib.training.history import HISTORY_NAME, History
from sopilib.training.step import NATS_PER_BIT
from sopilib.training.tensorboard import Summaries


class Log:
    """Means over stretches of steps, and what each epoch came to.

    Args:
      folder: Path of the run.
      last_step: lines of later steps are dropped, as they will be made again.
      log_every: steps in a stretch.
      samples_per_step: int.
    """

    def __init__(self, folder, last_step, log_every, samples_per_step):
        self._history = History(folder / HISTORY_NAME, last_step)
        self._summaries = Summaries(folder)
        self._log_every, self._samples_per_step = log_every, samples_per_step
        self.begin_stretch()

    def begin_stretch(self):
        """Let what follows count from here."""
        self._num_steps, self._nats, self._accuracy = 0, 0.0, 0.0
        self._began = time.monotonic()

    def step(self, position, nats, accuracy, learning_rate):
        """Count a step, and write a line where a stretch is full."""
        self._num_steps += 1
        self._nats += nats
        self._accuracy += accuracy
        self._learning_rate = learning_rate
        if position.step % self._log_every == 0:
            self.end_stretch(position)

    def end_stretch(self, position):
        """Write a line of the steps since the last one, if there are any."""
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

    def epoch(self, position, line):
        """Write an epoch's line, a dict with means in training and on what is held out."""
        self._history.add("epoch", position.step, epoch=position.epoch + 1, **line)
        values = {
            "bits_per_sample": line["val_bits_per_sample"],
            "accuracy": line["val_accuracy"],
        }
        self._summaries.scalars("validation", position.step, values)
        self._summaries.flush()

    def preview(self, step, name, sound, sample_rate, png):
        """Add a take, float32 (num_samples,), and the bytes of its picture."""
        self._summaries.sound(f"sound, {name}", step, sound, sample_rate)
        self._summaries.picture(f"picture, {name}", step, png)

    def flush(self):
        """Bring what was added to disk."""
        self._summaries.flush()
