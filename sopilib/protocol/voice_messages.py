"""The messages about voices and kept states of a stream; `sopilib.protocol.messages` has the rest.

Voices count from 1; None is all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sopilib.errors import RequestError
from sopilib.limits import FREEZE_S
from sopilib.protocol.atoms import Atom, file_path, number, shown, text, whole_number
from sopilib.protocol.base import Message

MOST_GAIN_DB = 40
SILENT_DB = -100
MOST_MORPH_S = 60
MOST_NOTE = 127
MOST_RELEASE_MS = 60_000
STATES_SUFFIX = ".states"


@dataclass(frozen=True)
class ReseedVoice(Message, type_name="reseed_voice"):
    """Restart the random numbers of one voice of the stream, as if it were alone."""

    voice: int
    rng_seed: int

    @classmethod
    def selector(cls) -> str:
        """Return `seed`, as a performer writes it."""
        return "seed"

    def check(self) -> None:
        """Raise RequestError unless the voice is 1 or more and the seed 0 or more."""
        check_voice("seed", self.voice)
        whole_number("seed", self.rng_seed, at_least=0)


@dataclass(frozen=True)
class Freeze(Message, type_name="freeze", pd="freeze [VOICE] S"):
    """Make the running stream return to this moment every `seconds`; 0 releases it."""

    seconds: float
    voice: int | None = None

    @classmethod
    def from_atoms(cls, atoms: Sequence[Atom]) -> "Freeze":
        """Return the message of seconds, or of a voice and seconds; else raise RequestError."""
        return cls(*_amount_of_voice(cls, atoms))

    def check(self) -> None:
        """Raise RequestError unless the seconds are 0 or 0.02 to 3600, the voice 1 or more."""
        check_voice("freeze", self.voice)
        seconds, (shortest, longest) = number("freeze", self.seconds), FREEZE_S
        if seconds and not shortest <= seconds <= longest:
            raise RequestError(
                f"freeze: {text(seconds)} s (0 to release, or {shortest:g} to {longest:g})"
            )


@dataclass(frozen=True)
class Gain(Message, type_name="gain", pd="gain [VOICE] DB"):
    """Glide to this gain in the running stream, of one voice or of all; -100 dB is silence."""

    decibels: float
    voice: int | None = None

    @classmethod
    def from_atoms(cls, atoms: Sequence[Atom]) -> "Gain":
        """Return the message of a gain, or of a voice and a gain; else raise RequestError."""
        return cls(*_amount_of_voice(cls, atoms))

    def check(self) -> None:
        """Raise RequestError unless the gain is at most 40 dB and the voice 1 or more."""
        check_voice("gain", self.voice)
        if number("gain", self.decibels) > MOST_GAIN_DB:
            raise RequestError(f"gain: {text(self.decibels)} dB (at most {MOST_GAIN_DB})")


@dataclass(frozen=True)
class SaveState(Message, type_name="save_state", pd="save_state N"):
    """Save the network's present state under a number."""

    slot: int

    def check(self) -> None:
        """Raise RequestError unless the slot is a whole number of 0 or more."""
        whole_number("save_state", self.slot, at_least=0)


@dataclass(frozen=True)
class RecallState(Message, type_name="recall_state", pd="recall_state N [VOICE]"):
    """Resume from the state saved under a number, in the running stream or the next one."""

    slot: int
    voice: int | None = None

    def check(self) -> None:
        """Raise RequestError unless the slot is a whole number and the voice 1 or more."""
        whole_number("recall_state", self.slot)
        check_voice("recall_state", self.voice)


@dataclass(frozen=True)
class Morph(Message, type_name="morph", pd="morph A B X [S]"):
    """Glide to the blend of the states `first` (`share` 0) and `second` (1) within `seconds`."""

    first: int
    second: int
    share: float
    seconds: float = 0.0

    def check(self) -> None:
        """Raise RequestError unless the share is 0 to 1 and the seconds are 0 to 60."""
        for slot in (self.first, self.second):
            whole_number("morph", slot)
        if not 0 <= number("morph", self.share) <= 1:
            raise RequestError(f"morph: {text(self.share)} (0, all of A, to 1, all of B)")
        if not 0 <= number("morph", self.seconds) <= MOST_MORPH_S:
            raise RequestError(f"morph: {text(self.seconds)} s (0 to {MOST_MORPH_S})")


@dataclass(frozen=True)
class Note(Message, type_name="note", pd="note PITCH VELOCITY"):
    """Play the state kept as number `pitch` in one voice while a key is held; 0 lets it go."""

    pitch: int
    velocity: float

    def check(self) -> None:
        """Raise RequestError unless pitch and velocity are 0 to 127."""
        if not 0 <= whole_number("note", self.pitch) <= MOST_NOTE:
            raise RequestError(f"note: pitch {text(self.pitch)} (0 to {MOST_NOTE})")
        if not 0 <= number("note", self.velocity) <= MOST_NOTE:
            raise RequestError(f"note: velocity {text(self.velocity)} (0 to {MOST_NOTE})")


@dataclass(frozen=True)
class Release(Message, type_name="release", pd="release MS"):
    """Let notes fade out within this many milliseconds after their keys are let go."""

    milliseconds: float

    def check(self) -> None:
        """Raise RequestError unless the time is 0 to 60000 ms."""
        if not 0 <= number("release", self.milliseconds) <= MOST_RELEASE_MS:
            raise RequestError(f"release: {text(self.milliseconds)} ms (0 to {MOST_RELEASE_MS})")


@dataclass(frozen=True)
class WriteStates(Message, type_name="write_states", pd="write_states FILE"):
    """Write all kept states to the file `path`, absolute."""

    path: str

    @classmethod
    def from_atoms(cls, atoms: Sequence[Atom]) -> "WriteStates":
        """Return the message of a file, `.states` added where it is missing."""
        return cls(_states_path(cls, atoms))


@dataclass(frozen=True)
class ReadStates(Message, type_name="read_states", pd="read_states FILE"):
    """Keep the states in the file `path`, absolute, under their numbers."""

    path: str

    @classmethod
    def from_atoms(cls, atoms: Sequence[Atom]) -> "ReadStates":
        """Return the message of a file, `.states` added where it is missing."""
        return cls(_states_path(cls, atoms))


def _amount_of_voice(
    message_class: type[Message], atoms: Sequence[Atom]
) -> tuple[float, int | None]:
    """Return the number and the voice of `NAME X` (None: all voices) or `NAME VOICE X`."""
    name = message_class.selector()
    if not 1 <= len(atoms) <= 2:
        raise RequestError(f"{name}: got {shown(atoms)} ({message_class.pd_form})")
    voice = whole_number(f"{name} voice", atoms[0], at_least=1) if len(atoms) == 2 else None
    return number(name, atoms[-1]), voice


def check_voice(name: str, voice: int | None) -> None:
    """Raise RequestError unless `voice` is None or a whole number of 1 or more."""
    if voice is not None:
        whole_number(f"{name} voice", voice, at_least=1)


def check_voice_of(name: str, voice: int | None, num_voices: int) -> None:
    """Raise RequestError if a model of this many voices has no voice of that number."""
    if voice is not None and voice > num_voices:
        raise RequestError(f"{name}: voice {voice} (1 to {num_voices})")


def _states_path(message_class: type[Message], atoms: Sequence[Atom]) -> str:
    path = file_path(message_class.selector(), atoms, message_class.pd_form)
    return path if path.lower().endswith(STATES_SUFFIX) else path + STATES_SUFFIX
