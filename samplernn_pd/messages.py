"""Pd messages that the class itself handles, as `grammar` returns them.

Messages that it passes on unchanged have their classes in `sopilib.protocol.messages`.
"""

from dataclasses import dataclass
from typing import ClassVar

from sopilib.protocol import messages


@dataclass(frozen=True)
class ClassMessage:
    """Base of the messages that never reach the worker."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls, name: str) -> None:
        """Store the selector that a performer writes."""
        super().__init_subclass__()
        cls.name = name

    def selector(self) -> str:
        """Return the name of the message as a performer writes it, for errors."""
        return self.name


@dataclass(frozen=True)
class Load(ClassMessage, name="load"):
    """Load the model at `path`; the worker checks engine and precision."""

    path: str
    voices: int = 1
    config_path: str | None = None
    python: str | None = None
    engine: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    sample_rate: int | None = None  # the model's rate, overriding its folder


@dataclass(frozen=True)
class Unload(ClassMessage, name="unload"):
    """End the worker."""


@dataclass(frozen=True)
class Info(ClassMessage, name="info"):
    """Report the model and the settings."""


@dataclass(frozen=True)
class Multichannel(ClassMessage, name="multichannel"):
    """Ask whether this Pd has signals of several channels."""


@dataclass(frozen=True)
class Models(ClassMessage, name="models"):
    """List the models that `load NAME` finds."""


@dataclass(frozen=True)
class ModelsIn(ClassMessage, name="models_in"):
    """Also look for models in `folder`, which is absolute or relative to the patch."""

    folder: str


@dataclass(frozen=True)
class PatchFolder(ClassMessage, name="patch_folder"):
    """Relative paths count from `folder`, that of the patch which uses the object."""

    folder: str


@dataclass(frozen=True)
class Apart(ClassMessage, name="apart"):
    """Ask whether the arrays `array-1` to `array-count`, one for each voice, can be made."""

    array: str
    count: int


@dataclass(frozen=True)
class Card(ClassMessage, name="card"):
    """Show the card of a model; None is the loaded one, else the first of the list."""

    model: str | None = None


@dataclass(frozen=True)
class Poll(ClassMessage, name="poll"):
    """Deliver what has arrived; Pd plays the ring at sample `position`, if known."""

    position: int | None = None


@dataclass(frozen=True)
class At(ClassMessage, name="at"):
    """Pd plays the ring at sample `position`: the next message belongs there."""

    position: int


@dataclass(frozen=True)
class Stream(ClassMessage, name="stream"):
    """Play endless sound in the ring `array`; None ends the stream.

    With `voices` each voice also goes into an array of its own, `voices-1`, `voices-2` ...
    """

    array: str | None
    latency_s: float | None = None
    sample_rate: int | None = None
    voices: str | None = None


@dataclass(frozen=True)
class Length(ClassMessage, name="length"):
    """Set the length of the next takes in seconds."""

    seconds: float


@dataclass(frozen=True)
class Envelope(ClassMessage, name="envelope"):
    """Let the temperature follow an array; None turns this off.

    A take follows the whole array once, or repeatedly, `seconds` for each pass.
    """

    array: str | None
    seconds: float | None = None


@dataclass(frozen=True)
class Seed(ClassMessage, name="seed"):
    """Prime with seed audio, the name of an array or a file; None removes the seed."""

    source: str | None
    rate: int | None = None


@dataclass(frozen=True)
class SeedVoice(ClassMessage, name="seed"):
    """Let one voice of the running stream continue from `source`, as `Seed` has it."""

    voice: int
    source: str
    rate: int | None = None


@dataclass(frozen=True)
class Generate(ClassMessage, name="generate"):
    """Generate a take into `arrays`, one for each voice.

    The settings apply where a field is None. `temperature` holds numbers and texts
    `Env(...)`. `seed_rate` is the rate of a seed array, from this message or an earlier one.
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


PdMessage = ClassMessage | messages.Message  # all messages of `grammar`
