"""The progress bar: loss in bits per sample, accuracy, samples a second, time left."""

import sys
import time

from tqdm import tqdm

_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {postfix}"
# seconds between two states of the bar, on a terminal and in a log file
_INTERVALS_S = 0.1, 30.0
# of the newest step in the means that are shown
_WEIGHT = 0.02


class Progress:
    """A bar over an epoch's steps, for use in a with block.

    Args:
      position: Position where the epoch goes on.
      steps_per_epoch: of the whole epoch.
      plan: Plan.
    """

    def __init__(self, position, steps_per_epoch, plan):
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
        self._num_shown, self._began = 0, None
        self._bits = self._accuracy = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()

    def show(self, bits, accuracy, num_samples):
        """One more step of `num_samples` samples is done."""
        if self._began is None:  # the first step is compiled, and tells nothing of the speed
            self._began, self._bits, self._accuracy = time.monotonic(), bits, accuracy
        else:
            self._num_shown += 1
            self._bits += _WEIGHT * (bits - self._bits)
            self._accuracy += _WEIGHT * (accuracy - self._accuracy)
        self._num_left -= 1
        self._bar.set_postfix_str(self._text(num_samples), refresh=False)
        self._bar.update()

    def _text(self, num_samples):
        text = f"{self._bits:.3f} bits/sample, {100 * self._accuracy:.1f} % right"
        if not self._num_shown:
            return text
        per_s = self._num_shown / (time.monotonic() - self._began)
        left = tqdm.format_interval(max(0, self._num_left) / per_s)
        return f"{text}, {per_s * num_samples:,.0f} samples/s, {left} left"
