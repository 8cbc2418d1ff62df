"""What a training tells of itself: `history.jsonl` and TensorBoard, steps and epochs."""

import json
import time

from sopilib.training.state import replacing
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
        self._history = History(folder / "history.jsonl", last_step)
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


class History:
    """`history.jsonl`: what became of the training, a JSON object a line.

    Args:
      path: of the file; it may be there already.
      last_step: lines of later steps are dropped, as they will be made again.
    """

    def __init__(self, path, last_step):
        self._path = path
        self._began = time.monotonic()
        kept = [line for line in _lines(path) if line["step"] <= last_step]
        self._seconds_before = max((line["seconds"] for line in kept), default=0.0)
        with replacing(path) as file:
            for line in kept:
                file.write(json.dumps(line).encode() + b"\n")

    @property
    def seconds(self):
        """Seconds that the training has taken, in all its stretches."""
        return self._seconds_before + time.monotonic() - self._began

    def add(self, kind, step, **values):
        """Add a line; a full disk costs the line alone."""
        line = {"kind": kind, "step": step, "seconds": round(self.seconds, 2), **values}
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError:
            pass  # the training state tells it where it matters


def _lines(path):
    """The lines that are whole."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue  # the last one of a process that was killed
        if isinstance(values, dict) and "step" in values and "seconds" in values:
            yield values
