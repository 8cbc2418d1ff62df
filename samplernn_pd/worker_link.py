"""The worker of an instrument: its process, its model, and its unanswered requests.

A worker that is to end while it writes a file leaves: it ends after its last answer.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from samplernn_pd.client import WorkerClient, WorkerGone
from samplernn_pd.silence import WorkerSilent
from samplernn_pd.unanswered import Unanswered
from sopilib.installation.worker_python import recorded_python
from sopilib.protocol import messages


def start_worker(python: str, library_folder: Path) -> WorkerClient:
    """Return a client whose worker runs in `python` or else in the Python of the installation."""
    return WorkerClient(python, library_folder, recorded_python())


class NotWritten(NamedTuple):
    """Event: a worker that leaves has ended without an answer to these requests."""

    requests: list[str]


class _Leaving(NamedTuple):
    client: WorkerClient
    unanswered: Unanswered


class WorkerLink:
    """A link that starts a worker, sends it requests and knows its model.

    Args:
        library_folder: holds `sopilib`.
        start: called with a Python and `library_folder`; returns a client.

    Attributes:
        model: `messages.Loaded` of the model, None without one.
        unanswered: its requests that are still to be answered.
        is_silent: whether it has not answered for longer than any work takes.
    """

    def __init__(
        self, library_folder: Path, start: Callable[[str, Path], WorkerClient] = start_worker
    ) -> None:
        self._library_folder, self._start = library_folder, start
        self._client: WorkerClient | None = None
        self.model: messages.Loaded | None = None
        self.unanswered = Unanswered()
        self.is_silent = False
        self._is_gone = False  # the process
        self._leaving: list[_Leaving] = []

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

    def send(self, request: messages.Message) -> None:
        """Send `request` to the worker, if there is one."""
        if self._client:
            self.unanswered.note_request(request)
            self._client.send(request)

    def next_event(self) -> Any:
        """Return the oldest event that was not yet returned, None if there is none."""
        event = self._client.next_event() if self._client else None
        self.unanswered.note_event(event)
        self._is_gone = self._is_gone or isinstance(event, WorkerGone)
        return event

    @property
    def has_leaving(self) -> bool:
        """Whether a worker that leaves has not yet ended."""
        return bool(self._leaving)

    def next_leaving_event(self) -> Any:
        """Return the oldest event of the workers that leave, None if there is none.

        A worker ends with its last answer, or where none will come, which is a `NotWritten`.
        """
        for leaving in list(self._leaving):
            event = leaving.client.next_event()
            leaving.unanswered.note_event(event)
            if isinstance(event, (WorkerGone, WorkerSilent)):
                event = NotWritten(leaving.unanswered.files)
                leaving.unanswered.forget()
            if not leaving.unanswered.files:
                self._leaving.remove(leaving)
                leaving.client.close()
            if event is not None:
                return event
        return None

    def wait(self, timeout_s: float) -> None:
        """Wait for an event, at most `timeout_s` seconds. Not for use on Pd's thread."""
        leaving = [leaving.client for leaving in self._leaving]
        client = self._client or (leaving[0] if leaving else None)
        if client:
            client.wait(timeout_s)

    def leave(self) -> list[str]:
        """End the worker, when it has written its files; return the requests that it will not."""
        client, files = self._client, self.unanswered.files
        if client and files and not self.is_silent and not self._is_gone:
            self._leaving.append(_Leaving(client, self.unanswered))
            self._client, files = None, []
        self._end()
        return files

    def close(self) -> list[WorkerClient]:
        """End this worker and those that leave; return their clients, to join their threads."""
        leaving, self._leaving = [leaving.client for leaving in self._leaving], []
        for client in leaving:
            client.close()
        return [*leaving, *self._end()]

    def _end(self) -> list[WorkerClient]:
        client, self._client = self._client, None
        self.model = None
        self.unanswered = Unanswered()
        self.is_silent = self._is_gone = False
        if client is None:
            return []
        client.close()
        return [client]
