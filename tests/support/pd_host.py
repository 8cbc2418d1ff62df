"""A real Pure Data in a test: start it on a patch, send, read, and clean up.

Each `PdHost` is one headless Pd process with a hard time limit. A wrapper
patch, written beside the run, connects back to a socket on which this side
already listens (so no port is ever guessed). It carries messages to any receiver,
and answers that show when Pd has processed everything sent before.
The console is read line by line as Pd writes it. An object that cannot be
created, a Pd that ends early and a missing line all fail the test and show the
console.

Pd leads a process group of its own, which is killed whole at the end. If the
test itself is killed, the wrapper sees its connection close and quits Pd, and a
Pd that hangs is killed by a guard in its own group when the time is up.
"""

import array
import codecs
import contextlib
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

PD_FLAGS = ("-nogui", "-noprefs", "-nosound", "-nrt", "-stderr")
CREATE_FAILURE = "couldn't create"

_GUARD = """
(
    exec >&- 2>&-
    left_s={time_limit_s}
    while [ $left_s -gt 0 ]; do
        sleep 1
        kill -0 $$ || exit
        left_s=$((left_s - 1))
    done
    kill -9 -$$
) &
exec "$@"
"""

_WRAPPER = """#N canvas 0 0 600 400 12;
#X obj 10 10 loadbang;
#X msg 10 40 connect 127.0.0.1 {port};
#X obj 10 200 netsend;
#X obj 200 10 receive pd-host-sync;
#X obj 200 40 list prepend send;
#X obj 200 70 list trim;
#X obj 10 320 sel 0;
#X msg 10 350 \\; pd quit;
#X obj 100 230 list;
#X obj 100 260 t l l;
#X obj 100 290 list split 1;
#X obj 300 290 list split 1;
#X obj 200 320 list trim;
#X obj 200 350 send;
#X obj 400 10 receive pd-host-soundfiler;
#X obj 400 40 soundfiler;
#X connect 0 0 1 0;
#X connect 1 0 2 0;
#X connect 2 0 6 0;
#X connect 2 1 8 0;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
#X connect 5 0 2 0;
#X connect 6 0 7 0;
#X connect 8 0 9 0;
#X connect 9 0 10 0;
#X connect 9 1 11 0;
#X connect 10 1 12 0;
#X connect 11 0 13 1;
#X connect 12 0 13 0;
#X connect 14 0 15 0;
"""


class PdFailure(AssertionError):
    """Pd did not do what the test needs; the text ends with its console."""


def write_patch(folder, *lines, name="test.pd"):
    """Write a patch of the given lines and return its path.

    Args:
        folder: where to write; it must exist.
        *lines: lines of the patch file, without the opening `#N canvas` and with
            or without the closing `;`.
        name: file name of the patch.
    """
    path = pathlib.Path(folder) / name
    body = [line.rstrip().rstrip(";") + ";" for line in lines]
    path.write_text("\n".join(["#N canvas 0 0 600 400 12;", *body, ""]))
    return path


def fudi(*atoms):
    """Return one FUDI message: floats with nine digits, text escaped."""
    return " ".join(_fudi_atom(atom) for atom in atoms) + ";\n"


def _fudi_atom(atom):
    if isinstance(atom, (int, float)):
        return format(atom, ".9g")
    return re.sub(r"([\\ ;,$])", r"\\\1", str(atom))


def wave_samples(path):
    """Return the samples of a little-endian float32 WAVE file, `array('f')`."""
    content = pathlib.Path(path).read_bytes()
    start = content.index(b"data") + 8
    (size_bytes,) = struct.unpack_from("<I", content, start - 4)
    samples = array.array("f")
    samples.frombytes(content[start : start + size_bytes])
    return samples


