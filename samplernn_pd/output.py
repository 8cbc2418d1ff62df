"""Track the sound in Pd's arrays: the running take or stream and leftovers of older ones."""

from samplernn_pd.stream import StreamInPd
from samplernn_pd.take import TakeInPd

AnyTake = TakeInPd | StreamInPd


class Output:
    """The running take, and the arrays to clear after those that have ended.

    Attributes:
        running: take or stream, None if none runs.
        can_continue: whether a take of this model has begun.
        num_takes: number of takes and streams requested so far.
    """

    def __init__(self) -> None:
        self.running: AnyTake | None = None
        self.can_continue = False
        self.num_takes = 0
        self._clearing: list[AnyTake] = []  # their arrays still hold older samples

    @property
    def stream(self) -> StreamInPd | None:
        """The running stream."""
        return self.running if isinstance(self.running, StreamInPd) else None

    @property
    def streams(self) -> list[StreamInPd]:
        """The running stream and those whose last sound is not yet played."""
        takes = [self.running, *(take for take in self._clearing if take is not self.running)]
        return [take for take in takes if isinstance(take, StreamInPd)]

    @property
    def is_clearing(self) -> bool:
        """Whether arrays still hold older samples."""
        return bool(self._clearing)

    def run(self, take: AnyTake) -> None:
        """Make `take` the running one. A stream continues in the ring of an older one."""
        self.running = take
        self.num_takes = take.number
        if isinstance(take, StreamInPd):
            self._clearing = [
                take if isinstance(older, StreamInPd) and take.continue_in_ring_of(older) else older
                for older in self._clearing
            ]

    def begin(self, num_samples: int | None, sample_rate: int) -> bool:
        """Prepare the arrays of the running take; return False if one cannot be prepared."""
        take = self.running
        if take is None:
            return False
        self.can_continue = True
        self._clearing = [older for older in self._clearing if not older.shares_arrays(take)]
        is_prepared = take.begin(num_samples, sample_rate)
        if is_prepared:
            self._clearing.append(take)
        return is_prepared

    def end(self) -> AnyTake | None:
        """Remove and return the running take."""
        take, self.running = self.running, None
        return take

    def clear_slices(self) -> None:
        """Silence another part of what older takes left."""
        self._clearing = [take for take in self._clearing if take.silence_slice()]
