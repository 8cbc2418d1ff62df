"""The messages from the worker to Pd; docs/protocol.md is the written page.

Pd checks each one as it arrives: the types of all fields (`sopilib.protocol.fields`), and
with `check` the values on which its arrays and divisions depend.
"""

from dataclasses import dataclass

from sopilib.errors import RequestError
from sopilib.protocol.atoms import sample_rate, whole_number
from sopilib.protocol.base import Message

_BYTES_PER_SAMPLE = 4


@dataclass(frozen=True)
class Loaded(Message, type_name="loaded"):
    """The model is ready; `facts` are rows `[key, value, ...]` for `info`."""

    name: str
    sample_rate: int
    num_seqs: int
    facts: tuple[tuple[str | float, ...], ...] = ()
    rate_source: str = "config"  # what says the sample rate, or "assumed"

    def check(self) -> None:
        """Raise RequestError unless rate and voices are in their ranges."""
        sample_rate("sample_rate", self.sample_rate)
        whole_number("num_seqs", self.num_seqs, at_least=1)


@dataclass(frozen=True)
class Started(Message, type_name="started"):
    """The take has begun; each voice will have `num_samples` samples, null for a stream."""

    take: int
    num_samples: int | None
    sample_rate: int
    rng_seed: int

    def check(self) -> None:
        """Raise RequestError unless rate and length are in their ranges."""
        sample_rate("sample_rate", self.sample_rate)
        if self.num_samples is not None:
            whole_number("num_samples", self.num_samples, at_least=1)


@dataclass(frozen=True)
class Chunk(Message, type_name="chunk"):
    """Samples `start` ... of every voice, one voice after the other in the payload.

    `speed` is seconds of sound made in a second: since a take began, of a stream recently.
    """

    take: int
    start: int
    num_seqs: int
    speed: float
    payload: bytes = b""

    def check(self) -> None:
        """Raise RequestError unless the payload is runs of samples of equal length."""
        whole_number("start", self.start, at_least=0)
        whole_number("num_seqs", self.num_seqs, at_least=1)
        if len(self.payload) % (_BYTES_PER_SAMPLE * self.num_seqs):
            raise RequestError(f"a payload of {len(self.payload)} bytes, {self.num_seqs} voices")


@dataclass(frozen=True)
class Finished(Message, type_name="finished"):
    """The take is complete."""

    take: int
    num_samples: int


@dataclass(frozen=True)
class Stopped(Message, type_name="stopped"):
    """The take ended early, with `num_samples` samples a voice made."""

    take: int
    num_samples: int


@dataclass(frozen=True)
class LatencyUsed(Message, type_name="latency_used"):
    """Stream `take` is generated at most this many seconds ahead, where Pd has asked for `asked`.

    The answer to a `latency`; also sent before `started` where the stream begins with another one.
    """

    take: int
    seconds: float
    asked: float

    def check(self) -> None:
        """Raise RequestError unless both are above 0 and at most an hour."""
        for seconds in (self.seconds, self.asked):
            if not 0 < seconds <= 3600:
                raise RequestError(f"seconds: {seconds:g} (more than 0, at most 3600)")


@dataclass(frozen=True)
class SoundWarning(Message, type_name="warning"):
    """The sound of stream `take` fails: it is `kind`, and with `healed` an older state sounds."""

    take: int
    kind: str
    healed: bool = False


@dataclass(frozen=True)
class State(Message, type_name="state"):
    """The state number `slot` has been `saved` or `recalled`."""

    slot: int
    done: str


@dataclass(frozen=True)
class StatesFile(Message, type_name="states_file"):
    """The file `path` has been `written` or `read`; `slots` are the numbers of its states."""

    path: str
    done: str
    slots: tuple[int, ...] = ()


@dataclass(frozen=True)
class Saved(Message, type_name="saved"):
    """The last take is written to the sound file `path`."""

    path: str


@dataclass(frozen=True)
class Notice(Message, type_name="notice"):
    """Something the user should know that stops nothing, such as a silent seed."""

    text: str


@dataclass(frozen=True)
class Failure(Message, type_name="failure"):
    """A request failed; `request` is its type, `take` its take if it had begun one.

    `other_python`: the Python of this worker lacks what the request needs; another may
    have it.
    """

    request: str
    text: str
    take: int | None = None
    other_python: bool = False


@dataclass(frozen=True)
class Alive(Message, type_name="alive"):
    """The worker is at work or waits; its next event comes within `within_s` seconds."""

    within_s: float

    def check(self) -> None:
        """Raise RequestError unless it is at most an hour and more than 0."""
        if not 0 < self.within_s <= 3600:
            raise RequestError(f"within_s: {self.within_s:g} (more than 0, at most 3600)")
