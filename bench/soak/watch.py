"""Follow what Pd prints: the state of the stream, figures, faults, and processes left over."""

import re
from collections import Counter

from processes import is_running

from bench.soak.verdict import ANSWER_LIMIT_S, STREAM_LIMIT_S, console_faults

_TOO_SLOW = "too slow to stream"  # the answer where other programs take the machine
_REPORT = re.compile(r"status: streaming (\S+) \S+ \S+$")
_LOADED = re.compile(r"status: loaded (\S+) \S+ (\S+)$")
_ANSWER_CHARACTERS = 60
_OLD_WORKER_S = 30.0  # after which a worker that was replaced must have ended


class ConsoleWatch:
    """What Pd's console has said so far.

    Attributes:
        is_streaming: whether a stream is on.
        model: loaded model and its voices, "" without one.
        has_worker: whether a worker is on.
        faults: one line each.
        answers: how often each error and notice was told, by its beginning.
        ahead_ms: least sound ahead since `take_figures`, None without a report.
        underruns, errors: since `take_figures`.
    """

    def __init__(self) -> None:
        self.is_streaming = self.has_worker = False
        self.model = ""
        self.faults: list[str] = []
        self.answers: Counter[str] = Counter()
        self._read = 0  # characters of the console
        self._status_at_s = self._stream_at_s = 0.0
        self._clear()

    def _clear(self) -> None:
        self.ahead_ms: float | None = None
        self.underruns = self.errors = 0

    def take_figures(self) -> tuple[float | None, int, int]:
        """Return `ahead_ms`, `underruns` and `errors`, and begin them anew."""
        figures = self.ahead_ms, self.underruns, self.errors
        self._clear()
        return figures

    def read(self, console: str, now_s: float) -> None:
        """Read the complete lines that are new in all that Pd has printed."""
        end = console.rfind("\n") + 1
        for line in console[self._read : end].splitlines():
            self._read_line(line, now_s)
        self._read = max(self._read, end)
        if self.is_streaming:
            self._stream_at_s = now_s

    def silent_s(self, now_s: float) -> float:
        """Return for how long there has been no stream."""
        return now_s - self._stream_at_s

    def _read_line(self, line: str, now_s: float) -> None:
        self.faults += console_faults(line)
        if not line.startswith("status: "):
            return
        self._status_at_s = now_s
        if report := _REPORT.match(line):
            ahead_ms = float(report[1])
            self.ahead_ms = ahead_ms if self.ahead_ms is None else min(self.ahead_ms, ahead_ms)
        elif loaded := _LOADED.match(line):
            self.model = f"{loaded[1]}, voices: {loaded[2]}"
        self.underruns += line.startswith("status: underrun ")
        self.errors += line.startswith("status: error ")
        if line.startswith(("status: error ", "status: notice ")):
            self.answers[line.removeprefix("status: ")[:_ANSWER_CHARACTERS]] += 1
        if _TOO_SLOW in line:
            self._stream_at_s = now_s
        state = line.removeprefix("status: ")
        self.is_streaming = {"stream on": True, "stream off": False}.get(state, self.is_streaming)
        if state in ("worker on", "worker off"):
            self.has_worker = state == "worker on"
            self.model = ""

    def hang_faults(self, now_s: float) -> list[str]:
        """Return what has been awaited too long, while a stream is always asked for."""
        if self.is_streaming and now_s - self._status_at_s > ANSWER_LIMIT_S:
            return [f"a stream plays, and no status came for {ANSWER_LIMIT_S:g} s"]
        if self.silent_s(now_s) > STREAM_LIMIT_S:
            return [f"a stream was asked for, and none came within {STREAM_LIMIT_S:g} s"]
        return []


class WorkerWatch:
    """The workers that there have been, and since when each is no longer the newest."""

    def __init__(self) -> None:
        self.replaced_at_s: dict[int, float] = {}
        self._newest: int | None = None

    def see(self, pids: list[int], now_s: float) -> int | None:
        """Note Pd's workers; return the newest one, None without one."""
        for pid in sorted(pids):
            if pid != self._newest and pid not in self.replaced_at_s:
                self._retire(now_s)
                self._newest = pid
        if self._newest not in pids:
            self._retire(now_s)
        return self._newest

    def _retire(self, now_s: float) -> None:
        if self._newest is not None:
            self.replaced_at_s[self._newest] = now_s
        self._newest = None

    def orphan_faults(self, now_s: float) -> list[str]:
        """Return which workers still run long after they were replaced."""
        return [
            f"worker {pid} still runs {_OLD_WORKER_S:g} s after it was replaced"
            for pid, at_s in self.replaced_at_s.items()
            if now_s - at_s > _OLD_WORKER_S and is_running(pid)
        ]

    def left(self) -> list[int]:
        """Return all workers that run."""
        pids = [*self.replaced_at_s, *([] if self._newest is None else [self._newest])]
        return [pid for pid in pids if is_running(pid)]


def resident_mb(pid: int | None) -> float | None:
    """Return the resident memory of a process in MB, None if it does not run."""
    if pid is None:
        return None
    try:
        with open(f"/proc/{pid}/status") as file:
            lines = [line for line in file if line.startswith("VmRSS")]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(lines[0].split()[1]) * 1024 / 1e6 if lines else None


def has_tensorflow(pid: int | None) -> bool:
    """Return whether a process has loaded TensorFlow's library."""
    try:
        with open(f"/proc/{pid}/maps") as file:
            return any("libtensorflow" in line for line in file)
    except (FileNotFoundError, ProcessLookupError):
        return False
