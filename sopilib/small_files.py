"""Read small texts and JSON that anyone may have written. Imports the standard library only.

A model folder may come from the internet, so a file is not what its name says: a pipe that
never ends, a device, gigabytes, JSON nested a million deep, a number of a million digits.
Whatever cannot be used is an OSError, with its reason in `strerror`, or a ValueError.
"""

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias

# sizes in bytes: of configs, command lines and headers, and of records, which hold curves
SMALL_BYTES = 1 << 20
RECORD_BYTES = 32 << 20

MOST_DEPTH = 32
MOST_DIGITS = 1000

# a JSON string, which is kept even where it does not end, or a comment, which may begin anywhere
# outside a string
_STRING_OR_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*"?)|//[^\n]*')

FilePath: TypeAlias = "str | os.PathLike[str]"

# strings hide brackets; one that does not end is taken to its line's end, so this is linear
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\\n]|\\.)*"?|([\[{])|([\]}])')


def open_regular(path: FilePath) -> BinaryIO:
    """Return the regular file at `path`, or that a link there leads to, open for reading.

    Raises:
        OSError: there is none, it cannot be read, or it is a folder, pipe or device.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer
    except ValueError:  # a zero byte in the name
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def is_regular(path: FilePath) -> bool:
    """Return whether a regular file, or a link to one, is there under a name that can be one."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # too long a name, a zero byte in it
        return False


def is_closed_folder(path: FilePath) -> bool:
    """Return whether `path` is a folder that this user may not read."""
    return os.path.isdir(path) and not os.access(path, os.R_OK | os.X_OK)


def read_bytes(path: FilePath, most_bytes: int = SMALL_BYTES) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: see `open_regular`, or it is larger than `most_bytes`.
    """
    with open_regular(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"Larger than {most_bytes} bytes", str(path))
    return content


def read_text(path: FilePath, most_bytes: int = SMALL_BYTES, errors: str = "strict") -> str:
    """Return the UTF-8 text in a regular file.

    Args:
        path: of the file.
        most_bytes: that it may have.
        errors: 'strict' or 'replace', as `bytes.decode` has it.

    Raises:
        OSError: see `read_bytes`.
        ValueError: it is not UTF-8.
    """
    text = read_bytes(path, most_bytes).decode("utf-8", errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def text_if_readable(path: FilePath) -> str:
    """Return the text in a regular file, '' where it cannot be read; bad UTF-8 is replaced."""
    try:
        return read_text(path, errors="replace")
    except OSError:
        return ""


def read_json(path: FilePath, most_bytes: int = SMALL_BYTES) -> Any:
    """Return the value of the JSON in a regular file.

    Raises:
        OSError: see `read_bytes`.
        ValueError: it is not UTF-8, or see `parse_json`.
    """
    return parse_json(read_text(path, most_bytes))


def read_commented_json(path: FilePath) -> Any:
    """Return the value of the JSON in a regular file; comments go from `//` to the line's end.

    Raises:
        OSError, ValueError: see `read_json`.
    """
    return parse_json(_STRING_OR_COMMENT.sub(lambda match: match[1] or "", read_text(path)))


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON, its lists and objects are nested deeper than MOST_DEPTH,
            or a number has more than MOST_DIGITS digits.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text))
    if _depth(text) > MOST_DEPTH:
        raise ValueError(f"it is nested deeper than {MOST_DEPTH} levels")
    return json.loads(text, parse_int=_integer, parse_float=_float)


def _depth(text: str) -> int:
    """Return how deep the brackets outside strings are nested, closed or not."""
    return max(_depths(text), default=0)


def _depths(text: str) -> Iterator[int]:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        depth += 1 if match[1] else -1 if match[2] else 0
        yield depth


def _integer(digits: str) -> int:
    return int(_checked_number(digits))


def _float(digits: str) -> float:
    return float(_checked_number(digits))


def _checked_number(digits: str) -> str:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has more than {MOST_DIGITS} digits")
    return digits
