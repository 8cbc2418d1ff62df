"""The errors that a user may see, under one base class.

Every message is one line, `what is wrong (how to fix it)`, ready to show as it is in a
terminal or in Pd. Any other exception is a defect of the program.
"""

import os
import re

# line breaks and other control characters, and the bytes of a name that are not UTF-8
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: object) -> str:
    """Return the text of an object on one line that any terminal and file takes.

    A file's name may hold line breaks, or bytes that are no text: they become escapes such
    as `\\n` and `\\x85`.
    """
    return _UNPRINTABLE.sub(_escape, str(text))


def refused_text(error: OSError) -> str:
    """Return `cannot use FILE: WHY (WHAT TO DO)` for what the system refuses, on one line."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return printable(f"the system refuses: {reason} (check the disk and its permissions)")
    if isinstance(error, PermissionError):
        fix = "check who may read and write it, and its folder"
    elif isinstance(error, FileNotFoundError):
        fix = "check its name"
    else:
        fix = "check it and its disk"
    return printable(f"cannot use {os.fsdecode(error.filename)}: {reason} ({fix})")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name, as Python hands it over
        return f"\\x{code - 0xDC00:02x}"
    return match[0].encode("unicode_escape").decode()


class SampleRNNError(Exception):
    """Base class of all errors whose text is meant for the user; it prints on one line."""

    def __str__(self) -> str:
        return printable(super().__str__())


class ConfigError(SampleRNNError):
    """A model's config file is missing, ambiguous, malformed or out of range."""


class CheckpointError(SampleRNNError):
    """A checkpoint is missing, damaged, or does not fit its config."""


class AudioError(SampleRNNError):
    """A sound file or buffer cannot be read, written or used."""


class RequestError(SampleRNNError):
    """A request (length, temperature, number of voices, ...) cannot be met."""


class PythonError(RequestError):
    """The Python of this process lacks what a request needs; another may have it."""


class RecordError(SampleRNNError):
    """The record of a take is missing, damaged or of another version."""


class ProtocolError(SampleRNNError):
    """Bytes on the pipe between Pd and the worker do not follow docs/protocol.md."""
