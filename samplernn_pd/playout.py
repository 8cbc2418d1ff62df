"""Play a stream through the ring: samples that wait, are written, or were played.

If the worker falls behind, the sound fades out. Later samples wait until there are
enough to resume, so that nothing of the stream is lost or played twice.
"""

import array

from samplernn_pd.ring import BLOCK, Ring


class Playout:
    """A writer of a stream into a ring.

    Args:
        ring: new, or the ring of an older stream whose last sound is not yet played.
        latency: samples that the worker keeps ahead.

    Attributes:
        ring, latency: as above.
    """

    def __init__(self, ring: Ring, latency: int) -> None:
        self.ring, self.latency = ring, latency
        self._waiting = array.array("f")  # frames that arrive while the ring is silent
        self._num_received = 0
        self._shift = 0  # position of a sample in the ring minus its number in the stream

    @property
    def num_ahead(self) -> int:
        """The number of samples that are written and not yet played."""
        return 0 if self.ring.is_silent else self.ring.end - self.ring.played

    @property
    def num_played(self) -> int:
        """The number of samples of the stream that have been played, at least 0."""
        if self.ring.is_silent:  # as if the waiting samples came right after the lead
            return max(0, self._num_received - self._num_waiting - self._lead)
        return max(0, self.ring.played - self._shift)

    @property
    def _num_waiting(self) -> int:
        return len(self._waiting) // self.ring.rows

    def write(self, frames: array.array) -> bool:
        """Accept new frames; return False if the array no longer accepts them."""
        self._num_received += len(frames) // self.ring.rows
        if self.ring.is_silent:
            self._waiting.extend(frames)
            return True
        return self.ring.write(frames)

    def begin_again(self) -> bool:
        """Write silence or, once there are enough, the waiting samples.

        Returns:
            False if the array no longer accepts it.
        """
        is_written = self.ring.keep_silent()
        if self._num_waiting < max(BLOCK, (self.latency - self._lead) // 3):
            return is_written
        self._shift = self.ring.end - (self._num_received - self._num_waiting)
        frames, self._waiting = self._waiting, array.array("f")
        return self.ring.write(frames)

    @property
    def _lead(self) -> int:
        """The part of the latency, in samples, that covers the time between two polls."""
        return min(self.ring.lead, self.latency // 3)
