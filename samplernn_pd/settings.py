"""What the next take will be like, as the performer has set it."""

from dataclasses import dataclass

from samplernn_pd import messages


@dataclass
class Settings:
    """`change` takes the messages that only set something."""

    seconds: float = 4.0
    temperature: tuple = (1.0,)
    ramp: messages.Ramp | None = None
    envelope: messages.Envelope = messages.Envelope(None)
    seed: messages.Seed = messages.Seed(None)
    rng_seed: int | None = None
    latency_s: float = 0.1

    def change(self, message):
        """Takes over what `message` sets; it holds until changed again."""
        if isinstance(message, messages.Length):
            self.seconds = message.seconds
        elif isinstance(message, messages.Temperature):
            self.temperature, self.ramp = message.values, None
        elif isinstance(message, messages.Ramp):
            self.ramp = message
        elif isinstance(message, messages.Envelope):
            self.envelope = message
        elif isinstance(message, messages.Seed):
            self.seed = message
        elif isinstance(message, messages.RngSeed):
            self.rng_seed = message.number
        elif isinstance(message, messages.Latency):
            self.latency_s = message.seconds
        else:
            raise TypeError(f"{message!r} sets nothing")

    def rows(self):
        """Returns the settings as rows `(key, value, ...)` for `info`."""
        return (
            ("length", self.seconds),
            ("temperature", *self.temperature),
            ("envelope", *self._envelope_row()),
            ("seed", self.seed.source or "none"),
            ("rng", "none" if self.rng_seed is None else self.rng_seed),
            ("latency", self.latency_s * 1e3),
        )

    def _envelope_row(self):
        if self.envelope.array is None:
            return ("none",)
        seconds = self.envelope.seconds
        return (self.envelope.array,) if seconds is None else (self.envelope.array, seconds)
