"""What the values of flags may be: one type for each quantity, with its range.

`adder` binds a type to the flag that it belongs to, so that an error names it. A value out of
range is a RequestError, as any other that cannot be used; a text that is no number at all is
wrong usage, argparse's status 2.
"""

import argparse
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sopilib.errors import RequestError, printable
from sopilib.limits import (
    HIGHEST_TEMPERATURE,
    MOST_CANDIDATES,
    MOST_TRACKS,
    MOST_VOICES,
    SAMPLE_RATES,
)

_LONGEST_NAME = 255  # bytes
_LONGEST_PATH = 4095  # bytes
_LARGEST_COUNT = 10**9
_LARGEST_SEED = 2**63 - 1
_LONGEST_S = 1e6


@dataclass(frozen=True)
class Quantity:
    """The type of a flag's value: a number within a range.

    Attributes:
      number: int or float.
      low, high: the ends of the range.
      expected: the range in words.
      has_low, has_high: whether the ends themselves are allowed.
      shown: how an error calls the value; default the flag and its text.
    """

    number: Callable[[str], Any]
    low: float
    high: float
    expected: str
    has_low: bool = True
    has_high: bool = True
    shown: str = ""

    def bound(self, flag: str) -> Callable[[str], Any]:
        """Return the function that reads the value of `flag` from its text."""

        def read(text: str) -> Any:
            return self._read(flag, text)

        return read

    def _read(self, flag: str, text: str) -> Any:
        try:
            value = self.number(text)
        except ValueError as error:
            kind = "a whole number" if self.number is int else "a number"
            raise argparse.ArgumentTypeError(
                f"{_shortened(text)!r} is not {kind} (give {self.expected})"
            ) from error
        is_above = value >= self.low if self.has_low else value > self.low
        is_below = value <= self.high if self.has_high else value < self.high
        if not (is_above and is_below):  # NaN is neither
            shown = self.shown.format(_shortened(text))
            what = f"{flag}: {shown}" if shown else f"{flag} {_shortened(text)}"
            raise RequestError(f"{what} (give {self.expected})")
        return value


@dataclass(frozen=True)
class Interval:
    """The type of a flag's value: `LOW:HIGH`, or one number for both; it becomes a pair.

    Attributes:
      ends: Quantity of each.
    """

    ends: Quantity

    def bound(self, flag: str) -> Callable[[str], Any]:
        """Return the function that reads the value of `flag` from its text."""
        read_end = self.ends.bound(flag)

        def read(text: str) -> tuple[Any, Any]:
            first, colon, last = text.partition(":")
            low = read_end(first)
            high = read_end(last) if colon else low
            if low > high:
                raise RequestError(f"{flag} {_shortened(text)} is reversed (give LOW:HIGH)")
            return low, high

        return read


def whole(low: int, high: int, expected: str = "", shown: str = "") -> Quantity:
    """Return the Quantity of a whole number, `low` and `high` included."""
    return Quantity(int, low, high, expected or f"{low} to {high}", shown=shown)


def positive(high: float, expected: str, shown: str = "") -> Quantity:
    """Return the Quantity of a number above 0, `high` included."""
    return Quantity(float, 0.0, high, expected, has_low=False, shown=shown)


COUNT = whole(1, _LARGEST_COUNT, "1 or more")
COUNT_OR_NONE = whole(0, _LARGEST_COUNT, "0 or more")
SAMPLES = whole(0, 2**53, "a number of samples, 0 or more")
VOICES_EACH = whole(1, MOST_VOICES, f"1 to {MOST_VOICES}")
TRACKS = whole(1, MOST_TRACKS)
CANDIDATES = whole(1, MOST_CANDIDATES, shown="{} takes to choose from")
VOICES = whole(1, MOST_VOICES, shown="{} voices")
RNG_SEED = whole(0, _LARGEST_SEED, "an integer, 0 or above", shown="the random seed {}")
RATE = whole(*SAMPLE_RATES, "an integer from {} to {} Hz".format(*SAMPLE_RATES))
MILLISECONDS = whole(1, round(_LONGEST_S * 1000), "milliseconds above 0")
OVERLAP = whole(0, round(_LONGEST_S * 1000), "milliseconds, 0 or more")
DURATION = positive(_LONGEST_S, "a number of seconds above 0", shown="the length {} s")
SECONDS = positive(_LONGEST_S, f"seconds above 0, at most {_LONGEST_S:.0f}")
MINUTES = positive(1e9, "a number above 0")
HOURS = positive(8760.0, "hours above 0, at most 8760")  # a year
FACTOR = positive(3e38, "a number above 0")  # in 32 bits it is finite
TEMPERATURE = Quantity(
    float,
    0.0,
    HIGHEST_TEMPERATURE,
    "a finite number, 0 or above; 0 is the most likely sample, 1 the model itself",
    shown="the temperature {} is out of range",
)
PART = Quantity(float, 0.0, 1.0, "a part between 0 and 1", has_low=False, has_high=False)
NOISE_PART = Quantity(float, 0.0, 1.0, "0 to 1")
FADE = Quantity(float, 0.0, _LONGEST_S, f"seconds, 0 to {_LONGEST_S:.0f}")
MOMENTUM = Quantity(float, 0.0, 1.0, "0 to below 1", has_high=False)
DROPOUT = MOMENTUM
PRE_EMPHASIS = MOMENTUM
SOFTEST = MOMENTUM
CROSSFADE = Quantity(float, 0.01, 600.0, "seconds from 0.01 to 600")
TAKE_OF_RADIO = Quantity(float, 0.0, 3600.0, "seconds above 0, at most 3600", has_low=False)
LUFS = Quantity(float, -70.0, 0.0, "LUFS from -70 to 0")
DBFS = Quantity(float, -200.0, 0.0, "dBFS below 0, at least -200", has_high=False)
FRAME_SIZE = whole(1, 65536)
WIDTH = whole(1, 16384)
LAYERS = whole(1, 64)
LEVELS = whole(2, 65536)
SEQ_LEN = whole(1, 10_000_000)


