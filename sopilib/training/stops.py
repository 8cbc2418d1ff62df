"""Requests to stop or to save between two steps: signals, the deadline and the save interval."""

import contextlib
import math
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Literal

# why a training ended
StopReason = Literal["epochs", "patience", "steps", "minutes", "interrupted"]
# what a worker may request of all between two steps
Request = Literal["save", "minutes", "interrupted"]

# time between two states that are saved within an epoch
STATE_EVERY_S = 300.0


class Stops:
    """Notes signals and watches the clock; what follows from it is the training's decision.

    Args:
      max_minutes: from `watched` on, or None for no limit.
    """

    def __init__(self, max_minutes: float | None = None) -> None:
        self._max_minutes = max_minutes
        self._deadline, self._saved_at = math.inf, time.monotonic()
        self._interrupted = False

    @property
    def is_interrupted(self) -> bool:
        """Whether Ctrl-C or a termination signal has arrived."""
        return self._interrupted

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Start the clock, and note signals in the with block; a second one ends at once."""
        if self._max_minutes is not None:
            self._deadline = time.monotonic() + 60 * self._max_minutes

        def note(number: int, _: FrameType | None) -> None:
            self._interrupted = True
            signal.signal(number, previous[number])

        previous: dict[int, Any] = {
            n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def restart_save_interval(self) -> None:
        """Count the save interval from now on."""
        self._saved_at = time.monotonic()

    def signalled(self) -> Request | None:
        """Return 'interrupted' if a signal has arrived, else None."""
        return "interrupted" if self._interrupted else None

    def due(self) -> Request | None:
        """Return what a signal or else the clock requests, None for nothing."""
        if self._interrupted:
            return "interrupted"
        now = time.monotonic()
        if now > self._deadline:
            return "minutes"
        return "save" if now - self._saved_at > STATE_EVERY_S else None
