"""What the next take will be like, as the performer has set it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from samplernn_pd.messages import Envelope, Length, PdMessage, Seed
from sopilib.protocol import messages

Row = tuple[str | float, ...]


@dataclass
class Settings:
    """The values that hold until they are changed; `change` takes the messages that set one."""

    seconds: float = 4.0
    temperature: tuple[float, ...] = (1.0,)
    ramp: messages.Ramp | None = None
    envelope: Envelope = Envelope(None)
    seed: Seed = Seed(None)
    rng_seed: int | None = None
    latency_s: float = 0.1

    def change(self, message: PdMessage) -> None:
        """Set what `message`, one of `SETTINGS`, says."""
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
        )

    def _envelope_row(self) -> Row:
        if self.envelope.array is None:
            return ("none",)
        seconds = self.envelope.seconds
        return (self.envelope.array,) if seconds is None else (self.envelope.array, seconds)


SETTINGS: dict[type, Callable[[Any], dict[str, Any]]] = {  # what each message sets
    Length: lambda message: {"seconds": message.seconds},
    Envelope: lambda message: {"envelope": message},
    Seed: lambda message: {"seed": message},
    messages.SetTemperature: lambda message: {"temperature": message.values, "ramp": None},
    messages.Ramp: lambda message: {"ramp": message},
    messages.Reseed: lambda message: {"rng_seed": message.rng_seed},
    messages.Latency: lambda message: {"latency_s": message.seconds},
}
