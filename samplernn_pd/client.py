"""The worker process as seen from Pd: messages in, events out, no call ever waits.

Three threads of the client's own do all that can block: one starts the process and
writes to it, one reads its events, one keeps the last lines of its log. What they
produce waits in `events` until someone on Pd's thread asks for it.
"""

import collections
import os
import queue
import subprocess
import threading

from sopilib import __version__
from sopilib.errors import ProtocolError
from sopilib.protocol import codec as frames
from sopilib.protocol import messages as protocol

READ_BYTES = 1 << 16
LOG_LINES = 20
END_S = 1.0
LOG_END_S = 1.0  # a grandchild may hold the log open
_HANG_UP = object()

# The folder of sopilib comes last on the path, so that a worker's own packages are
# never hidden by those of another Python that lie beside it.
_BOOTSTRAP = (
    "import runpy, sys; sys.path[:1] = []; sys.path.append(sys.argv[1]); "
    "runpy.run_module('sopilib.worker', run_name='__main__', alter_sys=True)"
)


class WorkerGone:
    """Event: the process has ended, or never began; `reason` says why in one line."""

    def __init__(self, reason):
        self.reason = reason


class WorkerClient:
    """One worker process. `python` runs it, `library_folder` holds sopilib."""

    def __init__(self, python, library_folder):
        self.python = python
        self._command = [python, "-c", _BOOTSTRAP, str(library_folder)]
        self._outgoing = queue.SimpleQueue()
        self._events = collections.deque()
        self._arrived = threading.Event()
        self._lock = threading.Lock()
        self._process = None
        self._closed = False
        self._log = collections.deque(maxlen=LOG_LINES)
        self.send(protocol.Hello(protocol.PROTOCOL_VERSION, __version__))
        self._reader = None
        self._writer = threading.Thread(target=self._start_and_write, daemon=True)
        self._writer.start()

    @property
    def pid(self):
        """Process number of the worker, None while there is none."""
        return self._process.pid if self._process else None

    def send(self, message):
        """Queues `message` for the worker."""
        self._outgoing.put(message)

    def next_event(self):
        """Returns the oldest event not yet taken, None if there is none."""
        try:
            return self._events.popleft()
        except IndexError:
            return None

    def wait(self, timeout_s):
        """Waits until an event arrives, `timeout_s` seconds at most."""
        self._arrived.wait(timeout_s)
        self._arrived.clear()

    def close(self):
        """Ends the process at once. No event comes after this."""
        with self._lock:
            self._closed = True
            self._events.clear()
            process = self._process
        self._outgoing.put(_HANG_UP)
        if process is not None:
            process.kill()  # the reader thread reaps it

    def join(self, timeout_s):
        """Waits for the threads to end after `close`, `timeout_s` seconds at most for each."""
        for thread in (self._writer, self._reader):
            if thread is not None:
                thread.join(timeout_s)

    def _start_and_write(self):
        process = self._start()
        if process is None:
            return
        try:
            with process.stdin:
                while (message := self._outgoing.get()) is not _HANG_UP:
                    self._write(process.stdin, message)
        except OSError:
            pass  # the reader sees the end of the process and says so

    def _start(self):
        """Returns the process, None if it cannot be started or is no longer wanted."""
        try:
            process = _popen(self._command)
        except OSError as error:
            self._emit(
                WorkerGone(
                    f"cannot start Python {self.python!r}: {error.strerror} (check its path)"
                )
            )
            return None
        with self._lock:
            self._process = process
            if self._closed:
                process.kill()
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()
        return process

    def _write(self, stream, message):
        view = memoryview(frames.encode(message))
        while view:
            view = view[stream.write(view) :]

    def _read(self, process):
        log_keeper = threading.Thread(target=self._keep_log, args=(process,), daemon=True)
        log_keeper.start()
        reason = None
        try:
            self._read_events(process.stdout)
        except ProtocolError as error:
            reason = f"{self.python!r} is no Python that runs a worker: {error}"
            process.kill()
        returncode = _end(process)
        log_keeper.join(LOG_END_S)
        self._outgoing.put(_HANG_UP)
        self._emit(WorkerGone(reason or self._end_text(returncode)))

    def _read_events(self, stream):
        decoder = frames.Decoder()
        while data := stream.read(READ_BYTES):
            for event in decoder.feed(data):
                self._emit(event)

    def _keep_log(self, process):
        for line in process.stderr:
            self._log.append(line.decode(errors="replace").rstrip())

    def _end_text(self, returncode):
        if returncode < 0:
            return f"the worker was killed by signal {-returncode} (load again)"
        last_line = f": {self._log[-1]}" if self._log else ""
        return f"the worker ended with status {returncode}{last_line}"

    def _emit(self, event):
        with self._lock:
            if not self._closed:
                self._events.append(event)
        self._arrived.set()


def _end(process):
    """Returns the exit status of a process that has closed its output."""
    try:
        return process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _popen(command):
    """Raw pipes: each read returns what has arrived, each write what was taken.

    Somebody who embeds a Python in Pd may have set PYTHONHOME; it is not the worker's.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=env,
    )
