"""Pd messages for which the class itself has work to do, once `grammar` has understood them.

What it passes on to the worker as it is has its class in `sopilib.protocol.messages`.
"""

from dataclasses import dataclass
from typing import ClassVar

from sopilib.protocol import messages


@dataclass(frozen=True)
class ClassMessage:
    """Base of the messages that only the class knows."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls, name: str) -> None:
        """Keep the selector that a performer writes."""
        super().__init_subclass__()
        cls.name = name

    def selector(self) -> str:
        """Return the name of the message for a performer, also in errors."""
        return self.name


@dataclass(frozen=True)
class Load(ClassMessage, name="load"):
    """Load the model at `path`; the worker, which has them, checks engine and precision."""

    path: str
    voices: int = 1
    config_path: str | None = None
    python: str | None = None
    engine: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    sample_rate: int | None = None  # of the model, whatever its folder says


@dataclass(frozen=True)
class Unload(ClassMessage, name="unload"):
    """End the worker."""


@dataclass(frozen=True)
class Info(ClassMessage, name="info"):
    """Report the model and the settings."""


@dataclass(frozen=True)
class Poll(ClassMessage, name="poll"):
    """Deliver what has arrived; Pd plays the ring at sample `position`, if it has one."""

    position: int | None = None


@dataclass(frozen=True)
class Stream(ClassMessage, name="stream"):
    """Play sound without end in the ring `array`; None is the end of the stream."""

    array: str | None
    latency_s: float | None = None
    sample_rate: int | None = None


@dataclass(frozen=True)
class Length(ClassMessage, name="length"):
    """Make the next takes so many seconds long."""

    seconds: float


@dataclass(frozen=True)
class Envelope(ClassMessage, name="envelope"):
    """Let the temperature follow the array, None for none.

    It passes once over a take, or again and again within `seconds` each time.
    """

    array: str | None
    seconds: float | None = None


@dataclass(frozen=True)
class Seed(ClassMessage, name="seed"):
    """Prime with seed audio, the name of an array or a file; None is no seed."""

    source: str | None
    rate: int | None = None


@dataclass(frozen=True)
class Generate(ClassMessage, name="generate"):
    """Make a take into `arrays`, one for each voice.

    What is None is as the settings have it. `temperature` holds numbers and texts
    `Env(...)`. `seed_rate` is that of the array which is the seed, whoever named it.
    """

    arrays: tuple[str, ...]
    seconds: float | None = None
    temperature: tuple[float | str, ...] | None = None
    seed: Seed | None = None
    seed_rate: int | None = None
    out_rate: int | None = None
    resume: bool = False

    def selector(self) -> str:
        """Return `continue` for a take that resumes the last one."""
        return "continue" if self.resume else self.name


PdMessage = ClassMessage | messages.Message  # all that `grammar` understands
