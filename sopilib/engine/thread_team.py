"""Choose how many threads of the engine's team work: all, or one if that is faster.

The threads of a team wait for each other about a hundred times per millisecond. If another
program holds a processor that one of them needs, all of them wait, and the team may be many
times slower than one thread. So the time of one thread is measured first. The whole team
works while it is faster than that; otherwise one thread works alone, and from time to time
all threads try again. Pieces that are too short to tell, as those of a stream of little latency,
are judged several together.
"""

import time
from collections.abc import Callable

_FIRST_REST_S = 0.5
_LONGEST_REST_S = 30.0

# so that one interruption does not decide for the first half second
_MEASURED_PIECES = 3
_MEASURE_S = 0.1

# generates the samples from the first position up to the second, exclusive
Work = Callable[[int, int], None]


class ThreadTeam:
    """A chooser of the thread count of each piece of work, based on how long pieces took.

    Args:
      use_threads: called with each new thread count.
      size: threads in the team, at least 1.
      piece: samples in a piece that is long enough to compare with others.
      clock: returns the time in seconds.
    """

    def __init__(
        self,
        use_threads: Callable[[int], None],
        size: int,
        piece: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._use_threads, self._piece, self._clock = use_threads, piece, clock
        self._size = size
        self._alone_s = float("inf")  # time of a sample with one thread
        self._rest_s = _FIRST_REST_S
        self._short_samples, self._short_s = 0, 0.0  # pieces that wait to be judged together
        self._alone_until: float | None = None  # when all threads try again, None while they work

    def measure(self, generate: Work) -> None:
        """Measure how long one thread needs, then whether all threads are faster."""
        if self._size == 1:
            return
        self._use_threads(1)
        self._alone_s = self._best(generate)
        self._use_threads(self._size)
        self._learn(self._best(generate))

    def limit(self, size: int) -> None:
        """Use at most `size` threads from now on, at least 1."""
        self._size = size
        self._alone_until, self._rest_s = None, _FIRST_REST_S
        self._use(size)

    def work(self, num_samples: int, generate: Work) -> None:
        """Call `generate` for this many samples, in one or two pieces."""
        begin = 0
        until = self._alone_until
        if until is not None and self._clock() >= until:
            self._alone_until = None
            self._use(self._size)
            if num_samples > self._piece:
                self._learn(self._timed(generate, 0, self._piece))
                begin = self._piece
        sample_s = self._timed(generate, begin, num_samples)
        self._short_samples += num_samples - begin
        self._short_s += (num_samples - begin) * sample_s
        if self._short_samples >= self._piece:
            self._learn(self._short_s / self._short_samples)

    def _use(self, size: int) -> None:
        """Use this many threads and judge what follows by itself."""
        self._short_samples, self._short_s = 0, 0.0
        self._use_threads(size)

    def _learn(self, sample_s: float) -> None:
        """Choose the next thread count from the seconds that a sample took."""
        self._short_samples, self._short_s = 0, 0.0
        if self._size == 1:
            return
        if self._alone_until is not None:
            self._alone_s = sample_s
        elif sample_s < self._alone_s:
            self._rest_s = max(_FIRST_REST_S, self._rest_s / 2)
        else:
            self._alone_until = self._clock() + self._rest_s
            self._rest_s = min(2 * self._rest_s, _LONGEST_REST_S)
            self._use(1)

    def _best(self, generate: Work) -> float:
        """Return the seconds per sample of the fastest of several pieces.

        The first, a short one, fetches the weights and wakes the threads. Where even that takes
        long, as with a team on a busy machine, no more are tried.
        """
        until = self._clock() + _MEASURE_S
        best_s = float("inf")
        for piece in (max(1, self._piece // 8), *[self._piece] * _MEASURED_PIECES):
            best_s = min(best_s, self._timed(generate, 0, piece))
            if self._clock() >= until:
                break
        return best_s

    def _timed(self, generate: Work, begin: int, end: int) -> float:
        """Return the seconds per sample of generating from `begin` to `end`."""
        began = self._clock()
        generate(begin, end)
        return (self._clock() - began) / max(1, end - begin)
