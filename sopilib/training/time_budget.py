"""The time of a training that may take a number of hours: what is used, and what is left.

Time counts while the command runs; the time between a stop and the next start does not.
"""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal

Clock = Callable[[], float]


def time_text(seconds: float) -> str:
    """Return a duration for people, such as `2 h 10 min`, `12 min` or `40 s`."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def at_least_hours(seconds: float) -> str:
    """Return the hours to give for a number of seconds, rounded up to two digits."""
    hours = seconds / 3600
    step = 10.0 ** (math.floor(math.log10(hours)) - 1)
    return f"{Decimal(f'{math.ceil(hours / step) * step:.2g}'):f}"


class TimeBudget:
    """Seconds that may be used, over one or several runs of a command.

    Args:
      total_s: in all.
      used_before_s: by earlier runs.
      clock: seconds that only rise.
      began: on this clock, when this run began.
    """

    def __init__(self, total_s: float, used_before_s: float, clock: Clock, began: float) -> None:
        self._total_s, self._used_before_s = total_s, used_before_s
        self._clock, self._began = clock, began

    @property
    def used_s(self) -> float:
        """Seconds used so far."""
        return self._used_before_s + self._clock() - self._began

    @property
    def left_s(self) -> float:
        """Seconds left, below 0 where more was used."""
        return self._total_s - self.used_s


def stage_seconds(left_s: float, shares: Sequence[float], used: Sequence[float]) -> float:
    """Return how long the first of several stages may still take.

    Args:
      left_s: for all of them.
      shares: of each stage, relative to each other.
      used: seconds that each has taken already.
    """
    total_s = left_s + sum(used)
    rest = [max(0.0, s / sum(shares) * total_s - u) for s, u in zip(shares, used)]
    return max(0.0, left_s) * rest[0] / sum(rest) if sum(rest) else 0.0
