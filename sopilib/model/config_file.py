"""Change values in a config's file and leave the rest of the file unchanged.

The file is someone's own: comments, the order of the keys, keys that are not ours and the
indentation stay. So the text is edited where the value stands, after a look at its tokens
alone; that the result says what it should is checked before it takes the file's place.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sopilib.errors import ConfigError
from sopilib.model.config import read_json_object
from sopilib.new_files import NewFiles, check_writable
from sopilib.small_files import read_bytes

_TOKEN = re.compile(r'\s+|"(?:\\.|[^"\\])*"|//[^\n]*|[{}\[\],:]|[^\s{}\[\],:"/]+|.', re.DOTALL)


def write_numbers(path: Path, numbers: Mapping[str, float]) -> None:
    """Write numbers by their keys into the config at `path`; the file changes as a whole.

    Raises:
        ConfigError: the file cannot be read or written, or holds no JSON object.
    """
    path = path.resolve()  # where it is a link, that stays
    expected = {**read_json_object(path), **numbers}
    try:
        text = read_bytes(path).decode("utf-8")
        for key, number in numbers.items():
            text = with_number(text, key, number)
        _replace(path, text, expected, numbers)
    except OSError as error:
        raise _unwritable(path, error) from error


def check_writable_config(path: Path) -> None:
    """Raise the ConfigError that `write_numbers` would raise where the file cannot be written."""
    try:
        check_writable(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {path}: {error.strerror} (check the permissions of its folder; "
        "the file is as it was)"
    )


def with_number(text: str, key: str, number: float) -> str:
    """Return a JSON object's text with the number under `key`, new keys first.

    Args:
        text: of a JSON object, comments allowed.
        key: of that object itself, not of one within it.
        number: replaces any value of the key.
    """
    tokens = [token for token in _TOKEN.finditer(text) if not _is_blank(token[0])]
    span = _value_span(tokens, key)
    if span is not None:
        return f"{text[: span[0]]}{number}{text[span[1] :]}"
    begin = tokens[0].end()
    gap = text[begin : len(text) - len(text[begin:].lstrip())]
    if tokens[1][0] == "}":
        return f'{text[:begin]}"{key}": {number}{text[begin:]}'
    return f'{text[:begin]}{gap}"{key}": {number},{gap or " "}{text[begin + len(gap) :]}'


def _is_blank(token: str) -> bool:
    return token.isspace() or token.startswith("//")


def _value_span(tokens: list[re.Match[str]], key: str) -> tuple[int, int] | None:
    """Return where the value of the object's `key` begins and ends, the last one of several."""
    span, depth, begin = None, 0, None
    for before, token in zip(tokens, tokens[1:]):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(before[0], 0)
        if depth != 1:
            continue
        if begin is not None and token[0] in (",", "}"):
            span, begin = (begin, before.end()), None
        elif token[0] == ":":
            is_key = before[0] == f'"{key}"'
            begin = token.end() if is_key else None
        elif before[0] == ":" and begin is not None:
            begin = token.start()
    return span


def _replace(path: Path, text: str, expected: dict[str, Any], numbers: Mapping[str, float]) -> None:
    """Put `text` in the place of the file at `path`, once it reads as `expected`.

    `numbers` are what has changed.
    """
    with NewFiles() as files:
        unfinished = files.open(path)
        unfinished.write(text.encode("utf-8"))
        unfinished.flush()
        if read_json_object(unfinished.name) != expected:
            change = ", ".join(f'"{key}": {number}' for key, number in numbers.items())
            raise ConfigError(f"cannot change {path} by itself (write into it by hand: {change})")
