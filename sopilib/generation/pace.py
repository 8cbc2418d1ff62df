"""Pace: how many samples to generate at a time, learned from how long they take."""

import contextlib
import time
from collections.abc import Iterator


class Pace:
    """Chooses the number of samples that takes about 40 ms.

    Args:
      num_samples: to begin with, before the speed is known.

    Attributes:
      num_samples: to generate next.
    """

    TARGET_S = 0.04

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples

    @contextlib.contextmanager
    def timing(self, num_samples: int) -> Iterator[None]:
        """Learn from how long the enclosed work on `num_samples` takes."""
        start = time.perf_counter()
        yield
        seconds = max(time.perf_counter() - start, 1e-6)
        fitting = num_samples * self.TARGET_S / seconds
        # at most doubled, so that one lucky measurement makes no long chunk
        self.num_samples = max(1, int(min(fitting, 2 * self.num_samples)))
