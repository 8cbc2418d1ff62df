"""Runner: the interface of what runs jobs, here or elsewhere."""

from collections.abc import Generator, Sequence
from typing import Protocol

from sopilib.album.job import Job, Outcome


class Runner(Protocol):
    """Runs jobs; every job has exactly one outcome, with a take or an error."""

    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """Yield the outcomes of jobs, in any order, as they come.

        Raises:
          RequestError: what runs them is gone.
        """
        ...
