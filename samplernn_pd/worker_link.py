"""The worker of an instrument: its process, its model, and its unanswered requests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from samplernn_pd.client import WorkerClient
from sopilib.installation.worker_python import recorded_python
from sopilib.protocol import messages


def start_worker(python: str, library_folder: Path) -> WorkerClient:
    """Return a client whose worker runs in `python` or else in the Python of the installation."""
    return WorkerClient(python, library_folder, recorded_python())


class WorkerLink:
    """A link that starts a worker, sends it requests and knows its model.

    Args:
        library_folder: holds `sopilib`.
        start: called with a Python and `library_folder`; returns a client.

    Attributes:
        model: `messages.Loaded` of the model, None without one.
        num_saving: number of unanswered `save` requests.
        is_silent: whether it has not answered for longer than any work takes.
    """

    def __init__(
        self, library_folder: Path, start: Callable[[str, Path], WorkerClient] = start_worker
    ) -> None:
        self._library_folder, self._start = library_folder, start
        self._client: WorkerClient | None = None
        self.model: messages.Loaded | None = None
        self.num_saving = 0
        self.is_silent = False

    @property
    def python(self) -> str | None:
        """The Python that runs it, None while there is no worker."""
        return self._client.python if self._client else None

    def load(self, python: str, request: messages.Load) -> None:
        """Send `request`; start a worker if none runs."""
        if self._client is None:
            self._client = self._start(python, self._library_folder)
        self.send(request)

    def end_load(self, model: messages.Loaded | None) -> None:
        """Note that a load has ended with `model`, or has failed and left the old one."""
        self.model = model or self.model

    def end_save(self) -> None:
        """Note the answer to a `save`."""
        self.num_saving = max(0, self.num_saving - 1)

    def send(self, request: messages.Message) -> None:
        """Send `request` to the worker, if there is one."""
        if self._client:
            self._client.send(request)

    def next_event(self) -> Any:
        """Return the oldest event that was not yet returned, None if there is none."""
        return self._client.next_event() if self._client else None

    def wait(self, timeout_s: float) -> None:
        """Wait for an event, at most `timeout_s` seconds. Not for use on Pd's thread."""
        client = self._client
        if client:
            client.wait(timeout_s)

    def close(self) -> WorkerClient | None:
        """End the worker; return its client, whose threads can be joined."""
        client, self._client = self._client, None
        self.model = None
        self.num_saving = 0
        self.is_silent = False
        if client:
            client.close()
        return client
