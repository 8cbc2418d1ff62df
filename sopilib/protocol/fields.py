"""Check the types of a message's fields, which JSON does not promise."""

import dataclasses
import math
import types
import typing

from sopilib.errors import ProtocolError, RequestError
from sopilib.protocol.base import Message

_LARGEST = 2**128  # just above the largest float of Pd


def checked(message: Message) -> Message:
    """Return `message` if all its fields have their types and allowed values.

    Raises:
        ProtocolError: one does not; a line with its name and value.
    """
    for field in dataclasses.fields(message):
        value = getattr(message, field.name)
        if not _fits(value, field.type):
            raise ProtocolError(f"{message.type_name}: {field.name} is {_shown(value)}")
    try:
        message.check()
    except RequestError as error:
        raise ProtocolError(f"{message.type_name}: {error}") from None
    return message


def _fits(value: object, wanted: object) -> bool:
    """Return whether a value from JSON has an annotated type; a list counts as a tuple."""
    if isinstance(wanted, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(wanted))
    if typing.get_origin(wanted) is tuple:
        return isinstance(value, (tuple, list)) and _fit_items(value, typing.get_args(wanted))
    if wanted is float:
        return _fits(value, int) or (isinstance(value, float) and math.isfinite(value))
    if wanted is int:
        return type(value) is int and abs(value) <= _LARGEST
    return type(value) is wanted


def _fit_items(values: typing.Sequence[object], wanted: tuple[object, ...]) -> bool:
    if wanted[-1] is ...:
        return all(_fits(value, wanted[0]) for value in values)
    return len(values) == len(wanted) and all(map(_fits, values, wanted))


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
