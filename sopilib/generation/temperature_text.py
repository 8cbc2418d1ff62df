"""Read a temperature from text, as messages in Pd, flags and records write it."""

from sopilib.errors import RequestError
from sopilib.generation.temperature import ENVELOPE_FORM, Envelope, check_temperature


def parse_temperature(text: str) -> float | Envelope:
    """Return the float or Envelope that `text` writes.

    Args:
      text: a number, or Env([levels],[seconds],[curves]), seconds and curves
        optional. Spaces are allowed, and backslashes, with which Pd escapes commas.

    Raises:
      RequestError: it is neither, or a value is out of range.
    """
    compact = "".join(text.replace("\\", "").split())
    if compact.startswith("Env(") and compact.endswith(")"):
        return Envelope(*_parse_lists(compact[len("Env(") : -1], text))
    return check_temperature(_parse_number(compact, text))


def _parse_lists(inside: str, text: str) -> list[tuple[float, ...]]:
    """Return the one to three lists of numbers in '[a,b],[c],[d]'."""
    lists: list[tuple[float, ...]] = []
    while inside:
        end = inside.find("]")
        if not inside.startswith("[") or end < 0 or len(lists) == 3:
            raise _not_a_temperature(text)
        numbers = inside[1:end].split(",") if end > 1 else []
        lists.append(tuple(_parse_number(number, text) for number in numbers))
        inside = inside[end + 1 :]
        if inside and not inside.startswith(",["):
            raise _not_a_temperature(text)
        inside = inside[1:]
    if not lists:
        raise _not_a_temperature(text)
    return lists


def _parse_number(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise _not_a_temperature(text) from error


def _not_a_temperature(text: str) -> RequestError:
    return RequestError(f"{text!r} is not a temperature (write a number, or {ENVELOPE_FORM})")
