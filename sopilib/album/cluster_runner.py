"""Run jobs on the workers of a Dask scheduler, and give weights to workers that lack them.

A few jobs for each thread of the cluster are there at a time. A job says that its worker lacks
the weights; that worker gets them, once, and the job is done again. If a worker dies, the
scheduler gives its jobs to others, as often as its setting `allowed-failures` says.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sopilib.album.job import Job, Outcome, run_job
from sopilib.album.pack_store import store
from sopilib.errors import RequestError, printable

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT_S = 10
_POLL_S = 2.0  # between two looks at whether the scheduler is there
_LOOK_S = 0.2  # likewise, while it is not
_CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)
_JOBS_A_THREAD = 2
_MOST_TRIES = 8  # of a job on workers that lack its weights, or whose scheduler forgot it


class _There(NamedTuple):
    """What a worker answers: its address and the outcome of a job."""

    address: str
    outcome: Outcome


class ClusterRunner:
    """Runs jobs on the workers of a scheduler.

    Args:
      address: of the scheduler, such as tcp://HOST:8786.
      tell: is called with a line when something is worth knowing.
    """

    def __init__(self, address: str, tell: Callable[[str], None]) -> None:
        self._address, self._tell = address, tell

    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """Yield the outcomes of jobs as they come.

        Raises:
          RequestError: the scheduler is not there or has gone.
        """
        with _client(self._address) as client:
            cluster = _Jobs(client, self._address, jobs)
            if not client.nthreads():
                self._tell(f"the scheduler {self._address} has no workers yet, waiting for some")
            yield from cluster.outcomes()


def run_there(job: Job) -> _There:
    """Do a job on a worker."""
    from distributed import get_worker

    return _There(get_worker().address, run_job(job))


class _Jobs:
    """Jobs of which some are on the cluster."""

    def __init__(self, client: "Client", address: str, jobs: Sequence[Job]) -> None:
        self._client, self._address = client, address
        self._waiting = deque(jobs)
        self._there: dict[Future, Job] = {}
        self._tries = dict.fromkeys((job.key for job in jobs), 0)
        self._given: set[tuple[str, str]] = set()  # worker, weights

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each job as it ends; a job whose worker is lost is given again.

        Raises:
          RequestError: the scheduler is gone.
        """
        while self._waiting or self._there:
            if self._is_connected():
                self._submit()
            for future in self._finished():
                outcome = self._outcome(future, self._there.pop(future))
                if outcome is not None:
                    yield outcome

    def _is_connected(self) -> bool:
        """Return whether the scheduler is there; False while it may come back."""
        if self._client.status not in ("running", "connecting"):
            raise _gone(self._address)
        return bool(self._client.status == "running")

    def _submit(self) -> None:
        with self._told():
            num_there = max(1, _JOBS_A_THREAD * sum(self._client.nthreads().values()))
            while self._waiting and len(self._there) < num_there:
                job = self._waiting.popleft()
                key = f"samplernn-{job.track:02d}-{job.place + 1}-{uuid.uuid4().hex[:8]}"
                sent = dataclasses.replace(job, weights_path="")  # a path of this machine
                self._there[self._client.submit(run_there, sent, key=key, pure=False)] = job

    def _finished(self) -> list["Future"]:
        """Wait a while; return the jobs that are done, failed or forgotten."""
        from distributed import wait

        with contextlib.suppress(asyncio.TimeoutError):
            try:
                wait(list(self._there), timeout=_POLL_S, return_when="FIRST_COMPLETED")
            except _CANCELLED:
                time.sleep(_LOOK_S)
        if not self._is_connected():
            return []
        return [future for future in self._there if future.status != "pending"]

    def _outcome(self, future: "Future", job: Job) -> Outcome | None:
        """Return the outcome of a job, None where it is to be done again."""
        if future.status == "finished":
            with self._told():
                address, outcome = future.result()
            if not outcome.lacks:
                return outcome
            self._give(address, job)
            error = f"the worker {address} does not keep the weights (look at its cache folder)"
        elif future.status == "error":
            return Outcome(job.key, error=_reason(future.exception()))
        else:  # cancelled or lost: the scheduler began anew
            error = "the scheduler forgets its jobs (start it again)"
        self._tries[job.key] += 1
        if self._tries[job.key] == _MOST_TRIES:
            return Outcome(job.key, error=error)
        self._waiting.appendleft(job)
        return None

    def _give(self, address: str, job: Job) -> None:
        """Give a worker the weights of a job, unless it has got them."""
        if (address, job.weights) in self._given:
            return
        content = Path(job.weights_path).read_bytes()
        # the worker may be gone
        with contextlib.suppress(OSError, asyncio.TimeoutError, ValueError, *_CANCELLED):
            self._client.run(store, job.weights, content, workers=[address])
            self._given.add((address, job.weights))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn a lost connection into an error for the user."""
        try:
            yield
        except (OSError, asyncio.TimeoutError, *_CANCELLED) as error:
            raise _gone(self._address) from error


@contextlib.contextmanager
def _client(address: str) -> Iterator["Client"]:
    # may be missing, and takes a second
    import dask
    from distributed import Client

    _silence("distributed", "tornado", "asyncio")  # what matters is told here
    with dask.config.set({"distributed.comm.timeouts.connect": f"{_CONNECT_S}s"}):
        try:
            client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, asyncio.TimeoutError, ValueError, ImportError) as error:
            raise RequestError(
                f"no scheduler at {address} (run: dask scheduler, or leave out --scheduler)"
            ) from error
        try:
            with client.as_current():
                yield client
        finally:
            with contextlib.suppress(Exception):  # it may be gone
                client.close(timeout=_POLL_S)


def _silence(*packages: str) -> None:
    """Keep libraries from logging, whose loggers have levels of their own."""
    for name in [*packages, *logging.root.manager.loggerDict]:
        if name.partition(".")[0] in packages:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _gone(address: str) -> RequestError:
    return RequestError(
        f"the scheduler {address} has gone (start it again and repeat the command: what is "
        "finished is kept)"
    )


def _reason(error: BaseException) -> str:
    """Return why a job failed on the cluster, one line."""
    kind = type(error).__name__
    if kind == "KilledWorker":
        return "every worker that began it died (look at their memory)"
    if isinstance(error, ImportError):
        return f"a worker cannot run it: {printable(error)} (install samplernn there)"
    return f"a worker failed: {kind}: {printable(error)} (look at its log)"
