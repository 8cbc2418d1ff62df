"""ModelConfig: the `*.config.json` of a model, validated.

The file is the one that PRiSM SampleRNN's training reads, and its fork copies into its run
folder. Defaults are PRiSM's, and `null` stands for them. Keys that are not ours are ignored,
as users have extras there, but a key that is ours must have a value of its type and range.
Comments from `//` to the end of the line are allowed.
"""

import dataclasses
import json
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sopilib.errors import ConfigError, RequestError
from sopilib.limits import SAMPLE_RATES, is_sample_rate
from sopilib.model.noise_shaping import LIMIT
from sopilib.small_files import read_commented_json

DEFAULT_SAMPLE_RATE = 16000
RNN_TYPES = ("gru", "lstm")
Q_TYPES = ("mu-law", "linear")
PRISM_MU_LAW_LEVELS = 256
TEMPERATURES = (0.1, 10.0)  # range of a config's `temperature`
MOST_GAIN_DB = 40.0  # either way
# keys that say how a trained model is played, with the values that change nothing
_PLAYING: dict[str, Any] = {"temperature": 1.0, "noise_shaping": 0.0, "gain_db": 0.0}
_NOT_OF_PRISM = {"pre_emphasis": 0.0, **_PLAYING}

# characters of a value that an error shows
_SHOWN = 60

# inclusive ranges of the integer keys; the upper ends only catch nonsense
_INTEGER_RANGES = {
    "dim": (1, 16384),
    "num_rnn_layers": (1, 64),
    "q_levels": (2, 65536),
    "emb_size": (1, 65536),
    "seq_len": (1, 10_000_000),
    "sample_rate": SAMPLE_RATES,
}


