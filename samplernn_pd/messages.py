"""What a performer can say, once `samplernn_pd.grammar` has understood it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    path: str
    voices: int = 1
    config_path: str | None = None
    python: str | None = None
    engine: str = "auto"  # these are checked by the worker, which has them
    precision: str = "auto"
    threads: int | None = None


@dataclass(frozen=True)
class Unload:
    pass


@dataclass(frozen=True)
class Info:
    pass


@dataclass(frozen=True)
class Poll:
    position: int | None = None  # in the ring, in samples, where the patch plays one


@dataclass(frozen=True)
class Stream:
    """Sound without end into the ring `array`; None ends it."""

    array: str | None
    latency_s: float | None = None
    sample_rate: int | None = None


@dataclass(frozen=True)
class Latency:
    seconds: float


@dataclass(frozen=True)
class Freeze:
    seconds: float  # 0 goes on


@dataclass(frozen=True)
class SaveState:
    slot: int


@dataclass(frozen=True)
class RecallState:
    slot: int


@dataclass(frozen=True)
class Stop:
    pass


@dataclass(frozen=True)
class Save:
    path: str  # ends in .wav


@dataclass(frozen=True)
class Length:
    seconds: float


@dataclass(frozen=True)
class Temperature:
    values: tuple


@dataclass(frozen=True)
class Ramp:
    target: float
    seconds: float


@dataclass(frozen=True)
class Envelope:
    array: str | None  # None switches it off
    seconds: float | None = None  # in which it passes again and again; None: over the take


@dataclass(frozen=True)
class Seed:
    """Seed audio: the name of an array or a file; None is no seed."""

    source: str | None
    rate: int | None = None


@dataclass(frozen=True)
class RngSeed:
    number: int | None  # None draws a fresh one for each take


@dataclass(frozen=True)
class Generate:
    """A take into `arrays`, one for each voice.

    What is None is as the settings have it. `temperature` holds numbers and texts
    `Env(...)`. `seed_rate` is that of the array which is the seed, whoever named it.
    """

    arrays: tuple
    seconds: float | None = None
    temperature: tuple | None = None
    seed: Seed | None = None
    seed_rate: int | None = None
    out_rate: int | None = None
    resume: bool = False
