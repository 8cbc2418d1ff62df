"""The messages between Pd and the worker; docs/protocol.md is the written page.

Frozen dataclasses, and the standard library only, so that both ends share them.
Their fields are the JSON header of a frame (`sopilib.protocol.codec`), except `payload`,
which is its binary part (float32, little-endian).
"""

from dataclasses import dataclass

PROTOCOL_VERSION = 2


# Both ways


@dataclass(frozen=True)
class Hello:
    """The first message from either end."""

    protocol: int
    version: str


# From Pd to the worker


@dataclass(frozen=True)
class Load:
    """Load the model at `path`, searched in the folders `search`, for `num_seqs` voices."""

    path: str
    num_seqs: int = 1
    config_path: str | None = None
    search: tuple = ()
    engine: str = "auto"
    precision: str = "auto"
    threads: int | None = None


@dataclass(frozen=True)
class Generate:
    """Begin take number `take`; with a latency it is a stream, which has no end and no `dur_s`.

    `temperature` holds one entry for all voices or one for each: a number, a text
    `Env(...)`, or None for the values in the payload. The payload is the seed audio
    (`seed_samples` values), then those values (`envelope_samples`), spread over the
    take or played round and round within `envelope_s` seconds each time.
    """

    take: int
    dur_s: float | None = None
    latency_s: float | None = None
    temperature: tuple = (1.0,)
    ramp: tuple | None = None  # (target, seconds)
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


@dataclass(frozen=True)
class SetTemperature:
    """Change the running take's temperature: one value for all voices or one for each."""

    values: tuple


@dataclass(frozen=True)
class Ramp:
    """Glide the running take's temperature to `target` within `seconds` of sound."""

    target: float
    seconds: float


@dataclass(frozen=True)
class Curve:
    """Have the running take's temperature follow the values in the payload.

    They are spread over the take, or played round and round within `seconds` each time.
    """

    seconds: float | None = None
    payload: bytes = b""


@dataclass(frozen=True)
class Played:
    """Stream `take` is heard at sample `num_samples`, at its rate."""

    take: int
    num_samples: int


@dataclass(frozen=True)
class Latency:
    """Make the running stream no further ahead than so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Prime:
    """Have the running stream go on from a seed: a file, or the payload at `seed_rate`."""

    seed_file: str | None = None
    seed_rate: int | None = None
    payload: bytes = b""


@dataclass(frozen=True)
class Reseed:
    """Start the running stream's random numbers anew, from a fresh seed if it is null."""

    rng_seed: int | None = None


@dataclass(frozen=True)
class Freeze:
    """Have the running stream start again from here every so many seconds, 0 to go on."""

    seconds: float


@dataclass(frozen=True)
class SaveState:
    """Keep the network's present state under a number."""

    slot: int


@dataclass(frozen=True)
class RecallState:
    """Go on from the state kept under a number, in the running stream or the next one."""

    slot: int


@dataclass(frozen=True)
class Stop:
    """End the running take after the chunk being made."""


@dataclass(frozen=True)
class Save:
    """Write the last take to the sound file `path`, absolute, and its record beside it."""

    path: str


# From the worker to Pd


@dataclass(frozen=True)
class Loaded:
    """The model is ready; `facts` are rows `[key, value, ...]` for `info`."""

    name: str
    sample_rate: int
    num_seqs: int
    facts: tuple = ()


@dataclass(frozen=True)
class Started:
    """The take has begun; it will have `num_samples` samples at `sample_rate` a voice.

    Of a stream it is null.
    """

    take: int
    num_samples: int | None
    sample_rate: int
    rng_seed: int


@dataclass(frozen=True)
class Chunk:
    """Samples `start` ... of every voice, one voice after the other in the payload.

    `speed` is seconds of sound made in a second, since the take began or, of a stream, of late.
    """

    take: int
    start: int
    num_seqs: int
    speed: float
    payload: bytes = b""


@dataclass(frozen=True)
class Finished:
    """The take is complete."""

    take: int
    num_samples: int


@dataclass(frozen=True)
class Stopped:
    """The take ended early, with `num_samples` samples a voice made."""

    take: int
    num_samples: int


@dataclass(frozen=True)
class State:
    """The state number `slot` has been `saved` or `recalled`."""

    slot: int
    done: str


@dataclass(frozen=True)
class Saved:
    """The last take is written to the sound file `path`."""

    path: str


@dataclass(frozen=True)
class Notice:
    """Something the user should know that stops nothing, such as a silent seed."""

    text: str


@dataclass(frozen=True)
class Failure:
    """A request failed; `request` is its type, `take` its take if it had begun one."""

    request: str
    text: str
    take: int | None = None


@dataclass(frozen=True)
class Unknown:
    """A well-formed message of a type that this version does not know."""

    type: str


MESSAGES = {
    "hello": Hello,
    "load": Load,
    "generate": Generate,
    "temperature": SetTemperature,
    "ramp": Ramp,
    "curve": Curve,
    "played": Played,
    "latency": Latency,
    "prime": Prime,
    "reseed": Reseed,
    "freeze": Freeze,
    "save_state": SaveState,
    "recall_state": RecallState,
    "stop": Stop,
    "save": Save,
    "loaded": Loaded,
    "started": Started,
    "chunk": Chunk,
    "finished": Finished,
    "stopped": Stopped,
    "state": State,
    "saved": Saved,
    "notice": Notice,
    "failure": Failure,
}
_TYPES = {message_class: type_ for type_, message_class in MESSAGES.items()}


def type_of(message):
    """Returns the `type` under which `message` travels."""
    return message.type if isinstance(message, Unknown) else _TYPES[type(message)]
