"""Signs of life: what the worker's main thread promises, and the thread that repeats it.

Before each piece of work the main thread announces how long it may take. A thread sends
`alive` every second while that promise holds, so that Pd hears when the process is stopped
as well as when the main thread is stuck. A load may keep Python's lock for long, which
silences that thread, so the event says how long Pd has to wait for the next one.
"""

import math
import queue
import threading
import time
from dataclasses import dataclass

from sopilib.protocol import messages
from sopilib.worker.channels import Send

EVERY_S = 1.0


@dataclass(frozen=True)
class Promise:
    """How long a piece of work takes at most, and how long no event comes at most, in s."""

    lasts_s: float
    silent_s: float


WAITING = Promise(math.inf, 10.0)  # for a request
STEP = Promise(60.0, 10.0)  # the next samples
REQUEST = Promise(3600.0, 60.0)  # priming, tracing, writing a file
LOAD = Promise(3600.0, 300.0)  # importing TensorFlow from a slow disk, packing weights

_LONG = {messages.Load: LOAD, messages.Generate: REQUEST, messages.Save: REQUEST}


class Pulse:
    """Sends `alive` as long as the main thread keeps its promises.

    Args:
        send: called with each event, from two threads.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._promise = WAITING
        self._until = math.inf

    def start(self) -> None:
        """Start the thread that repeats the promises."""
        threading.Thread(target=self._repeat, daemon=True).start()

    def announce(self, promise: Promise) -> None:
        """Begin a piece of work; tell Pd at once if it will be silent for longer or shorter."""
        is_told = promise.silent_s == self._promise.silent_s
        self._promise, self._until = promise, time.monotonic() + promise.lasts_s
        if not is_told:
            self.beat()

    def beat(self) -> None:
        """Send `alive` unless a promise is broken."""
        if time.monotonic() <= self._until:
            self._send(messages.Alive(self._promise.silent_s))

    def _repeat(self) -> None:
        while True:
            time.sleep(EVERY_S)
            self.beat()


class WatchedInbox(queue.Queue[messages.Message]):
    """A queue of requests that announces what its reader does with them.

    The main thread looks into it between any two pieces of its work.

    Args:
        pulse: told of each piece.
    """

    def __init__(self, pulse: Pulse) -> None:
        super().__init__()
        self._pulse = pulse

    def get(self, block: bool = True, timeout: float | None = None) -> messages.Message:
        """Return the next request as `queue.Queue` does."""
        if block:
            self._pulse.announce(WAITING)
        try:
            request = super().get(block, timeout)
        except queue.Empty:
            self._pulse.announce(STEP)
            raise
        self._pulse.announce(_LONG.get(type(request), STEP))
        return request
