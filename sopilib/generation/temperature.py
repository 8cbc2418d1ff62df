"""Temperature over time: constants, envelopes, arrays, and turning it in mid-take.

A *track* is one voice's temperature for a take: a number, an `Envelope` in seconds
of sound, or a `Curve` of values, spread over the whole take or repeated. A 1-D array
is a curve over the whole take. `TemperatureControl` plays one track for each voice,
may be turned from another thread while it plays, and notes when it was turned.
"""

import math
import threading
from dataclasses import dataclass

import numpy as np

from sopilib.errors import RequestError

_ENV_FORM = "Env([levels],[seconds],[curves]) such as Env([0.7,1.05],[4],[0])"


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

    levels: tuple
    times: tuple = (1.0,)
    curves: tuple = (0.0,)

    def __post_init__(self):
        num_segments = len(self.levels) - 1
        if num_segments < 0:
            raise RequestError(f"an envelope without levels (write {_ENV_FORM})")
        for level in self.levels:
            check_temperature(level)
        _check_numbers("time", self.times, 0.0, math.inf)
        _check_numbers("curve", self.curves, -100.0, 100.0)
        for name in ("times", "curves"):
            values = getattr(self, name)
            if len(values) > max(1, num_segments):
                raise RequestError(
                    f"an envelope of {len(self.levels)} levels with {len(values)} "
                    f"{name} (give one fewer than levels)"
                )
            repeated = tuple(values[k % len(values)] for k in range(num_segments))
            object.__setattr__(self, name, repeated)

    def at(self, seconds):
        """Temperatures float64 at these times; the last level is held at the end."""
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

    def __str__(self):
        """The text that `parse_temperature` reads as this envelope."""
        lists = [self.levels, self.times, self.curves] if self.times else [self.levels]
        written = (",".join(map(repr, map(float, values))) for values in lists)
        return f"Env({','.join(f'[{numbers}]' for numbers in written)})"


@dataclass(frozen=True, eq=False)
class Curve:
    """Temperatures at equal distances, straight lines between them.

    Attributes:
      values: 1-D array, kept as float32; finite, >= 0, at least one.
      seconds: of sound in which it passes, finite, > 0; then it begins again, with a
        step where its end and its beginning differ. None: once, over the whole take.

    Raises:
      RequestError: a value or seconds is out of its range.
    """

    values: np.ndarray
    seconds: float | None = None

    def __post_init__(self):
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


def as_track(value):
    """The track, a float, an Envelope or a Curve, that a number, one of these or a 1-D array is.

    Raises:
      RequestError: a temperature is out of range, or the array is empty.
    """
    if isinstance(value, (Envelope, Curve)):
        return value
    return Curve(value) if np.ndim(value) else check_temperature(float(value))


def _segment_shape(position, curve):
    """0..1 for position 0..1, by the curve formula of SuperCollider's Env."""
    if abs(curve) < 1e-4:
        return position
    return np.expm1(curve * position) / np.expm1(curve)


def _check_numbers(name, values, low, high):
    if not values:
        raise RequestError(f"an envelope with an empty list of {name}s (write {_ENV_FORM})")
    for value in values:
        if not (math.isfinite(value) and low <= value <= high):
            raise RequestError(
                f"an envelope {name} of {value:g} (give a finite number from {low:g} to {high:g})"
            )


def check_temperature(value):
    """`value`, a temperature.

    Raises:
      RequestError: it is not finite, or below 0.
    """
    if not (math.isfinite(value) and value >= 0):
        raise RequestError(
            f"the temperature {value:g} is out of range (give a finite number, 0 or "
            "above; 0 is the most likely sample, 1 the model as trained)"
        )
    return value


def parse_temperature(text):
    """The float or Envelope that `text` writes.

    Args:
      text: a number, or Env([levels],[seconds],[curves]), seconds and curves
        optional. Spaces are allowed, and backslashes, with which Pd escapes commas.

    Raises:
      RequestError: it is neither, or a value is out of range.
    """
    compact = "".join(text.replace("\\", "").split())
    if compact.startswith("Env(") and compact.endswith(")"):
        return Envelope(*_parse_lists(compact[len("Env(") : -1], text))
    return check_temperature(_parse_number(compact, text))


def _parse_lists(inside, text):
    """The one to three lists of numbers in '[a,b],[c],[d]'."""
    lists = []
    while inside:
        end = inside.find("]")
        if not inside.startswith("[") or end < 0 or len(lists) == 3:
            raise _not_a_temperature(text)
        numbers = inside[1:end].split(",") if end > 1 else []
        lists.append(tuple(_parse_number(number, text) for number in numbers))
        inside = inside[end + 1 :]
        if inside and not inside.startswith(",["):
            raise _not_a_temperature(text)
        inside = inside[1:]
    if not lists:
        raise _not_a_temperature(text)
    return lists


def _parse_number(word, text):
    try:
        return float(word)
    except ValueError as error:
        raise _not_a_temperature(text) from error


def _not_a_temperature(text):
    return RequestError(f"{text!r} is no temperature (write a number, or {_ENV_FORM})")


