"""The worker's claim to a processor: below Pd's audio, above other programs while it plays.

Pd asks for a real-time class and gets it where the system allows that to its user (the
limit `rtprio`, as audio users have). The worker leaves that class when it starts. While it
plays, its threads go round robin in it, one step below the lowest of Pd's, so that Pd's
audio always comes first. A stream may do so while it is a tenth faster than it must be, a take
if half of the processors stay free; Linux itself keeps 5 % of each for ordinary programs. A
stream that was too slow tries again after some seconds, for a second: what held it up may be gone,
and as an ordinary program it may be slow only for that reason.
Without that right, and where Pd has no real-time class, the worker is as nice as Pd.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from sopilib.engine.thread_count import num_processors

HAS_REAL_TIME = hasattr(os, "sched_setscheduler")
_TASKS = Path("/proc/self/task")
_SLOWEST = 1.1  # times real time: a little of the processors stays free
_TRIAL_S = 1.0
_FIRST_REST_S, _LONGEST_REST_S = 2.0, 60.0


def leave_real_time() -> None:
    """Leave the real-time class that a process started by Pd has inherited."""
    if HAS_REAL_TIME:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def can_be_real_time() -> bool:
    """Return whether the system gives this process the real-time class; it keeps its own."""
    if not HAS_REAL_TIME:
        return False
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return False
    os.sched_setscheduler(0, policy, param)
    return True


def leaves_processors(threads: int) -> bool:
    """Return whether work without a pause on this many threads leaves half the processors."""
    return 2 * threads <= num_processors()


class RealTime:
    """The real-time class for all threads of this process, a step below its parent, Pd.

    Nothing changes where Pd has no thread in that class, or where the system does not allow
    it. A context manager; at its end all threads are ordinary.

    Args:
        is_wanted: False for nothing.
        clock: returns the time in seconds.
    """

    def __init__(self, is_wanted: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._priority = _lowest_real_time(os.getppid()) - 1 if is_wanted and HAS_REAL_TIME else 0
        self._clock = clock
        self._is_in, self._rest_s = False, _FIRST_REST_S
        self._until = 0.0  # when a trial or a rest is over

    def __enter__(self) -> "RealTime":
        if self._priority > 0:
            self._enter()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_in:
            self._leave()

    def keep(self, times_real_time: float) -> bool:
        """Leave unless work that waits for its playback is fast enough to pause; come back later.

        Args:
            times_real_time: of the work since the last change of class.

        Returns:
            Whether the class has changed.
        """
        if self._priority <= 0 or self._clock() < self._until:
            return False
        if not self._is_in:
            self._enter()
            self._until = self._clock() + _TRIAL_S
        elif times_real_time < _SLOWEST:
            self._leave()
            self._until = self._clock() + self._rest_s
            self._rest_s = min(2 * self._rest_s, _LONGEST_REST_S)
        else:
            return False
        return True

    def _enter(self) -> None:
        self._is_in = True
        _schedule(os.SCHED_RR, self._priority)

    def _leave(self) -> None:
        self._is_in = False
        _schedule(os.SCHED_OTHER, 0)


def _lowest_real_time(pid: int) -> int:
    """Return the lowest real-time priority of the threads of a process, 0 without any."""
    priorities = [0]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                priorities.append(os.sched_getparam(int(task.name)).sched_priority)
    return min((priority for priority in priorities if priority > 0), default=0)


def _schedule(policy: int, priority: int) -> None:
    """Move all threads of this process into a class; leave them where that is not allowed."""
    for task in _TASKS.iterdir():
        with contextlib.suppress(OSError):
            os.sched_setscheduler(int(task.name), policy, os.sched_param(priority))
