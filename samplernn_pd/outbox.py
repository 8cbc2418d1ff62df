"""Queue status messages for Pd.

They wait here until the state that they report is complete, because a patch may answer
one with the next message before the host's `send` returns.
"""

import collections
from typing import Any

from samplernn_pd.host import Host


class Outbox:
    """A queue of status messages for `host.send(selector, *atoms)`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._waiting: collections.deque[tuple[Any, ...]] = collections.deque()
        self._sending = False

    def say(self, selector: str, *atoms: int | float | str) -> None:
        """Queue a status message; atoms are int, float or str."""
        self._waiting.append((selector, *map(_for_pd, atoms)))

    def error(self, text: str) -> None:
        """Write a line to the console and queue it as `error`, word by word."""
        self._tell("error", text)

    def notice(self, text: str) -> None:
        """Write a line to the console and queue it as `notice`, word by word."""
        self._tell("notice", text)

    def _tell(self, selector: str, text: str) -> None:
        self._host.print(f"samplernn: {_for_pd(text)}")
        self.say(selector, *text.split())

    def send(self) -> None:
        """Send the messages that wait now; those queued meanwhile go with the next call."""
        if self._sending:
            return
        self._sending = True
        try:
            for _ in range(len(self._waiting)):
                self._host.send(*self._waiting.popleft())
        finally:
            self._sending = False


def _for_pd(atom: Any) -> Any:
    """Return an atom that Pd accepts: of a text what is no UTF-8, such as in file names, as `?`."""
    if not isinstance(atom, str):
        return atom
    return atom.encode(errors="replace").decode().replace("\0", "?")
