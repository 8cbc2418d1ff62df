"""The progress bar: loss in bits per sample, accuracy, samples per second, time left."""

import sys
import time

from tqdm import tqdm

from sopilib.training.plan import Plan
from sopilib.training.position import Position

_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {postfix}"
# seconds between two states of the bar, on a terminal and in a log file
_INTERVALS_S = 0.1, 30.0
# weight of the newest step in the displayed means
_WEIGHT = 0.02


class Progress:
    """A bar over an epoch's steps, for use in a with block.

    Args:
      position: where the epoch begins or resumes.
      steps_per_epoch: of the whole epoch.
      plan: of the training.
    """

    def __init__(self, position: Position, steps_per_epoch: int, plan: Plan) -> None:
        self._num_left = plan.total_steps(steps_per_epoch) - position.step
        self._bar = tqdm(
            desc=f"epoch {position.epoch + 1}/{plan.num_epochs}",
            total=steps_per_epoch,
            initial=position.step_in_epoch,
            bar_format=_FORMAT,
            dynamic_ncols=True,
            mininterval=_INTERVALS_S[not sys.stderr.isatty()],
            leave=False,
        )
        self._num_timed, self._began = 0, 0.0
        self._bits: float | None = None
        self._accuracy = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, bits: float, accuracy: float, num_samples: int) -> None:
        """Count one more step of `num_samples` samples."""
        if self._bits is None:  # the first step includes compilation, so it is not timed
            self._began, self._bits, self._accuracy = time.monotonic(), bits, accuracy
        else:
            self._num_timed += 1
            self._bits += _WEIGHT * (bits - self._bits)
            self._accuracy += _WEIGHT * (accuracy - self._accuracy)
        self._num_left -= 1
        self._bar.set_postfix_str(self._text(self._bits, num_samples), refresh=False)
        self._bar.update()

    def _text(self, bits: float, num_samples: int) -> str:
        text = f"{bits:.3f} bits/sample, {100 * self._accuracy:.1f} % right"
        if not self._num_timed:
            return text
        per_s = self._num_timed / (time.monotonic() - self._began)
        left = tqdm.format_interval(max(0, self._num_left) / per_s)
        return f"{text}, {per_s * num_samples:,.0f} samples/s, {left} left"
