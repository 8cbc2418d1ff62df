"""How many threads a generator has by default, and how many at most."""

import os

# a team may be so large on any machine
_FEW_THREADS = 16


def default_threads() -> int:
    """Return the thread count of a team: the processor's cores, but one of more than two.

    That core is left to Pd, whose audio must not wait.
    """
    cores = _physical_cores()
    return cores - 1 if cores > 2 else cores


def most_threads() -> int:
    """Return the largest thread count: a team far larger than the machine would never end."""
    return max(_FEW_THREADS, os.cpu_count() or 1)


def _physical_cores() -> int:
    """Return how many cores this process may run on; hardware threads of a core count once."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len({_siblings(cpu) for cpu in os.sched_getaffinity(0)})


def _siblings(cpu: int) -> str:
    """Return a name for the core that holds a logical processor."""
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
            return file.read().strip()
    except OSError:
        return str(cpu)