def adder(parser: argparse._ActionsContainer) -> Callable[..., argparse.Action]:
    """Return `parser.add_argument`, which binds a type of here to the flag that it belongs to."""

    def add(*names: str, **options: Any) -> argparse.Action:
        kind = options.get("type")
        if isinstance(kind, (Quantity, Interval)):
            options["type"] = kind.bound(names[0])
        return parser.add_argument(*names, **options)

    return add


def path(text: str) -> Path:
    """Return the path that a flag names.

    Raises:
      argparse.ArgumentTypeError: it is empty or too long for any file system.
    """
    if not text:
        raise argparse.ArgumentTypeError("an empty path (give a name)")
    names = os.fsencode(text).split(b"/")
    if max(map(len, names)) > _LONGEST_NAME or len(os.fsencode(text)) > _LONGEST_PATH:
        raise argparse.ArgumentTypeError(
            f"{_shortened(text)!r} is too long (a name has at most {_LONGEST_NAME} bytes)"
        )
    return Path(text)


def file_path(text: str) -> Path:
    """Return the path of a file to write.

    Raises:
      argparse.ArgumentTypeError: it is empty or too long.
      RequestError: it names a folder.
    """
    result = path(text)
    if text.endswith("/") or result.name in ("", "..") or result.is_dir():
        raise RequestError(f"cannot write {text}: that is a folder (add the name of a file)")
    return result


def model_name(text: str) -> str:
    """Return the path or name of a model.

    Raises:
      argparse.ArgumentTypeError: it is empty or too long, or `~NAME` of an unknown user.
    """
    try:
        path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}: there is no such user (give a path, or the name of a bundled model)"
        ) from error
    return text


def name(text: str) -> str:
    """Return the name of a training, a search or a preset: a file or folder in a given place.

    Raises:
      argparse.ArgumentTypeError: it is empty or too long, or leads elsewhere.
    """
    if path(text).is_absolute() or not Path(text).name or ".." in Path(text).parts:
        raise argparse.ArgumentTypeError(f"{text!r} is no name (give a word, such as bells)")
    return text


def track_numbers(text: str) -> list[int]:
    """Return the numbers in a list such as 1,4,7.

    Raises:
      argparse.ArgumentTypeError: a part of it is no number.
    """
    if not re.fullmatch(r"\d{1,6}(,\d{1,6})*", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"{_shortened(text)!r} is no list of tracks (give their numbers, such as 1,4,7)"
        )
    return [int(number) for number in text.split(",")]


def part(text: str) -> tuple[int, int]:
    """Return the pair of a part such as 2/8.

    Raises:
      argparse.ArgumentTypeError: it is no part.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(
            f"{_shortened(text)!r} is no part (give I/N with I from 1 to N, such as 2/8)"
        )
    return int(match[1]), int(match[2])


def scheduler(text: str) -> str:
    """Return the address of a scheduler.

    Raises:
      argparse.ArgumentTypeError: it is none.
    """
    if not re.fullmatch(r"[a-z]+://[^\s/]{1,255}:\d{1,5}", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"{_shortened(text)!r} is no address of a scheduler (give tcp://HOST:8786)"
        )
    return text


def title(text: str) -> str:
    """Return a title, one line of text.

    Raises:
      argparse.ArgumentTypeError: it is empty or too long.
    """
    line = printable(text).strip()
    if not line or len(line) > _LONGEST_NAME:
        raise argparse.ArgumentTypeError(
            f"{_shortened(text)!r} is no title (give 1 to {_LONGEST_NAME} characters)"
        )
    return line


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
