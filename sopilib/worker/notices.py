"""Warnings of the library as notices: what it only logs reaches Pd, too."""

import contextlib
import logging
from collections.abc import Callable, Iterator

from sopilib.protocol import messages

_LIBRARY = logging.getLogger("sopilib")


class _NoticeHandler(logging.Handler):
    def __init__(self, send: Callable[[messages.Message], None]) -> None:
        super().__init__(logging.WARNING)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send the text of a warning."""
        self._send(messages.Notice(" ".join(record.getMessage().split())))


@contextlib.contextmanager
def warnings_as_notices(send: Callable[[messages.Message], None]) -> Iterator[None]:
    """Send each warning that the library logs within the `with` as a `messages.Notice`."""
    handler = _NoticeHandler(send)
    _LIBRARY.addHandler(handler)
    try:
        yield
    finally:
        _LIBRARY.removeHandler(handler)
