"""The sound of a stream on its way through the ring: what waits, is written, was played.

Should the worker fall behind, the sound fades out; what comes then waits until there
is enough to begin again, and nothing of the stream is lost or played twice.
"""

import array

from samplernn_pd.ring import BLOCK, Ring


class Playout:
    """Writes a stream into a ring.

    Args:
        ring: new, or that of an older stream whose last sound has yet to be played.
        latency: samples that the worker keeps ahead.

    Attributes:
        ring, latency: as above.
    """

    def __init__(self, ring: Ring, latency: int) -> None:
        self.ring, self.latency = ring, latency
        self._waiting = array.array("f")  # has come while the ring is silent
        self._num_received = 0
        self._shift = 0  # what the ring's place of a sample is beyond its number

    @property
    def num_ahead(self) -> int:
        """Samples that are written and not yet played."""
        return 0 if self.ring.is_silent else self.ring.end - self.ring.played

    @property
    def num_played(self) -> int:
        """Samples of the stream that have been played, 0 or more."""
        if self.ring.is_silent:  # as if what waits were to come right after the lead
            return max(0, self._num_received - len(self._waiting) - self._lead)
        return max(0, self.ring.played - self._shift)

    def write(self, samples: array.array) -> bool:
        """Accept samples that have come; False if the array no longer accepts them."""
        self._num_received += len(samples)
        if self.ring.is_silent:
            self._waiting.extend(samples)
            return True
        return self.ring.write(samples)

    def begin_again(self) -> bool:
        """Write silence, or once there is enough the sound that waits.

        Returns:
            False if the array no longer accepts it.
        """
        is_written = self.ring.keep_silent()
        if len(self._waiting) < max(BLOCK, (self.latency - self._lead) // 3):
            return is_written
        self._shift = self.ring.end - (self._num_received - len(self._waiting))
        samples, self._waiting = self._waiting, array.array("f")
        return self.ring.write(samples)

    @property
    def _lead(self) -> int:
        """Samples of the latency that serve as time between two polls."""
        return min(self.ring.lead, self.latency // 3)
