"""The performer's settings for the next take."""

from collections.abc import Callable
from dataclasses import dataclass, field
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
    gain_db: float = 0.0
    voice_gains_db: dict[int, float] = field(default_factory=dict)  # of voices apart from the rest

    def change(self, message: PdMessage) -> None:
        """Apply `message`, one of `SETTINGS`."""
        for name, value in SETTINGS[type(message)](message).items():
            setattr(self, name, value)

    def set_gain(self, message: messages.Gain) -> None:
        """Keep the gain of one voice, or one for all of them."""
        if message.voice is None:
            self.gain_db, self.voice_gains_db = message.decibels, {}
        else:
            self.voice_gains_db[message.voice] = message.decibels

    def gains(self, voices: int) -> tuple[float, ...]:
        """Return the gain of each voice in dB, nothing if all are 0."""
        gains = tuple(self.voice_gains_db.get(n, self.gain_db) for n in range(1, voices + 1))
        return gains if any(gains) else ()

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
            ("gain", self.gain_db),
            *(("gain", voice, gain) for voice, gain in sorted(self.voice_gains_db.items())),
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
