"""The instrument behind the class: messages to requests, and events to status messages.

Its only contact with Pd is its host, see `samplernn_pd.host`.

Every method returns at once. `poll` delivers the worker's events. Status messages go
through an outbox, see `samplernn_pd.outbox` for the reason.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from samplernn_pd import grammar
from samplernn_pd.control import POLL_LIMIT_S, Control
from samplernn_pd.host import Host
from samplernn_pd.messages import At, Poll
from samplernn_pd.outbox import Outbox
from samplernn_pd.worker_link import WorkerLink
from sopilib.errors import SampleRNNError
from sopilib.protocol.atoms import Atom

JOIN_LIMIT_S = 0.2


class Instrument:
    """A thread-safe `samplernn_pd.control`: handlers may run on any thread, one at a time.

    Args:
        host: the class in Pd.
        library_folder: holds `sopilib`.
        worker: the link to its worker, by default a process of its own.
    """

    def __init__(self, host: Host, library_folder: Path, worker: WorkerLink | None = None) -> None:
        self._outbox = Outbox(host)
        self._control = Control(host, self._outbox, worker or WorkerLink(library_folder))
        self._lock = threading.RLock()
        self._polling = self._closed = False

    @property
    def busy(self) -> bool:
        """Whether `poll` has anything to wait for or to do."""
        return self._control.is_busy

    def receive(self, selector: str, atoms: Sequence[Atom]) -> None:
        """Handle a Pd message; anything wrong with it becomes one `error`."""
        with self._lock:
            if self._closed:
                return
            try:
                message = grammar.parse(selector, atoms)
                if isinstance(message, Poll):
                    self.poll(position=message.position)
                elif isinstance(message, At):
                    self._control.note_position(message.position)
                else:
                    self._control.handle(message)
            except SampleRNNError as error:
                self._outbox.error(str(error))
            self._outbox.send()

    def poll(self, limit_s: float = POLL_LIMIT_S, position: int | None = None) -> None:
        """Deliver what has arrived, for about `limit_s` seconds at most.

        Args:
            limit_s: seconds.
            position: where the patch plays the ring of a stream, in samples.
        """
        with self._lock:
            if self._polling:  # the patch answered a status message with a poll
                return
            self._polling = True
            try:
                self._control.deliver(limit_s, position)
                self._outbox.send()
            finally:
                self._polling = False

    def error(self, text: str) -> None:
        """Send a line as `error` and to the console."""
        with self._lock:
            self._outbox.error(text)
            self._outbox.send()

    def wait(self, timeout_s: float) -> None:
        """Wait for something to deliver. Not for use on Pd's thread."""
        self._control.wait(timeout_s)

    def close(self) -> None:
        """End the worker for good; nothing is sent or handled after this."""
        with self._lock:
            self._closed = True
            streams = self._control.output.streams
            clients = self._control.close_worker()
            for stream in streams:
                stream.cut()
        for client in clients:
            client.join(JOIN_LIMIT_S)
