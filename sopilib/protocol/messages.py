"""The messages between Pd and the worker; docs/protocol.md is the written page.

Frozen dataclasses, and the standard library only, so that both ends share them.
Their fields are the JSON header of a frame (`sopilib.protocol.codec`), except `payload`,
which is its binary part (float32, little-endian).

A message that a performer sends and that the class in Pd passes on as it is says so
with `pd`: its Pd form, selector first. `from_atoms` reads it and `check` judges its
values, in Pd and again in the worker. To add such a message, write its class here and
a method of `sopilib.worker.live_stream.LiveStream` that `handles` it. The events, which
travel the other way, are in `sopilib.protocol.events`, those about voices and kept states in
`sopilib.protocol.voice_messages`; all have their names here too.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from sopilib.errors import RequestError
from sopilib.limits import STREAM_SEED_S as STREAM_SEED_S  # the class sends no more
from sopilib.protocol.atoms import (
    Atom,
    file_path,
    not_negative,
    number,
    sample_rate,
    shown,
    temperature,
    text,
    whole_number,
)
from sopilib.protocol.base import MESSAGES as MESSAGES
from sopilib.protocol.base import PD_MESSAGES as PD_MESSAGES
from sopilib.protocol.base import Message as Message
from sopilib.protocol.events import Alive as Alive
from sopilib.protocol.events import Chunk as Chunk
from sopilib.protocol.events import Failure as Failure
from sopilib.protocol.events import Finished as Finished
from sopilib.protocol.events import LatencyUsed as LatencyUsed
from sopilib.protocol.events import Loaded as Loaded
from sopilib.protocol.events import Notice as Notice
from sopilib.protocol.events import Saved as Saved
from sopilib.protocol.events import SoundWarning as SoundWarning
from sopilib.protocol.events import Started as Started
from sopilib.protocol.events import State as State
from sopilib.protocol.events import StatesFile as StatesFile
from sopilib.protocol.events import Stopped as Stopped
from sopilib.protocol.voice_messages import MOST_NOTE as MOST_NOTE
from sopilib.protocol.voice_messages import SILENT_DB as SILENT_DB
from sopilib.protocol.voice_messages import Freeze as Freeze
from sopilib.protocol.voice_messages import Gain as Gain
from sopilib.protocol.voice_messages import Morph as Morph
from sopilib.protocol.voice_messages import Note as Note
from sopilib.protocol.voice_messages import ReadStates as ReadStates
from sopilib.protocol.voice_messages import RecallState as RecallState
from sopilib.protocol.voice_messages import Release as Release
from sopilib.protocol.voice_messages import ReseedVoice as ReseedVoice
from sopilib.protocol.voice_messages import SaveState as SaveState
from sopilib.protocol.voice_messages import WriteStates as WriteStates
from sopilib.protocol.voice_messages import check_voice
from sopilib.protocol.voice_messages import check_voice_of as check_voice_of

PROTOCOL_VERSION = 2
LATENCY_MS = (20, 2000)  # shortest and longest for a performer


# Both ways


@dataclass(frozen=True)
class Hello(Message, type_name="hello"):
    """The first message from either end."""

    protocol: int
    version: str


# From Pd to the worker


@dataclass(frozen=True)
class Load(Message, type_name="load"):
    """Load the model at `path`, searched in the folders `search`, for `num_seqs` voices."""

    path: str
    num_seqs: int = 1
    config_path: str | None = None
    search: tuple[str, ...] = ()
    engine: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    sample_rate: int | None = None  # the model's rate, overriding its folder

    def check(self) -> None:
        """Raise RequestError unless the rate is a whole number from 1000 to 384000, or None."""
        if self.sample_rate is not None:
            sample_rate("rate", self.sample_rate)


@dataclass(frozen=True)
class Generate(Message, type_name="generate"):
    """Begin take number `take`; with a latency it is a stream, which has no end and no `dur_s`.

    `temperature` holds one entry for all voices or one for each: a number, a text
    `Env(...)`, or None for the values in the payload. The payload is the seed audio
    (`seed_samples` values), then those values (`envelope_samples`), spread over the
    take or played round and round within `envelope_s` seconds each time.
    """

    take: int
    dur_s: float | None = None
    latency_s: float | None = None
    temperature: tuple[float | str | None, ...] = (1.0,)
    ramp: tuple[float, float] | None = None  # target, seconds
    out_rate: int | None = None
    seed_file: str | None = None
    seed_rate: int | None = None
    seed_samples: int = 0
    envelope_samples: int = 0
    envelope_s: float | None = None
    rng_seed: int | None = None
    resume: bool = False
    seed_name: str | None = None  # of the array that is the seed, for the take's record
    payload: bytes = b""
    heal: bool = False  # of a stream, as `Heal`
    apart: bool = False  # of a stream: chunks have the sum of the voices, then each voice
    release_ms: float = 200.0  # of a stream, as `Release`
    gains: tuple[float, ...] = ()  # of a stream, dB of each voice; 0 where there is none


@dataclass(frozen=True)
class SetTemperature(Message, type_name="temperature", pd="temperature T ..."):
    """Change the running take's temperature: one value for all voices or one for each."""

    values: tuple[float, ...]

    @classmethod
    def from_atoms(cls, atoms: Sequence[Atom]) -> "SetTemperature":
        """Return the message with all atoms as values; RequestError without any."""
        if not atoms:
            raise RequestError("temperature: no value (temperature T, one or one for each voice)")
        return cls(tuple(number("temperature", atom) for atom in atoms))

    def check(self) -> None:
        """Raise RequestError unless each value is 0 or more."""
        for value in self.values:
            temperature(value)


