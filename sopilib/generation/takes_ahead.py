"""Make takes ahead on a thread, while earlier ones are played."""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator

from sopilib.generation.radio_takes import RadioTake

_NUM_WAITING = 1  # finished takes; another is made, and one is played
_WAIT_S = 0.1


class TakesAhead:
    """An iterator over takes that a thread makes ahead, at most two of them.

    Use it in a `with`, which ends the thread.

    Args:
      takes: made by iterating; the iteration must end soon after `stopped` is set.
      stopped: set where the `with` ends.
    """

    def __init__(self, takes: Iterable[RadioTake], stopped: threading.Event) -> None:
        self._takes, self._stopped = takes, stopped
        self._waiting: queue.Queue[RadioTake | BaseException] = queue.Queue(_NUM_WAITING)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "TakesAhead":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[RadioTake]:
        """Yield the takes in their order.

        Raises:
          BaseException: what making them raised.
        """
        while True:
            take = self._waiting.get()
            if isinstance(take, BaseException):
                raise take
            yield take

    def _run(self) -> None:
        try:
            for take in self._takes:
                if not self._put(take):
                    return
        except BaseException as error:  # raised where the takes are played
            self._put(error)

    def _put(self, item: RadioTake | BaseException) -> bool:
        """Wait until there is room; return False if it is stopped before that."""
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._waiting.put(item, timeout=_WAIT_S)
                return True
        return False
