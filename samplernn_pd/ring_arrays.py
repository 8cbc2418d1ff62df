"""The arrays of a ring: one for the sum of the voices and, where they are apart, one for each.

All are written and played at the same places. Sound for them has the samples of a moment side
by side, a *frame*: of the sum, then of each voice.
"""

import array

from samplernn_pd.host import Arrays

_BYTES = 4


class RingArrays:
    """Arrays of one length, written in frames round and round.

    Args:
        arrays: of the host.
        name: of the array that decides: without it nothing can be written.
        voice_names: of the others. Where one is gone or of another length, it is left out.

    Attributes:
        length: of the arrays, in samples.
        rows: the number of samples in a frame.
    """

    def __init__(self, arrays: Arrays, name: str, voice_names: tuple[str, ...] = ()) -> None:
        self._arrays, self._names = arrays, (name, *voice_names)
        self.length, self.rows = arrays.length(name), len(self._names)

    def put(self, begin: int, frames: array.array) -> bool:
        """Write frames from position `begin` on; return False if the first array refuses."""
        return all(self._put(row, begin, frames) for row in range(self.rows))

    def _put(self, row: int, begin: int, frames: array.array) -> bool:
        name, samples = self._names[row], frames[row :: self.rows]
        if row and self._arrays.length(name) != self.length:
            return True
        start = begin % self.length
        num_first = min(len(samples), self.length - start)
        is_written = self._arrays.write(name, start, samples[:num_first].tobytes())
        if num_first < len(samples):
            rest = samples[num_first:].tobytes()
            is_written = self._arrays.write(name, 0, rest) and is_written
        return is_written or row > 0

    def read(self, begin: int, num_frames: int) -> array.array:
        """Return frames from position `begin` on; an array that is gone reads as silence."""
        frames = array.array("f", bytes(num_frames * self.rows * _BYTES))
        for row, name in enumerate(self._names):
            samples = self._read(name, begin, num_frames)
            if len(samples) == num_frames:
                frames[row :: self.rows] = samples
        return frames

    def _read(self, name: str, begin: int, num_samples: int) -> array.array:
        start = begin % self.length
        num_first = min(num_samples, self.length - start)
        samples = array.array("f", self._arrays.read_slice(name, start, start + num_first))
        if num_first < num_samples:
            samples.frombytes(self._arrays.read_slice(name, 0, num_samples - num_first))
        return samples

    def silence(self) -> None:
        """Silence all of them at once, even if a length has changed."""
        for name in self._names:
            self._arrays.write(name, 0, bytes(self._arrays.length(name) * _BYTES))


def frames_of(payload: bytes, rows: int) -> array.array:
    """Return frames of float32 samples that come row after row."""
    samples = array.array("f", payload)
    if rows == 1:
        return samples
    frames, num_frames = array.array("f", bytes(len(payload))), len(samples) // rows
    for row in range(rows):
        frames[row::rows] = samples[row * num_frames : (row + 1) * num_frames]
    return frames
