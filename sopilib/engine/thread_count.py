"""Choose how many threads a generator has by default and at most."""

import os

# a team may have this many threads on any machine
_FEW_THREADS = 16


def default_threads() -> int:
    """Return the default thread count: all cores, but one less if there are more than two.

    That core is left to Pd, whose audio must not wait.
    """
    cores = _physical_cores()
    return cores - 1 if cores > 2 else cores


def most_threads() -> int:
    """Return the largest thread count: a team far larger than the machine would never finish."""
    return max(_FEW_THREADS, os.cpu_count() or 1)


def num_processors() -> int:
    """Return the number of logical processors that this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _physical_cores() -> int:
    """Return the number of cores this process may use; a core's hardware threads count once."""
    if not hasattr(os, "sched_getaffinity"):
        return num_processors()
    return len({_siblings(cpu) for cpu in os.sched_getaffinity(0)})


def _siblings(cpu: int) -> str:
    """Return a name for the core that holds a logical processor."""
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
            return file.read().strip()
    except OSError:
        return str(cpu)