@dataclass(frozen=True)
class Ramp(Message, type_name="ramp", pd="ramp T S"):
    """Glide the running take's temperature to `target` within `seconds` of sound."""

    target: float
    seconds: float

    def check(self) -> None:
        """Raise RequestError unless both are 0 or more."""
        temperature(self.target)
        not_negative("ramp", self.seconds, " s")


@dataclass(frozen=True)
class Curve(Message, type_name="curve"):
    """Have the running take's temperature follow the values in the payload.

    They are spread over the take, or played round and round within `seconds` each time.
    """

    seconds: float | None = None
    payload: bytes = b""


@dataclass(frozen=True)
class Played(Message, type_name="played"):
    """Pd plays stream `take` at its sample `num_samples`."""

    take: int
    num_samples: int


@dataclass(frozen=True)
class Latency(Message, type_name="latency", pd="latency MS"):
    """Let the running stream be generated at most this many seconds ahead.

    The worker's stream, which knows its rates, uses its shortest one where that is longer, and
    answers with `LatencyUsed`.
    """

    seconds: float

    @classmethod
    def from_atoms(cls, atoms: Sequence[Atom]) -> "Latency":
        """Return the message of a latency in milliseconds.

        Raises:
            RequestError: not one number of 20 to 2000.
        """
        if len(atoms) != 1:
            raise RequestError(f"latency: got {shown(atoms)} ({cls.pd_form})")
        value, (shortest, longest) = number("latency", atoms[0]), LATENCY_MS
        if not shortest <= value <= longest:
            raise RequestError(f"latency: {text(value)} ms ({shortest} to {longest})")
        return cls(value / 1e3)


@dataclass(frozen=True)
class Prime(Message, type_name="prime"):
    """Prime the running stream with a seed: a file, or the payload at `seed_rate`."""

    seed_file: str | None = None
    seed_rate: int | None = None
    payload: bytes = b""
    voice: int | None = None

    def check(self) -> None:
        """Raise RequestError unless the voice is 1 or more, or None for all."""
        check_voice("seed", self.voice)


@dataclass(frozen=True)
class Reseed(Message, type_name="reseed", pd="rng [N]"):
    """Restart the running stream's random numbers, from a fresh seed if it is null."""

    rng_seed: int | None = None

    def check(self) -> None:
        """Raise RequestError unless the seed is a whole number of 0 or more, or None."""
        if self.rng_seed is not None:
            whole_number("rng", self.rng_seed, at_least=0)


@dataclass(frozen=True)
class Heal(Message, type_name="heal", pd="heal 0|1"):
    """Return the running stream to a healthy state where its sound fails; 0 for no longer."""

    is_on: int

    def check(self) -> None:
        """Raise RequestError unless it is 0 or 1."""
        if whole_number("heal", self.is_on) not in (0, 1):
            raise RequestError(f"heal: {text(self.is_on)} (0 or 1)")


@dataclass(frozen=True)
class Stop(Message, type_name="stop", pd="stop"):
    """End the running take after the chunk being made."""


@dataclass(frozen=True)
class Save(Message, type_name="save", pd="save FILE"):
    """Write the last take to the sound file `path`, absolute, and its record beside it.

    It takes the next free name instead of one that has another file, or an earlier take unless
    it `replaces` that: no dialog has asked about a name that got its `.wav` here.
    """

    path: str
    replaces: bool = dataclasses.field(default=True, compare=False)

    @classmethod
    def from_atoms(cls, atoms: Sequence[Atom]) -> "Save":
        """Return the message of a file, `.wav` added where it is missing; RequestError without."""
        path = file_path("save", atoms, "save FILE")
        is_whole = path.lower().endswith(".wav")
        return cls(path if is_whole else f"{path}.wav", is_whole)


@dataclass(frozen=True)
class Unknown(Message):
    """A well-formed message of a type that this version does not know."""

    type: str


def type_of(message: Message) -> str:
    """Return the `type` under which `message` travels."""
    return message.type if isinstance(message, Unknown) else message.type_name
