"""The worker as seen from Pd: requests in, events out, and no call ever blocks.

A thread of the client starts the process and queues its events until Pd's thread asks for
them. If the named Python cannot run the worker (no such file, too old, a package is missing,
it ends before it answers), that thread continues with the Python of the installation, sends
the unanswered requests there and reports the reason as a notice. Only if that fails too is
the worker gone.
"""

import collections
import enum
import threading
from pathlib import Path

from samplernn_pd.process import End, WorkerProcess, start_error
from samplernn_pd.silence import Silence
from sopilib import __version__
from sopilib.protocol import messages


class Life(enum.Enum):
    """What a worker has said so far, and which model it holds."""

    STARTING = enum.auto()  # it has not said hello
    FIRST_LOAD = enum.auto()  # it has no model, and no load is answered
    EMPTY = enum.auto()  # the load has failed
    READY = enum.auto()  # it has a model
    NEXT_LOAD = enum.auto()  # it has a model, and another load is unanswered
    MODEL_LOST = enum.auto()  # a second Python does that load and lacks the first model
    CLOSED = enum.auto()


_AFTER_HELLO = {Life.STARTING: Life.FIRST_LOAD}
_AFTER_REQUEST = {Life.EMPTY: Life.FIRST_LOAD, Life.READY: Life.NEXT_LOAD}  # a load
_AFTER_FAILURE = {Life.FIRST_LOAD: Life.EMPTY, Life.NEXT_LOAD: Life.READY}  # of a load
_AFTER_MOVE = {Life.NEXT_LOAD: Life.MODEL_LOST}  # to the fallback
# where another Python can take over, since no answer is lost
_CAN_MOVE = {Life.STARTING, Life.FIRST_LOAD, Life.NEXT_LOAD, Life.MODEL_LOST}


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
        self._lock = threading.RLock()
        self._process: WorkerProcess | None = None
        self._life = Life.STARTING
        self._silence = Silence()  # of the process
        self._unanswered: list[messages.Message] = []  # what a second Python would need
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process ID of the worker, None while there is none."""
        return self._process.pid if self._process else None

    def send(self, message: messages.Message) -> None:
        """Queue `message` for the worker."""
        with self._lock:
            if isinstance(message, messages.Load):
                self._step(_AFTER_REQUEST)
            if self._life in _CAN_MOVE:
                self._unanswered.append(message)
            if self._process is not None:
                self._process.send(message)

    def next_event(self) -> object | None:
        """Return the oldest event that was not yet returned, None if there is none."""
        try:
            return self._events.popleft()
        except IndexError:
            return self._silence.look()

    def wait(self, timeout_s: float) -> None:
        """Wait until an event arrives, at most `timeout_s` seconds."""
        self._arrived.wait(timeout_s)
        self._arrived.clear()

    def close(self) -> None:
        """End the process at once. No event comes after this."""
        with self._lock:
            self._life, self._silence = Life.CLOSED, Silence()
            self._events.clear()
            if self._process is not None:
                self._process.kill()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end after `close`, at most `timeout_s` seconds."""
        self._thread.join(timeout_s)

    def _step(self, transitions: dict[Life, Life]) -> None:
        """Change the life as `transitions` say; forget requests that are answered."""
        self._life = transitions.get(self._life, self._life)
        if self._life not in _CAN_MOVE:
            self._unanswered.clear()

    def _serve(self) -> None:
        """Run the worker in its Python or, if that cannot run it, in the fallback."""
        end = self._run(self.python)
        if end.is_of_python and (fallback := self._next_python()):
            with self._lock:
                self._fallback = None
                self._step(_AFTER_MOVE)
            self._emit(messages.Notice(f"{end.reason}; {fallback} is used instead"))
            end = self._run(fallback)
        self._emit(WorkerGone(end.reason))

    def _next_python(self) -> str | None:
        """Return the fallback, None if it has been tried or if more than a load is lost."""
        return self._fallback if self._life in _CAN_MOVE else None

    def _run(self, python: str) -> End:
        """Run one process until it ends; return how it ended."""
        try:
            process = WorkerProcess(python, self._library_folder)
        except OSError as error:
            return start_error(python, error)
        process.send(messages.Hello(messages.PROTOCOL_VERSION, __version__))
        with self._lock:
            self._process, self._silence = process, Silence()
            for message in self._unanswered:
                process.send(message)
            if self._life is Life.CLOSED:
                process.kill()
        return process.run(lambda event: self._receive(process, event))

    def _receive(self, process: WorkerProcess, event: messages.Message) -> None:
        """Pass on an event, or end a process that lacks a package for the load."""
        self._silence.hear(event)
        if isinstance(event, messages.Alive):
            return
        failure = event if isinstance(event, messages.Failure) else None
        if failure and failure.other_python and self._next_python():
            process.kill(failure.text)
            return
        with self._lock:
            life = self._life
            if life is Life.CLOSED:
                return
            if isinstance(event, messages.Hello):
                if life is not Life.STARTING:  # the second Python resumes for the first one
                    return
                self._step(_AFTER_HELLO)
            elif isinstance(event, messages.Loaded):
                self._step({life: Life.READY})
            elif failure and failure.request == messages.Load.type_name:
                self._step(_AFTER_FAILURE)
                if life is Life.MODEL_LOST:
                    process.kill("the previously loaded model is gone too (load it again)")
            self._emit(event)

    def _emit(self, event: object) -> None:
        with self._lock:
            if self._life is not Life.CLOSED:
                self._events.append(event)
        self._arrived.set()
