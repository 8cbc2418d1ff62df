"""The worker's claim to a processor: below Pd's audio, above other programs while it plays.

Pd asks for a real-time class and gets it where the system allows that to its user (the
limit `rtprio`, as audio users have). The worker leaves that class when it starts. While it
plays, its threads go round robin in it, one step below the lowest of Pd's, so that Pd's
audio always comes first. A stream may do so while it is a tenth faster than it must be, a take
if half of the processors stay free; Linux itself keeps 5 % of each for ordinary programs.
Without that right, and where Pd has no real-time class, the worker is as nice as Pd.
"""

import contextlib
import os
from pathlib import Path

HAS_REAL_TIME = hasattr(os, "sched_setscheduler")
_TASKS = Path("/proc/self/task")
_SLOWEST = 1.1  # times real time: a little of the processors stays free


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
    num_processors = len(os.sched_getaffinity(0)) if HAS_REAL_TIME else os.cpu_count() or 1
    return 2 * threads <= num_processors


class RealTime:
    """The real-time class for all threads of this process, a step below its parent, Pd.

    Nothing changes where Pd has no thread in that class, or where the system does not allow
    it. A context manager; at its end all threads are ordinary.

    Args:
        is_wanted: False for nothing.
    """

    def __init__(self, is_wanted: bool = True) -> None:
        self._priority = _lowest_real_time(os.getppid()) - 1 if is_wanted and HAS_REAL_TIME else 0

    def __enter__(self) -> "RealTime":
        if self._priority > 0:
            _schedule(os.SCHED_RR, self._priority)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Be ordinary from now on."""
        if self._priority > 0:
            self._priority = 0
            _schedule(os.SCHED_OTHER, 0)

    def keep(self, times_real_time: float) -> None:
        """Leave unless work that waits for its playback is fast enough to pause."""
        if times_real_time < _SLOWEST:
            self.leave()


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
