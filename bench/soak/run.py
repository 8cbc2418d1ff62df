"""Run a Pd for some time, send it random messages, and record each second."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from live_patch import LivePatch
from pd_host import PdFailure
from processes import is_running

from bench.soak.performer import Message, Performer
from bench.soak.verdict import ANSWER_LIMIT_S, Second, growth_faults
from bench.soak.watch import ConsoleWatch, WorkerWatch, has_tensorflow, resident_mb

PD_RATE = 44100
LATENCY_MS = 100
_MEAN_PAUSE_S = 0.7
_ASK_EVERY_S = 3.0  # for a stream, where there is none
_LOAD_EVERY_S = 20.0  # where there is no worker or no stream; the last load may still run
_NO_STREAM_S = 10.0  # after which the first model is loaded: another may be too slow
_TICK_S = 0.05
_START_S = 120  # more than it takes
_END_S = 10.0
_CONSOLE_LINES = 200


@dataclass
class Run:
    """What has happened.

    Attributes:
        seconds: a record each.
        messages: with the time in seconds at which each was sent.
        faults: a line each; none if all is well.
        answers: how often each error and notice was told, by its beginning.
        console: the last lines of Pd's console.
    """

    seconds: list[Second] = field(default_factory=list)
    messages: list[tuple[float, Message]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)


def soak(time_s: float, models: Sequence[str | Path], folder: Path, rng_seed: int = 0) -> Run:
    """Return what happens in `time_s` seconds, or until the first fault.

    Args:
        time_s: how long.
        models: see `Performer`.
        folder: for the patch and the takes.
        rng_seed: of the messages.
    """
    run = Run()
    rng = random.Random(rng_seed)
    performer = Performer(models, folder, rng)
    curve = "#X obj 300 100 array define curve 64"
    limits = {"time_limit_s": round(time_s) + _START_S, "answer_limit_s": ANSWER_LIMIT_S}
    try:
        with LivePatch(folder, extra=(curve,), sample_rate=PD_RATE, **limits) as pd:
            _Soak(pd, performer, run, rng).play(time_s)
    except PdFailure as failure:
        run.faults.append(str(failure).splitlines()[0])
    run.faults += growth_faults(run.seconds)
    return run


class _Soak:
    """A running Pd, whoever plays it, and the record."""

    def __init__(self, pd: LivePatch, performer: Performer, run: Run, rng: random.Random) -> None:
        self._pd, self._performer, self._run, self._rng = pd, performer, run, rng
        self._console, self._workers = ConsoleWatch(), WorkerWatch()
        self._began_s = time.monotonic()
        self._num_sent = 0
        self._asked_at_s = self._loaded_at_s = 0.0

    def _now_s(self) -> float:
        return time.monotonic() - self._began_s

    def play(self, time_s: float) -> None:
        """Send messages and record for `time_s` seconds, then end Pd and look for leftovers."""
        try:
            self._begin()
            next_s, record_s = self._now_s(), self._now_s() + 1
            while (now_s := self._now_s()) < time_s and not self._run.faults:
                self._console.read(self._pd.console, now_s)
                if now_s >= next_s:
                    self._perform(now_s)
                    next_s = now_s + self._rng.expovariate(1 / _MEAN_PAUSE_S)
                if now_s >= record_s:
                    self._record(now_s)
                    record_s += 1
                time.sleep(_TICK_S)
            self._end()
        finally:
            self._run.answers = dict(self._console.answers.most_common())
            self._run.console = self._pd.console.splitlines()[-_CONSOLE_LINES:]

    def _begin(self) -> None:
        self._pd.send("pd", "dsp", 1)
        self._send(("latency", LATENCY_MS))
        self._performer.latency_ms = LATENCY_MS
        self._send(self._performer.first_load())
        self._send((1,))

    def _send(self, message: Message) -> None:
        self._pd.message(*message)
        self._num_sent += 1
        self._run.messages.append((round(self._now_s(), 3), message))

    def _perform(self, now_s: float) -> None:
        """Send random messages, and ask again for a stream where there has been none."""
        for message in self._performer.messages():
            self._send(message)
        if not self._console.is_streaming and now_s - self._asked_at_s > _ASK_EVERY_S:
            self._asked_at_s = now_s
            is_lost = not self._console.has_worker or self._console.silent_s(now_s) > _NO_STREAM_S
            if is_lost and now_s - self._loaded_at_s > _LOAD_EVERY_S:
                self._loaded_at_s = now_s
                self._send(self._performer.first_load())
            self._send((1,))

    def _record(self, now_s: float) -> None:
        asked_s = self._now_s()
        self._pd.sync()
        answer_ms = 1e3 * (self._now_s() - asked_s)
        self._console.read(self._pd.console, now_s)
        worker = self._workers.see(self._pd.worker_pids(), now_s)
        ahead_ms, underruns, errors = self._console.take_figures()
        self._run.seconds.append(
            Second(
                at_s=round(now_s, 3),
                pd_mb=resident_mb(self._pd.pid) or 0.0,
                worker_mb=resident_mb(worker),
                has_tensorflow=has_tensorflow(worker),
                answer_ms=round(answer_ms, 2),
                model=self._console.model,
                is_streaming=self._console.is_streaming,
                ahead_ms=ahead_ms,
                latency_ms=self._performer.latency_ms,
                underruns=underruns,
                errors=errors,
                messages=self._num_sent,
            )
        )
        self._num_sent = 0
        self._run.faults += self._console.faults
        self._run.faults += self._console.hang_faults(now_s)
        self._run.faults += self._workers.orphan_faults(now_s)

    def _end(self) -> None:
        """Quit Pd; note whether it ended well and what still runs after it."""
        if self._run.faults:
            return
        self._workers.see(self._pd.worker_pids(), self._now_s())
        workers = self._workers.left()
        if status := self._pd.quit(_END_S):
            self._run.faults.append(f"Pd ended with status {status}")
        self._console.read(self._pd.console, self._now_s())
        self._run.faults += self._console.faults
        deadline = time.monotonic() + _END_S
        while any(map(is_running, workers)) and time.monotonic() < deadline:
            time.sleep(_TICK_S)
        self._run.faults += [f"worker {pid} outlives Pd" for pid in workers if is_running(pid)]
