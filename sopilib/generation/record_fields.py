"""The fields of a record's JSON: what each may be, and a check that says what is wrong."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sopilib.errors import RecordError
from sopilib.limits import SAMPLE_RATES, is_sample_rate

# what to do about a record that is not as it was saved
AS_SAVED = "use the file as it was saved"
_LARGEST = 2**53  # of the numbers read


class Kind(NamedTuple):
    """A kind of value: a test, and what the test accepts in words."""

    is_valid: Callable[[Any], bool]
    expected: str


def check_fields(values: Any, **kinds: Kind) -> dict[str, Any]:
    """Return the fields of `values` that `kinds` names, each checked against its kind.

    Raises:
      RecordError: `values` is not a JSON object, or a field is missing or of another kind.
    """
    if not isinstance(values, dict):
        raise RecordError(f"{json.dumps(values)[:60]} is not an object in braces ({AS_SAVED})")
    for key, (is_valid, expected) in kinds.items():
        if key not in values:
            raise RecordError(f'no "{key}" ({AS_SAVED})')
        if not is_valid(values[key]):
            shown = json.dumps(values[key])[:60]
            raise RecordError(f'"{key}" is {shown}, expected {expected} ({AS_SAVED})')
    return {key: values[key] for key in kinds}


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (_is_integer(value) or isinstance(value, float)) and abs(value) <= _LARGEST


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(_is_number, value))


TEXT = Kind(lambda value: isinstance(value, str) and value != "", "a text")
TEXT_OR_NULL = Kind(lambda value: value is None or isinstance(value, str), "a text or null")
FLAG = Kind(lambda value: isinstance(value, bool), "true or false")
COUNT = Kind(lambda value: _is_integer(value) and 0 <= value <= _LARGEST, "an integer, 0 or above")
SAMPLE_RATE = Kind(is_sample_rate, "an integer from {} to {}".format(*SAMPLE_RATES))
POSITIVE = Kind(lambda value: _is_integer(value) and 0 < value <= _LARGEST, "an integer above 0")
RNG_SEED = Kind(lambda value: _is_integer(value) and value >= 0, "an integer, 0 or above")
NUMBER = Kind(_is_number, "a number")
NUMBER_OR_NULL = Kind(lambda value: value is None or _is_number(value), "a number or null")
NUMBERS = Kind(_is_numbers, "a list of numbers")
PAIR = Kind(lambda value: _is_numbers(value) and len(value) == 2, "two numbers")
LIST = Kind(lambda value: isinstance(value, list) and len(value) > 0, "a list, not empty")
ANY_LIST = Kind(lambda value: isinstance(value, list), "a list")
OBJECT = Kind(lambda value: isinstance(value, dict), "an object in braces")
OBJECT_OR_NULL = Kind(lambda value: value is None or isinstance(value, dict), "an object or null")
SHA256 = Kind(
    lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None,
    "64 hexadecimal digits",
)
