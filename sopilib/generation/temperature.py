"""Temperature over time: the tracks that a voice can follow.

A *track* is one voice's temperature for a take: a number, an `Envelope` in seconds of sound,
or a `Curve` of values, spread over the whole take or repeated. A 1-D array is a curve over
the whole take. `sopilib.generation.temperature_text` reads tracks from text,
`sopilib.generation.temperature_control` plays them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sopilib.errors import RequestError
from sopilib.limits import HIGHEST_TEMPERATURE

ENVELOPE_FORM = "Env([levels],[seconds],[curves]) such as Env([0.7,1.05],[4],[0])"


@dataclass(frozen=True)
class Envelope:
    """Segments between levels, as SuperCollider's class Env has them.

    Attributes:
      levels: temperatures, finite, >= 0; at least one.
      times: seconds of each segment, finite, >= 0; one fewer than levels. Fewer
        are repeated in turn, as in SuperCollider; default 1 s each.
      curves: a number for each segment, -100 to 100: 0 linear, below 0 fast
        first, above 0 slow first. Fewer are repeated in turn; default 0.

    Raises:
      RequestError: a value is out of its range, or there are too many.
    """

    levels: tuple[float, ...]
    times: tuple[float, ...] = (1.0,)
    curves: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        if not self.levels:
            raise RequestError(f"an envelope without levels (write {ENVELOPE_FORM})")
        for level in self.levels:
            check_temperature(level)
        _check_numbers("time", self.times, 0.0, math.inf)
        _check_numbers("curve", self.curves, -100.0, 100.0)
        object.__setattr__(self, "times", self._one_a_segment("times", self.times))
        object.__setattr__(self, "curves", self._one_a_segment("curves", self.curves))

    def _one_a_segment(self, name: str, values: tuple[float, ...]) -> tuple[float, ...]:
        """Return `values` repeated in turn, one for each segment."""
        num_segments = len(self.levels) - 1
        if len(values) > max(1, num_segments):
            raise RequestError(
                f"an envelope of {len(self.levels)} levels with {len(values)} "
                f"{name} (give one fewer than levels)"
            )
        return tuple(values[k % len(values)] for k in range(num_segments))

    def at(self, seconds: np.ndarray | Sequence[float] | float) -> np.ndarray:
        """Return the temperatures, float64, at these times; the last level holds at the end."""
        seconds = np.asarray(seconds, dtype=np.float64)
        values = np.full(seconds.shape, float(self.levels[0]))
        begin = 0.0
        for k, (duration, curve) in enumerate(zip(self.times, self.curves)):
            low, high = self.levels[k : k + 2]
            ratio = (seconds - begin) / duration if duration else np.inf
            shape = _segment_shape(np.clip(ratio, 0.0, 1.0), curve)
            values = np.where(seconds >= begin, low + (high - low) * shape, values)
            begin += duration
        return values

    def __str__(self) -> str:
        """Return the text that `parse_temperature` reads as this envelope."""
        lists = [self.levels, self.times, self.curves] if self.times else [self.levels]
        written = (",".join(map(repr, map(float, values))) for values in lists)
        return f"Env({','.join(f'[{numbers}]' for numbers in written)})"


@dataclass(frozen=True, eq=False)
class Curve:
    """Temperatures at equal distances, straight lines between them.

    Attributes:
      values: 1-D array or sequence, kept as a float32 array; finite, >= 0, at least one.
      seconds: of sound in which it passes, finite, > 0; then it begins again, with a
        step where its end and its beginning differ. None: once, over the whole take.

    Raises:
      RequestError: a value or seconds is out of its range.
    """

    values: np.ndarray
    seconds: float | None = None

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float32)
        if not values.size:
            raise RequestError("a temperature array without values (resize it)")
        if values.ndim != 1:
            raise RequestError(f"a temperature array of shape {values.shape} (give one row)")
        for value in values[~(np.isfinite(values) & (values >= 0))][:1]:
            check_temperature(value)
        if self.seconds is not None and not (math.isfinite(self.seconds) and self.seconds > 0):
            raise RequestError(
                f"a temperature curve of {self.seconds:g} seconds (give a number above 0)"
            )
        object.__setattr__(self, "values", values)


Track: TypeAlias = float | Envelope | Curve


def as_track(value: Track | np.ndarray) -> Track:
    """Return `value` as a track: a 1-D array becomes a Curve over the whole take.

    Raises:
      RequestError: a temperature is out of range, or the array is empty.
    """
    if isinstance(value, (Envelope, Curve)):
        return value
    if np.ndim(value):
        return Curve(np.asarray(value))
    return check_temperature(float(value))


def check_temperature(value: float) -> float:
    """Return `value`, a temperature.

    Raises:
      RequestError: it is not finite, below 0, or above HIGHEST_TEMPERATURE.
    """
    if not 0 <= value <= HIGHEST_TEMPERATURE:
        raise RequestError(
            f"the temperature {value:g} is out of range (give a finite number, 0 or "
            "above; 0 is the most likely sample, 1 the model itself)"
        )
    return value


def _segment_shape(position: np.ndarray, curve: float) -> np.ndarray:
    """Return 0..1 for position 0..1, by the curve formula of SuperCollider's Env."""
    if abs(curve) < 1e-4:
        return position
    shape: np.ndarray = np.expm1(curve * position) / np.expm1(curve)
    return shape


def _check_numbers(name: str, values: tuple[float, ...], low: float, high: float) -> None:
    if not values:
        raise RequestError(f"an envelope with an empty list of {name}s (write {ENVELOPE_FORM})")
    for value in values:
        if not (math.isfinite(value) and low <= value <= high):
            raise RequestError(
                f"an envelope {name} of {value:g} (give a finite number from {low:g} to {high:g})"
            )
