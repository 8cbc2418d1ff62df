"""The performer's settings for the next take."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from samplernn_pd.messages import Envelope, Length, PdMessage, Seed
from sopilib.protocol import messages

Row = tuple[str | float, ...]


@dataclass
class Settings:
    """Values that stay until a message changes them; `change` applies such a message."""

    seconds: float = 4.0
    temperature: tuple[float, ...] = (1.0,)
    ramp: messages.Ramp | None = None
    envelope: Envelope = Envelope(None)
    seed: Seed = Seed(None)
    rng_seed: int | None = None
    latency_s: float = 0.1
    heal: bool = False
    release_ms: float = 200.0

    def change(self, message: PdMessage) -> None:
        """Apply `message`, one of `SETTINGS`."""
        for name, value in SETTINGS[type(message)](message).items():
            setattr(self, name, value)

    def rows(self) -> tuple[Row, ...]:
        """Return the settings as rows `(key, value, ...)` for `info`."""
        return (
            ("length", self.seconds),
            ("temperature", *self.temperature),
            ("envelope", *self._envelope_row()),
            ("seed", self.seed.source or "none"),
            ("rng", "none" if self.rng_seed is None else self.rng_seed),
            ("latency", self.latency_s * 1e3),
            ("heal", int(self.heal)),
            ("release", self.release_ms),
        )

    def _envelope_row(self) -> Row:
        if self.envelope.array is None:
            return ("none",)
        seconds = self.envelope.seconds
        return (self.envelope.array,) if seconds is None else (self.envelope.array, seconds)


SETTINGS: dict[type, Callable[[Any], dict[str, Any]]] = {  # the fields that each message sets
    Length: lambda message: {"seconds": message.seconds},
    Envelope: lambda message: {"envelope": message},
    Seed: lambda message: {"seed": message},
    messages.SetTemperature: lambda message: {"temperature": message.values, "ramp": None},
    messages.Ramp: lambda message: {"ramp": message},
    messages.Reseed: lambda message: {"rng_seed": message.rng_seed},
    messages.Latency: lambda message: {"latency_s": message.seconds},
    messages.Heal: lambda message: {"heal": message.is_on == 1},
    messages.Release: lambda message: {"release_ms": message.milliseconds},
}
