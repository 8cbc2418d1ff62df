"""Make dataclasses of JSON objects in files that anyone may have edited.

Names and types are checked against the fields; the ranges of the values are the caller's.
"""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

_Kind = TypeVar("_Kind")
_EXPECTED = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    list: "a list",
    tuple: "a list",
    Mapping: "a JSON object",
}


def from_json(kind: type[_Kind], values: Any) -> _Kind:
    """Return a dataclass with the values of a JSON object.

    Args:
      kind: with fields that are numbers, texts, truth values, mappings, such dataclasses, lists
        or tuples of one of these, or None.
      values: of the object.

    Raises:
      ValueError: it is no object, or a field is missing, unknown or of another type.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{_shown(values)} (give a JSON object)")
    hints, fields = typing.get_type_hints(kind), dataclasses.fields(kind)  # type: ignore[arg-type]
    names = [field.name for field in fields]
    for name in values:
        if name not in names:
            raise ValueError(f"no setting {name!r} (there are {', '.join(sorted(names))})")
    for field in fields:
        is_needed = field.default is field.default_factory is dataclasses.MISSING
        if is_needed and field.name not in values:
            raise ValueError(f'no "{field.name}" (add it)')
    return kind(**{name: _value(name, value, hints[name]) for name, value in values.items()})


def check_fields(kind: type, values: Mapping[str, Any]) -> None:
    """Raise ValueError where a value has another type than the field of its name in `kind`."""
    hints = typing.get_type_hints(kind)
    for name, value in values.items():
        _value(name, value, hints[name])


def _value(name: str, value: Any, hint: Any) -> Any:
    """Return a value of JSON in the type of a field."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and types.NoneType in options:
        return None
    (hint, *_) = options
    if dataclasses.is_dataclass(hint):
        return from_json(typing.cast(type, hint), value)
    kind = typing.get_origin(hint) or hint
    if not _is_of(value, kind):
        null = " or null" if types.NoneType in options else ""
        raise ValueError(f'"{name}" is {_shown(value)} (give {_EXPECTED[kind]}{null})')
    if kind in (list, tuple):
        return kind(_value(name, part, typing.get_args(hint)[0]) for part in value)
    return value


def _is_of(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if kind is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, list if kind is tuple else kind)


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]
