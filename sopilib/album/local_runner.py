"""Run jobs in processes of this machine, by joblib: one job a process, with one thread each."""

import functools
import os
import threading
import time
from collections.abc import Generator, Sequence

from sopilib.album.job import Job, Outcome, run_job
from sopilib.errors import RequestError

_LOOK_S = 1.0  # between two looks at whether the parent lives
_MOST_DEATHS = 3  # of processes in a row without an outcome between them


class LocalRunner:
    """Runs jobs on this machine.

    Args:
      processes: at a time; one runs within this process.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes

    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """Yield the outcomes of jobs as they come.

        Raises:
          RequestError: its processes keep dying.
        """
        if self._processes == 1 or len(jobs) == 1:
            yield from map(run_job, jobs)
        else:
            yield from self._run_in_processes({job.key: job for job in jobs})

    def _run_in_processes(
        self, waiting: dict[tuple[int, int], Job]
    ) -> Generator[Outcome, None, None]:
        # takes a moment, and one process needs none of it
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        deaths, own = 0, os.getpid()
        while waiting:
            processes = min(self._processes, len(waiting))
            parallel = Parallel(n_jobs=processes, return_as="generator_unordered")
            try:
                for outcome in parallel(
                    delayed(_run_under)(own, job) for job in list(waiting.values())
                ):
                    del waiting[outcome.key]
                    deaths = 0
                    yield outcome
            except TerminatedWorkerError as error:
                deaths += 1
                if deaths == _MOST_DEATHS:
                    raise RequestError(
                        f"{deaths} times the system killed a process, perhaps for its memory "
                        "(give fewer --processes)"
                    ) from error


def _run_under(parent: int, job: Job) -> Outcome:
    """Do a job in a process that ends when its parent, of this id, does."""
    _watch(parent)
    return run_job(job)


@functools.cache
def _watch(parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
