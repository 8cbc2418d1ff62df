"""TemperatureControl: the temperatures of a take, sample by sample.

It plays one track for each voice, may be changed from another thread while it plays, and
logs what was changed when, so that a record can repeat it.
"""

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from sopilib.errors import RequestError
from sopilib.generation.temperature import Curve, Envelope, Track, as_track, check_temperature

_Value = TypeVar("_Value")
# returns the temperatures at sample positions from the start of the take
_TrackFunction: TypeAlias = Callable[[np.ndarray], np.ndarray]


class Turn(NamedTuple):
    """A change of the temperature.

    Attributes:
      position: of the first sample that it changes, from the start of the take.
      kind: name of the TemperatureControl's method, 'set', 'ramp' or 'follow'.
      arguments: of that method.
    """

    position: int
    kind: str
    arguments: tuple[Any, ...]


class TemperatureControl:
    """The temperatures of a take, sample by sample, one track for each voice.

    Every method may be called from any thread.

    Args:
      num_seqs: number of voices.
      tracks: one track for all voices or one for each.
      num_samples: length of the take, over which curves without seconds are spread;
        None for a stream without end.
      sample_rate: in Hz, of the samples that `next` counts.

    Raises:
      RequestError: wrong number of tracks, a temperature out of range, or in a stream
        without end a curve without seconds.
    """

    def __init__(
        self,
        num_seqs: int,
        tracks: Iterable[Track | np.ndarray],
        num_samples: int | None,
        sample_rate: int,
    ) -> None:
        self._num_seqs, self._sample_rate = num_seqs, sample_rate
        self._num_samples = num_samples
        self._lock = threading.RLock()
        self._position = 0
        self._log: list[Turn] = []
        self._to_replay: list[Turn] = []
        self._tracks = [self._function(track) for track in self._one_each(tracks)]

    @property
    def log(self) -> list[Turn]:
        """What was changed when, in order.

        A change that another one overruled at the same position is left out. A stream
        without end keeps no log, as that would have no end either.
        """
        with self._lock:
            return list(self._log)

    def replay(self, log: Sequence[Turn]) -> None:
        """Repeat the changes in the `log` of an earlier control at the same positions."""
        with self._lock:
            self._to_replay = list(log)

    def _one_each(self, values: Iterable[_Value]) -> list[_Value]:
        values = list(values)
        if len(values) not in (1, self._num_seqs):
            voices = "1 voice" if self._num_seqs == 1 else f"{self._num_seqs} voices"
            raise RequestError(
                f"{len(values)} temperatures for {voices} (give one for all, or one for each)"
            )
        return values * (self._num_seqs // len(values))

    def set(self, values: Iterable[float]) -> None:
        """Hold these temperatures from now on, one for all or one for each voice."""
        values = tuple(float(check_temperature(value)) for value in values)
        constants = [_constant(value) for value in self._one_each(values)]
        with self._lock:
            self._tracks = constants
            self._note("set", values)

    def follow(self, track: Track | np.ndarray) -> None:
        """Let all voices follow `track` from now on, as if from the start of the take.

        Raises:
          RequestError: as in the constructor.
        """
        track = as_track(track)
        function = self._function(track)
        with self._lock:
            self._tracks = [function] * self._num_seqs
            self._note("follow", track)

    def ramp(self, target: float, seconds: float) -> None:
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

    def next(self, num_samples: int) -> np.ndarray:
        """Return the temperatures float32 (num_seqs, num_samples) of the next samples."""
        pieces = []
        with self._lock:
            end = self._position + num_samples
            while self._to_replay and self._to_replay[0][0] < end:
                position, kind, arguments = self._to_replay.pop(0)
                pieces.append(self._up_to(position))
                _TURNS[kind](self, *arguments)
            pieces.append(self._up_to(end))
        return np.concatenate(pieces, axis=1)

    def skip(self, num_samples: int) -> None:
        """Go on after this many samples, with the changes among them that are repeated."""
        with self._lock:
            end = self._position + num_samples
            while self._to_replay and self._to_replay[0][0] < end:
                position, kind, arguments = self._to_replay.pop(0)
                self._position = max(self._position, position)
                _TURNS[kind](self, *arguments)
            self._position = end

    def _up_to(self, end: int) -> np.ndarray:
        """Return the temperatures float32 (num_seqs, any) before position `end`."""
        positions = np.arange(self._position, end)
        self._position = max(self._position, end)
        return np.stack([track(positions) for track in self._tracks]).astype(np.float32)

    def _note(self, kind: str, *arguments: Any) -> None:
        """Log it in place of what it overrules; a ramp begins at what was set before."""
        if self._num_samples is None:
            return
        while self._log and self._log[-1].position == self._position:
            if kind == "ramp" and self._log[-1].kind != "ramp":
                break
            self._log.pop()
        self._log.append(Turn(self._position, kind, arguments))

    def _function(self, value: Track | np.ndarray) -> _TrackFunction:
        """Return the function from sample positions to temperatures of a track."""
        track = as_track(value)
        if isinstance(track, Envelope):
            return lambda positions: track.at(positions / self._sample_rate)
        return self._curve_function(track) if isinstance(track, Curve) else _constant(track)

    def _curve_function(self, curve: Curve) -> _TrackFunction:
        length: float | None = self._num_samples
        if curve.seconds is not None:
            length = curve.seconds * self._sample_rate
        if length is None:
            raise RequestError(
                "a temperature curve without seconds in a stream without end (give the "
                "seconds after which it begins again)"
            )
        places = np.linspace(0, max(length - 1, 1), len(curve.values))
        values, period = curve.values.astype(np.float64), length
        if curve.seconds is None:
            return lambda positions: np.interp(positions, places, values)
        return lambda positions: np.interp(positions % period, places, values)


_TURNS: dict[str, Callable[..., None]] = {
    "set": TemperatureControl.set,
    "ramp": TemperatureControl.ramp,
    "follow": TemperatureControl.follow,
}


def _constant(value: float) -> _TrackFunction:
    return lambda positions: np.full(len(positions), value)


def _line(begin: float, low: float, end: float, high: float) -> _TrackFunction:
    return lambda positions: np.interp(positions, [begin, end], [low, high])
