"""How many threads of the engine's team work: all of them, or one alone where that is better.

The members of a team wait for each other some hundred times a millisecond. Where
something else holds a processor that one of them needs, all wait, and the team may be
many times slower than one thread. So what one thread needs is measured at first, the
team works together while it is faster than that, and when it is not one thread goes on
alone; from time to time all try again.
"""

import time

_FIRST_REST_S = 0.5
_LONGEST_REST_S = 30.0


class Crew:
    """Chooses the threads for each piece of work by how long such pieces took.

    Work is given as `make(begin, end)`, which makes the samples from `begin` to `end`.

    Args:
      use_threads: called with the number of threads that shall work from now on.
      size: threads of the team, 1 or more.
      piece: samples of a piece that is long enough to be compared with others.
      clock: returns the time in seconds.
    """

    def __init__(self, use_threads, size, piece, clock=time.perf_counter):
        self._use_threads, self._piece, self._clock = use_threads, piece, clock
        self._size = size
        self._alone_s = float("inf")  # for a sample, by one thread
        self._rest_s = _FIRST_REST_S
        self._alone_until = None  # the time at which all try again, None while they work

    def measure(self, make):
        """Find out how long one thread needs, then whether all are faster."""
        if self._size == 1:
            return
        self._use_threads(1)
        make(0, self._piece)  # the first one fetches the weights
        self._alone_s = self._timed(make, 0, self._piece)
        self._try_all(make)

    def limit(self, size):
        """Let no more than `size` threads work from now on, 1 or more."""
        self._size = size
        self._alone_until = None
        self._use_threads(size)

    def work(self, num_samples, make):
        """Have `make` make so many samples, in one or two pieces."""
        begin = 0
        if self._alone_until is not None and num_samples >= self._piece:
            if self._clock() >= self._alone_until:
                self._try_all(make)
                begin = self._piece
        sample_s = self._timed(make, begin, num_samples)
        if num_samples - begin >= self._piece:
            self._learn(sample_s)

    def _try_all(self, make):
        self._alone_until = None
        self._use_threads(self._size)
        self._learn(self._timed(make, 0, self._piece))

    def _learn(self, sample_s):
        if self._size == 1:
            return
        if self._alone_until is not None:
            self._alone_s = sample_s
        elif sample_s < self._alone_s:
            self._rest_s = max(_FIRST_REST_S, self._rest_s / 2)
        else:
            self._alone_until = self._clock() + self._rest_s
            self._rest_s = min(2 * self._rest_s, _LONGEST_REST_S)
            self._use_threads(1)

    def _timed(self, make, begin, end):
        """Seconds for a sample of those from `begin` to `end`."""
        began = self._clock()
        make(begin, end)
        return (self._clock() - began) / max(1, end - begin)
