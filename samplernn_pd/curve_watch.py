"""Watch an array in which the performer draws the temperature while a stream follows it.

A poll reads at most a slice of it, so that an array of any length is looked through without
holding up Pd. Most fit one slice; one of minutes at Pd's rate takes some seconds.
"""

import time
from collections.abc import Callable

from samplernn_pd import requests
from samplernn_pd.host import Arrays
from samplernn_pd.messages import Envelope
from samplernn_pd.settings import Settings
from sopilib.protocol import messages

_LOOK_EVERY_S = 0.1  # from the end of one look through the array to the next one
_SLICE = 1 << 14  # samples
_BYTES = 4  # of a sample


class CurveWatch:
    """A watch that notices when the array `name` has been redrawn.

    Args:
        curve: its samples as bytes, as the stream follows them now.
        seconds: duration of one pass, repeated.
        arrays: of the host.
    """

    def __init__(self, name: str, curve: bytes, seconds: float, arrays: Arrays) -> None:
        self.seconds = seconds
        self._name, self._curve, self._arrays = name, curve, arrays
        self._looked_at = time.monotonic()
        self._seen: list[bytes] = []  # the slices of this look through the array
        self._length, self._has_changed = 0, False  # of the array in this look

    def new_curve(self) -> bytes | None:
        """Read another slice; return all samples as bytes at the end, if they have changed."""
        if not self._seen and time.monotonic() - self._looked_at < _LOOK_EVERY_S:
            return None
        length = self._arrays.length(self._name)
        if not self._seen or length != self._length:
            self._seen, self._length = [], length
            self._has_changed = length * _BYTES != len(self._curve)
        start = len(self._seen) * _SLICE
        end = min(start + _SLICE, length)
        piece = self._arrays.read_slice(self._name, start, end) if length else b""
        if not piece:
            return None
        self._seen.append(piece)
        self._has_changed |= not self._curve.startswith(piece, start * _BYTES)
        return self._end_look() if start + _SLICE >= length else None

    def _end_look(self) -> bytes | None:
        """Return the samples of this look if they have changed, else None."""
        self._looked_at = time.monotonic()
        seen, self._seen = self._seen, []
        if not self._has_changed:
            return None
        self._curve = b"".join(seen)
        return self._curve


class DrawnTemperature:
    """The envelope array that a stream follows, including later redraws.

    Args:
        settings: `seconds` applies if the envelope names none.
        arrays: of the host.
        send: called with each request for the worker.
    """

    def __init__(
        self, settings: Settings, arrays: Arrays, send: Callable[[messages.Message], None]
    ) -> None:
        self._settings, self._arrays, self._send = settings, arrays, send
        self._watch: CurveWatch | None = None

    def watch(self, envelope: Envelope, curve: bytes) -> None:
        """Watch the array of `envelope`; the worker follows its samples `curve`."""
        seconds = envelope.seconds or self._settings.seconds
        self._watch = CurveWatch(str(envelope.array), curve, seconds, self._arrays)

    def follow(self, envelope: Envelope) -> None:
        """Have the worker follow the array of `envelope`, or the temperature if it has none.

        Raises:
            RequestError: there is no such array.
        """
        self._watch = None
        if envelope.array is None:
            self._send(messages.SetTemperature(self._settings.temperature))
            return
        curve = requests.read_curve(envelope, self._arrays)
        self.watch(envelope, curve)
        self._send_curve(curve)

    def release(self) -> None:
        """Stop watching."""
        self._watch = None

    def send_if_new(self) -> None:
        """Send the curve if it has been redrawn."""
        curve = self._watch.new_curve() if self._watch else None
        if curve:
            self._send_curve(curve)

    def _send_curve(self, curve: bytes) -> None:
        assert self._watch is not None
        self._send(messages.Curve(self._watch.seconds, curve))
