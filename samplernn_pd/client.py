"""The worker as seen from Pd: requests in, events out, and no call ever blocks.

A thread of the client starts the process and queues its events until Pd's thread asks for
them. If the named Python cannot run the worker (no such file, too old, a package is missing,
it ends before it answers), that thread continues with the Python of the installation, sends
the unanswered requests there and reports the reason as a notice. Only if that fails too is
the worker gone.
"""

import collections
import threading
from pathlib import Path

from samplernn_pd.process import End, WorkerProcess, start_error
from sopilib import __version__
from sopilib.protocol import messages


class WorkerGone:
    """Event: the process has ended or never started; `reason` says why in one line."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class WorkerClient:
    """One worker.

    Args:
        python: the Python that runs it.
        library_folder: the folder that holds `sopilib`.
        fallback: the Python to use if `python` cannot run the worker, or None.
    """

    def __init__(self, python: str, library_folder: Path, fallback: str | None = None) -> None:
        self.python = python
        self._library_folder = library_folder
        self._fallback = None if fallback == python else fallback
        self._events: collections.deque[object] = collections.deque()
        self._arrived = threading.Event()
        self._lock = threading.Lock()
        self._process: WorkerProcess | None = None
        self._closed = False
        self._greeted = False
        # the requests that a second Python would need, None while no load is unanswered
        self._unanswered: list[messages.Message] | None = []
        self._has_model = self._has_lost_model = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process ID of the worker, None while there is none."""
        return self._process.pid if self._process else None

    def send(self, message: messages.Message) -> None:
        """Queue `message` for the worker."""
        with self._lock:
            if self._unanswered is None and isinstance(message, messages.Load):
                self._unanswered = []
            if self._unanswered is not None:
                self._unanswered.append(message)
            if self._process is not None:
                self._process.send(message)

    def next_event(self) -> object | None:
        """Return the oldest event that was not yet returned, None if there is none."""
        try:
            return self._events.popleft()
        except IndexError:
            return None

    def wait(self, timeout_s: float) -> None:
        """Wait until an event arrives, at most `timeout_s` seconds."""
        self._arrived.wait(timeout_s)
        self._arrived.clear()

    def close(self) -> None:
        """End the process at once. No event comes after this."""
        with self._lock:
            self._closed = True
            self._events.clear()
            if self._process is not None:
                self._process.kill()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end after `close`, at most `timeout_s` seconds."""
        self._thread.join(timeout_s)

    def _serve(self) -> None:
        """Run the worker in its Python or, if that cannot run it, in the fallback."""
        end = self._run(self.python)
        if end.is_of_python and (fallback := self._next_python()):
            self._fallback = None
            self._has_lost_model = self._has_model
            self._emit(messages.Notice(f"{end.reason}; {fallback} is used instead"))
            end = self._run(fallback)
        self._emit(WorkerGone(end.reason))

    def _next_python(self) -> str | None:
        """Return the fallback, None if it has been tried or if more than a load is lost."""
        return None if self._closed or self._unanswered is None else self._fallback

    def _run(self, python: str) -> End:
        """Run one process until it ends; return how it ended."""
        try:
            process = WorkerProcess(python, self._library_folder)
        except OSError as error:
            return start_error(python, error)
        process.send(messages.Hello(messages.PROTOCOL_VERSION, __version__))
        with self._lock:
            self._process = process
            for message in self._unanswered or ():
                process.send(message)
            if self._closed:
                process.kill()
        return process.run(lambda event: self._receive(process, event))

    def _receive(self, process: WorkerProcess, event: messages.Message) -> None:
        """Pass on an event, or end a process that lacks a package for the load."""
        failure = event if isinstance(event, messages.Failure) else None
        if failure and failure.other_python and self._next_python():
            process.kill(failure.text)
            return
        if isinstance(event, messages.Hello):
            if self._greeted:  # the second Python continues where the first one stopped
                return
            self._greeted = True
        if isinstance(event, messages.Loaded) or (failure and failure.request == "load"):
            self._end_load(process, failure)
        self._emit(event)

    def _end_load(self, process: WorkerProcess, failure: messages.Failure | None) -> None:
        """Note the answer to a load; end a worker that has lost its previous model."""
        with self._lock:
            self._unanswered = None
        if failure is None:
            self._has_model, self._has_lost_model = True, False
        elif self._has_lost_model:
            process.kill("the previously loaded model is gone too (load it again)")

    def _emit(self, event: object) -> None:
        with self._lock:
            if not self._closed:
                self._events.append(event)
        self._arrived.set()