class TemperatureControl:
    """The temperatures of a take, sample by sample, one track for each voice.

    Every method may be called from any thread.

    Args:
      num_seqs: number of voices.
      tracks: sequence of one track for all voices or one for each.
      num_samples: length of the take, over which curves without seconds are spread;
        None for a stream without end.
      sample_rate: in Hz, of the samples that `next` counts.

    Raises:
      RequestError: wrong number of tracks, a temperature out of range, or in a stream
        without end a curve without seconds.
    """

    def __init__(self, num_seqs, tracks, num_samples, sample_rate):
        self._num_seqs, self._sample_rate = num_seqs, sample_rate
        self._num_samples = num_samples
        self._lock = threading.RLock()
        self._position = 0
        self._log = []
        self._to_replay = []
        self._tracks = [self._function(track) for track in self._one_each(tracks)]

    @property
    def log(self):
        """What was turned when: a list of (position, kind, arguments), in order.

        position: int, of the first sample that it changed, from the start of the take;
        kind: the method's name, 'set', 'ramp' or 'follow', and its arguments, a tuple.
        What was overruled at the same position is left out. A stream without end
        keeps no log, as that would have no end either.
        """
        with self._lock:
            return list(self._log)

    def replay(self, log):
        """Turn at the positions of `log`, as `log` of an earlier control has them, again."""
        with self._lock:
            self._to_replay = list(log)

    def _one_each(self, values):
        values = list(values)
        if len(values) not in (1, self._num_seqs):
            voices = "1 voice" if self._num_seqs == 1 else f"{self._num_seqs} voices"
            raise RequestError(
                f"{len(values)} temperatures for {voices} (give one for all, or one for each)"
            )
        return values * (self._num_seqs // len(values))

    def set(self, values):
        """Hold these temperatures from now on, one for all or one for each voice."""
        values = tuple(float(check_temperature(value)) for value in values)
        constants = [_constant(value) for value in self._one_each(values)]
        with self._lock:
            self._tracks = constants
            self._note("set", values)

    def follow(self, track):
        """Let all voices follow `track` from now on, as if from the start of the take.

        Raises:
          RequestError: as at the control's making.
        """
        track = as_track(track)
        function = self._function(track)
        with self._lock:
            self._tracks = [function] * self._num_seqs
            self._note("follow", track)

    def ramp(self, target, seconds):
        """Glide linearly from where each voice is to `target` within `seconds`.

        Args:
          target: temperature, finite, >= 0.
          seconds: of sound, finite, >= 0.
        """
        check_temperature(target)
        if not (math.isfinite(seconds) and seconds >= 0):
            raise RequestError(f"a ramp of {seconds:g} seconds (give a finite number, 0 or above)")
        num_samples = max(1.0, seconds * self._sample_rate)
        with self._lock:
            begin = self._position
            self._tracks = [
                _line(begin, track(np.array([begin]))[0], begin + num_samples, target)
                for track in self._tracks
            ]
            self._note("ramp", target, seconds)

    def next(self, num_samples):
        """The temperatures float32 (num_seqs, num_samples) of the next samples."""
        pieces = []
        with self._lock:
            end = self._position + num_samples
            while self._to_replay and self._to_replay[0][0] < end:
                position, kind, arguments = self._to_replay.pop(0)
                pieces.append(self._up_to(position))
                _TURNS[kind](self, *arguments)
            pieces.append(self._up_to(end))
        return np.concatenate(pieces, axis=1)

    def _up_to(self, end):
        """The temperatures float32 (num_seqs, any) before position `end`."""
        positions = np.arange(self._position, end)
        self._position = max(self._position, end)
        return np.stack([track(positions) for track in self._tracks]).astype(np.float32)

    def _note(self, kind, *arguments):
        """Log it in place of what it overrules; a ramp begins at what was set before."""
        if self._num_samples is None:
            return
        while self._log and self._log[-1][0] == self._position:
            if kind == "ramp" and self._log[-1][1] != "ramp":
                break
            self._log.pop()
        self._log.append((self._position, kind, arguments))

    def _function(self, track):
        """The function from sample positions to temperatures that `track` stands for."""
        track = as_track(track)
        if isinstance(track, Envelope):
            return lambda positions: track.at(positions / self._sample_rate)
        return self._curve_function(track) if isinstance(track, Curve) else _constant(track)

    def _curve_function(self, curve):
        length = self._num_samples
        if curve.seconds is not None:
            length = curve.seconds * self._sample_rate
        elif length is None:
            raise RequestError(
                "a temperature curve without seconds in a stream without end (give the "
                "seconds after which it begins again)"
            )
        places = np.linspace(0, max(length - 1, 1), len(curve.values))
        values = curve.values.astype(np.float64)
        if curve.seconds is None:
            return lambda positions: np.interp(positions, places, values)
        return lambda positions: np.interp(positions % length, places, values)


_TURNS = {
    "set": TemperatureControl.set,
    "ramp": TemperatureControl.ramp,
    "follow": TemperatureControl.follow,
}


def _constant(value):
    return lambda positions: np.full(len(positions), value)


def _line(begin, low, end, high):
    return lambda positions: np.interp(positions, [begin, end], [low, high])