class PdHost:
    """One Pd process on one patch; a context manager that leaves nothing behind.

    Args:
        patch_path: the patch to open.
        time_limit_s: after this many whole seconds Pd's process group is killed
            in any state.
        args: further arguments for Pd, such as `("-path", folder)`.
        env: environment of Pd, default that of the test.
        may_fail_to_create: whether an object box that Pd cannot create is what
            the test is about; otherwise it fails the test.

    Raises:
        PdFailure: Pd is not installed, ends while loading, or cannot create an
            object of the patch.
    """

    def __init__(
        self,
        patch_path,
        *,
        time_limit_s=60,
        args=(),
        env=None,
        may_fail_to_create=False,
        answer_limit_s=None,
    ):
        self.time_limit_s = time_limit_s
        self.answer_limit_s = answer_limit_s or time_limit_s
        self.may_fail_to_create = may_fail_to_create
        self._text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._console_ended = False
        self._matched_until = 0
        self._changed = threading.Condition()
        self._sync_count = 0
        self._folder = tempfile.TemporaryDirectory(prefix="pd-host-")
        self._socket = None
        self._process = None
        try:
            self._start(pathlib.Path(patch_path).resolve(), args, env)
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, exception_type, exception, traceback):
        self.kill()
        if exception_type is None:
            self._check_created()

    def _start(self, patch_path, args, env):
        program = shutil.which("pd")
        if program is None:
            raise PdFailure("Pure Data is not installed (run: make install)")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            wrapper = pathlib.Path(self._folder.name) / "pd-host.pd"
            wrapper.write_text(_WRAPPER.format(port=listener.getsockname()[1]))
            command = [program, *PD_FLAGS, *args, "-open", str(wrapper), "-open", str(patch_path)]
            self._process = self._spawn(command, env)
            os.set_blocking(self._process.stdout.fileno(), False)
            self._reader = threading.Thread(target=self._read_console, daemon=True)
            self._reader.start()
            self._connect(listener)
        self.sync()

    def _spawn(self, command, env):
        guarded = _GUARD.format(time_limit_s=self.time_limit_s)
        return subprocess.Popen(
            ["sh", "-c", guarded, "sh", *command],
            env=env,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _connect(self, listener):
        listener.settimeout(0.1)
        while self._socket is None:
            try:
                self._socket, _ = listener.accept()
            except TimeoutError:
                if self.returncode is not None:
                    raise self._failure("Pd ended before it had started") from None
        self._socket.settimeout(self.answer_limit_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _read_console(self):
        while not self._console_ended:
            select.select([self._process.stdout], [], [])
            self._take_console()

    def _take_console(self):
        """Read Pd's output until there is no more for now, in any thread."""
        with self._changed:
            try:
                while not self._console_ended:
                    chunk = os.read(self._process.stdout.fileno(), 65536)
                    self._text += self._decoder.decode(chunk)
                    self._console_ended = not chunk
            except BlockingIOError:
                pass
            self._changed.notify_all()

    def _failure(self, what):
        if self._console_ended:  # a moment before its exit status is known
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
        state = "running" if self.returncode is None else f"ended: {self.returncode}"
        return PdFailure(f"{what}\n--- console of Pd ({state}) ---\n{self._text}")

    def _check_created(self):
        if CREATE_FAILURE in self._text and not self.may_fail_to_create:
            raise self._failure("Pd cannot create an object of the patch")

    @property
    def pid(self):
        """Process id of Pd, which also leads its process group."""
        return self._process.pid

    @property
    def returncode(self):
        """Exit status of Pd, None while it runs, negative after a signal."""
        return self._process.poll()

    @property
    def console(self):
        """All that Pd has written so far.

        Raises:
            PdFailure: it says that an object could not be created.
        """
        self._check_created()
        return self._text

    def send(self, receiver, *atoms):
        """Send a message to a `[receive]` or other named receiver in Pd.

        Args:
            receiver: its name.
            *atoms: numbers and text; none at all is a bang.
        """
        try:
            self._socket.sendall(fudi(receiver, *atoms).encode())
        except OSError as error:
            raise self._failure(f"Pd takes no message: {error}") from None

    def sync(self):
        """Wait until Pd has processed everything sent before; read its console."""
        self._sync_count += 1
        self.send("pd-host-sync", self._sync_count)
        answer = b""
        while answer != fudi(self._sync_count).encode():
            received = self._receive()
            if not received:
                raise self._failure("Pd closed the connection")
            answer += received
        self._take_console()
        self._check_created()

    def _receive(self):
        try:
            return self._socket.recv(4096)
        except OSError as error:
            raise self._failure(f"Pd does not answer: {error}") from None

    def _lines(self):
        """Return the console without an unfinished last line."""
        return self._text if self._console_ended else self._text[: self._text.rfind("\n") + 1]

    def wait_for(self, pattern, timeout_s=10):
        """Return the first match of a regular expression in the console.

        The search starts after the last match, so that successive calls walk
        through the console; it sees complete lines only.

        Raises:
            PdFailure: nothing matched within `timeout_s` seconds, Pd ended
                without it, or an object could not be created.
        """
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                no_more_text = self._console_ended
                self._check_created()
                if match := expression.search(self._lines(), self._matched_until):
                    self._matched_until = match.end()
                    return match
                if no_more_text or time.monotonic() > deadline:
                    raise self._failure(f"no {pattern!r} within {timeout_s} s")
                self._changed.wait(0.05)

    def array(self, name):
        """Return the content of a Pd array, `array('f')`, bit for bit.

        Raises:
            PdFailure: there is no such array.
        """
        path = pathlib.Path(self._folder.name) / "array.wav"
        path.unlink(missing_ok=True)
        self.send("pd-host-soundfiler", "write", "-wave", "-bytes", 4, path, name)
        self.sync()
        if not path.exists():
            raise self._failure(f"no array {name!r}")
        return wave_samples(path)

    def quit(self, timeout_s=10):
        """Send `pd quit`, and return and raise what `wait` does."""
        self.send("pd", "quit")
        return self.wait(timeout_s)

    def wait(self, timeout_s=10):
        """Wait until Pd has ended, kill what it has left, return its exit status.

        Raises:
            PdFailure: Pd still runs after `timeout_s` seconds.
        """
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self._failure(f"Pd has not ended within {timeout_s} s") from None
        self.kill()
        return status

    def kill(self):
        """Kill the rest of Pd's process group; calling it twice is harmless."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._reader.join(timeout=5)
            if self._console_ended:
                self._process.stdout.close()
        if self._socket is not None:
            self._socket.close()
        self._folder.cleanup()
