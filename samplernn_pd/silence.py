"""Notice that a worker has been silent for longer than it said it would be.

A worker that stands still (stopped, stuck, or on a machine without memory) keeps its pipes
open, so that no read of them tells. Time counts as it is looked at: where Pd itself was
stopped or the machine slept, the worker's events wait to be read and nothing is wrong.
"""

import time

from sopilib.protocol import messages

_LONGEST_LOOK_S = 1.0


class WorkerSilent:
    """Event: the worker does not answer or, if not `is_silent`, answers again."""

    def __init__(self, is_silent: bool) -> None:
        self.is_silent = is_silent


class Silence:
    """The time since the last event of one process; a thread hears, another one looks."""

    def __init__(self) -> None:
        self._limit_s: float | None = None  # None until the worker has said how long
        self._num_heard = self._num_seen = 0
        self._silent_s = 0.0
        self._looked_at = time.monotonic()
        self._is_told = False

    def hear(self, event: messages.Message) -> None:
        """Note an event of the worker."""
        if isinstance(event, messages.Alive):
            self._limit_s = event.within_s
        self._num_heard += 1

    def look(self) -> WorkerSilent | None:
        """Return an event where the silence has become too long or has ended, else None."""
        now = time.monotonic()
        if self._num_seen == self._num_heard:
            self._silent_s += min(now - self._looked_at, _LONGEST_LOOK_S)
        else:
            self._num_seen, self._silent_s = self._num_heard, 0.0
        self._looked_at = now
        is_silent = self._limit_s is not None and self._silent_s > self._limit_s
        if is_silent == self._is_told:
            return None
        self._is_told = is_silent
        return WorkerSilent(is_silent)
