"""Run one worker process: its pipes, its log, and how it ended.

All blocking work runs in the thread that calls `run` and in two threads of this module:
one writes the queued messages, one keeps the last lines of the log.
"""

import collections
import io
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from sopilib.errors import ProtocolError
from sopilib.installation.isolated import REFUSED, command
from sopilib.protocol import codec, messages
from sopilib.protocol.fields import checked

READ_BYTES = 1 << 16
LOG_LINES = 20
_LONGEST_LINE = 1 << 16  # bytes; a longer one counts as several
HELLO_LIMIT_S = 60.0
END_S = 1.0
THREAD_END_S = 1.0  # a grandchild may hold a pipe open
_HANG_UP = None
_ENDED_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)


@dataclass(frozen=True)
class End:
    """How a process ended.

    Attributes:
        reason: one line.
        is_of_python: whether its Python may be the cause, so that another may work.
    """

    reason: str
    is_of_python: bool


def start_error(python: str, error: OSError) -> End:
    """Return the End of a process that could not be started."""
    return End(f"cannot start Python {python!r}: {error.strerror} (check its path)", True)


class WorkerProcess:
    """A process of `python` that runs the worker of the `sopilib` in `library_folder`.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, python: str, library_folder: Path) -> None:
        self._python = python
        self._process = _popen(command(python, library_folder, "sopilib.worker"))
        self._outgoing: queue.SimpleQueue[messages.Message | None] = queue.SimpleQueue()
        self._log: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self._reason: str | None = None  # the reason of a `kill`
        self._has_answered = False
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._write, self._keep_log)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    def send(self, message: messages.Message) -> None:
        """Queue `message` for the worker."""
        self._outgoing.put(message)

    def kill(self, reason: str | None = None) -> None:
        """End the process at once, because of `reason`; `run` reaps it."""
        self._reason = self._reason or reason
        self._outgoing.put(_HANG_UP)
        self._process.kill()

    def run(self, receive: Callable[[messages.Message], None]) -> End:
        """Call `receive` with each event until the process ends; return how it ended.

        Each event has the types and values of its class; a wrong one ends the process. No
        event follows a `kill` with a reason.
        """
        limit = threading.Timer(
            HELLO_LIMIT_S,
            self.kill,
            [f"{self._python!r} did not answer within {HELLO_LIMIT_S:g} s (load again)"],
        )
        limit.daemon = True
        limit.start()
        try:
            self._read_events(receive, limit)
        except ProtocolError as error:
            self.kill(self._wrong_event(error))
        finally:
            limit.cancel()
        returncode = _end(self._process)
        self._outgoing.put(_HANG_UP)
        for thread in self._threads:
            thread.join(THREAD_END_S)
        return self._how(returncode)

    def _read_events(
        self, receive: Callable[[messages.Message], None], limit: threading.Timer
    ) -> None:
        decoder = codec.Decoder()
        while data := _stream(self._process.stdout).read(READ_BYTES):
            for event in decoder.feed(data):
                if self._reason is not None:  # ignore what it still sends
                    return
                limit.cancel()
                receive(checked(event))
                self._has_answered = True

    def _wrong_event(self, error: ProtocolError) -> str:
        if self._has_answered:
            return f"the worker sent a wrong event: {error} (load again)"
        return f"{self._python!r} is not a Python that can run the worker: {error}"

    def _write(self) -> None:
        try:
            with _stream(self._process.stdin) as stream:
                while (message := self._outgoing.get()) is not _HANG_UP:
                    view = memoryview(codec.encode(message))
                    while view:
                        view = view[stream.write(view) :]
        except OSError:
            pass  # `run` sees the end of the process

    def _keep_log(self) -> None:
        pipe = io.BufferedReader(cast(io.RawIOBase, _stream(self._process.stderr)))
        while line := pipe.readline(_LONGEST_LINE):
            self._log.append(line.decode(errors="replace").rstrip())

    def _how(self, returncode: int) -> End:
        if self._reason:
            return End(self._reason, True)
        if returncode < 0:
            reason = f"the worker was killed by signal {-returncode} (load again)"
            return End(reason, returncode not in _ENDED_FROM_OUTSIDE)
        last_line = self._log[-1] if self._log else ""
        if returncode == REFUSED and last_line:
            return End(last_line, True)
        told = f": {last_line}" if last_line else ""
        return End(f"the worker ended with status {returncode}{told}", True)


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a pipe of the process, which has all three."""
    assert stream is not None
    return stream


def _end(process: "subprocess.Popen[bytes]") -> int:
    """Return the exit status of a process that has closed its output."""
    try:
        return process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _popen(words: list[str]) -> "subprocess.Popen[bytes]":
    """Start a process with raw pipes: reads return available bytes, writes the number written.

    Software that embeds Python in Pd may have set PYTHONHOME; the worker must not use it.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    return subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=env,
    )