@dataclass(frozen=True)
class ModelConfig:
    """Shape and quantization of a model; construction validates.

    Attributes:
      frame_sizes: samples in a frame of the lower and of the upper frame tier, ascending, the
        second a multiple of the first. There are always two tiers, as in PRiSM; only the
        engine's kernels take any number.
      dim: width of every hidden layer.
      rnn_type: 'gru' or 'lstm'.
      num_rnn_layers: recurrent layers in each frame tier.
      q_type: 'mu-law' or 'linear'.
      q_levels: quantization levels; PRiSM's mu-law always has 256 and ignores this.
      emb_size: kept for PRiSM; its embedding is always (q_levels, q_levels).
      skip_conn: skip connections in the frame tiers.
      rnn_dropout: dropout between recurrent layers in training, 0 <= x < 1.
      seq_len: samples in a training segment.
      pre_emphasis: 0 <= k < 1, see `sopilib.model.sample_codec`; not of PRiSM.
      temperature: 0.1 to 10, the temperature of the model as trained that counts as 1 when it
        is played; a model that is too sure of itself plays best above 1 (Guo et al. 2017,
        section 4.2); not of PRiSM.
      noise_shaping: -1 <= b <= 1, see `sopilib.model.noise_shaping`; not of PRiSM.
      gain_db: -40 to 40, of what the model plays, see `sopilib.model.sample_codec`; not of PRiSM.
      sample_rate: in Hz; whether it is known or assumed: `sopilib.model.sample_rate`.

    Raises:
      ConfigError: a value has the wrong type or is out of range.
    """

    frame_sizes: tuple[int, ...] = (16, 64)
    dim: int = 1024
    rnn_type: str = "gru"
    num_rnn_layers: int = 4
    q_type: str = "mu-law"
    q_levels: int = 256
    emb_size: int = 256
    skip_conn: bool = False
    rnn_dropout: float = 0.0
    seq_len: int = 1024
    sample_rate: int = DEFAULT_SAMPLE_RATE
    pre_emphasis: float = 0.0
    temperature: float = 1.0
    noise_shaping: float = 0.0
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        _check_frame_sizes(self.frame_sizes)
        object.__setattr__(self, "frame_sizes", tuple(self.frame_sizes))
        for key, (low, high) in _INTEGER_RANGES.items():
            value = getattr(self, key)
            if not _is_integer(value) or not low <= value <= high:
                _fail(key, value, f"an integer from {low} to {high}")
        for key, allowed in (("rnn_type", RNN_TYPES), ("q_type", Q_TYPES)):
            if getattr(self, key) not in allowed:
                _fail(key, getattr(self, key), " or ".join(map(repr, allowed)))
        if not isinstance(self.skip_conn, bool):
            _fail("skip_conn", self.skip_conn, "true or false")
        for key in ("rnn_dropout", "pre_emphasis"):
            value = getattr(self, key)
            if not _is_number(value) or not 0 <= value < 1:
                _fail(key, value, "a number from 0 to below 1")
        coldest, hottest = TEMPERATURES
        if not _is_number(self.temperature) or not coldest <= self.temperature <= hottest:
            _fail("temperature", self.temperature, f"a number from {coldest:g} to {hottest:g}")
        for key, most in (("noise_shaping", LIMIT), ("gain_db", MOST_GAIN_DB)):
            value = getattr(self, key)
            if not _is_number(value) or not abs(value) <= most:
                _fail(key, value, f"a number from {-most:g} to {most:g}")

    @property
    def big_frame_size(self) -> int:
        """Samples in a frame of the upper frame tier."""
        return self.frame_sizes[-1]

    def as_trained(self) -> "ModelConfig":
        """Return the config without how the trained model is played."""
        return dataclasses.replace(self, **_PLAYING)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """Return the config with these values; keys that are not ours are ignored."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in names})

    def to_dict(self) -> dict[str, Any]:
        """Return the values, ready for JSON; keys that PRiSM lacks only where they matter."""
        values = {**dataclasses.asdict(self), "frame_sizes": list(self.frame_sizes)}
        for key, default in _NOT_OF_PRISM.items():
            if values[key] == default:
                del values[key]
        return values


def checked_sample_rate(name: str, rate: object) -> int:
    """Return `rate` in Hz.

    Args:
        name: what the error calls it, such as "the output sample rate" or "--sample_rate".
        rate: any value.

    Raises:
        RequestError: it is not an integer within SAMPLE_RATES.
    """
    if isinstance(rate, numbers.Integral) and is_sample_rate(rate):
        return int(rate)
    low, high = SAMPLE_RATES
    raise RequestError(f"{name} {rate} (give an integer from {low} to {high} Hz)")


def read_json_object(path: str | Path) -> dict[str, Any]:
    """Return the JSON object in the file at `path`, a dict without the keys that are null.

    Raises:
      ConfigError: the file cannot be read or holds something else.
    """
    try:
        values = read_commented_json(path)
    except OSError as error:
        raise ConfigError(
            f"cannot read the config {path}: {error.strerror} (give the path of a "
            "*.config.json file)"
        ) from error
    except ValueError as error:
        raise ConfigError(f"the config {path} is not JSON: {error} (repair the file)") from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"the config {path} holds no JSON object (expected keys such as "
            '"frame_sizes" and "dim" in braces)'
        )
    return {key: value for key, value in values.items() if value is not None}


def load_config(path: str | Path) -> ModelConfig:
    """Return the ModelConfig in the JSON file at `path`.

    Raises:
      ConfigError: the file cannot be read, is not JSON, or holds a bad value.
    """
    values = read_json_object(path)
    try:
        return ModelConfig.from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_integer(value) or isinstance(value, float)


def _check_frame_sizes(sizes: Any) -> None:
    expected = (
        "two ascending integers, samples per frame, the second a multiple of the "
        "first, such as [16, 64]"
    )
    if not isinstance(sizes, (list, tuple)) or len(sizes) != 2:
        _fail("frame_sizes", sizes, expected)
    if not all(_is_integer(size) and 1 <= size <= 65536 for size in sizes):
        _fail("frame_sizes", sizes, expected)
    if sizes[0] >= sizes[1] or sizes[1] % sizes[0]:
        _fail("frame_sizes", sizes, expected)


def _fail(key: str, value: Any, expected: str) -> NoReturn:
    shown = json.dumps(value, default=str)[:_SHOWN]
    raise ConfigError(f'"{key}" is {shown} (set it to {expected})')
