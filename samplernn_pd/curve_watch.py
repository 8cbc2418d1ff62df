"""Watch an array in which the performer draws the temperature while a stream follows it."""

import time
from collections.abc import Callable

from samplernn_pd import requests
from samplernn_pd.host import Arrays
from samplernn_pd.messages import Envelope
from samplernn_pd.settings import Settings
from sopilib.protocol import messages

_LOOK_EVERY_S = 0.1


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

    def new_curve(self) -> bytes | None:
        """Return the samples as bytes if they have changed, else None."""
        if time.monotonic() - self._looked_at < _LOOK_EVERY_S:
            return None
        self._looked_at = time.monotonic()
        if not self._arrays.length(self._name):
            return None
        curve = self._arrays.read(self._name)
        if curve == self._curve:
            return None
        self._curve = curve
        return curve


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
