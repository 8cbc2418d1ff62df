"""Write a take into Pd's arrays.

Each poll silences a slice of the array's old content, ahead of the samples that arrive:
silencing everything at once would block Pd during a long take.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from samplernn_pd.host import Arrays
from sopilib.protocol import messages

if TYPE_CHECKING:
    from samplernn_pd.stream import StreamInPd

MAX_ARRAY_SAMPLES = 1 << 28  # the longest array that our pyext allows
REDRAW_EVERY_S = 0.2
_BYTES_PER_SAMPLE = 4
_SLICE_SAMPLES = 1 << 14
_SILENCE = bytes(_SLICE_SAMPLES * _BYTES_PER_SAMPLE)


class TakeInPd:
    """A writer of chunks into one array for each voice that reports its progress.

    Args:
        number: of the take.
        array_names: one for each voice.
        arrays: of the host.
        say: called with selector and atoms of a status message.
    """

    def __init__(
        self, number: int, array_names: Sequence[str], arrays: Arrays, say: Callable[..., None]
    ) -> None:
        self.number = number
        self.array_names = array_names
        self._arrays = arrays
        self._say = say
        self._num_samples = 0
        self._sample_rate = 0
        self._old_end = 0  # the arrays held older samples up to here
        self._silenced = 0  # the older samples are silenced up to here
        self._done = 0
        self._shown = 0
        self._speed = 0.0
        self._drawn_at = 0.0

    @property
    def begun(self) -> bool:
        """Whether the arrays have been prepared."""
        return self._num_samples > 0

    def shares_arrays(self, other: "TakeInPd | StreamInPd") -> bool:
        """Return whether `other`, a take or stream, also writes into one of these arrays."""
        return not set(self.array_names).isdisjoint(other.array_names)

    def begin(self, num_samples: int | None, sample_rate: int) -> bool:
        """Resize every array to the length of the take; return False if one cannot be resized."""
        if num_samples is None or num_samples > MAX_ARRAY_SAMPLES:
            return False
        self._num_samples, self._sample_rate = num_samples, sample_rate
        old_length = max(self._arrays.length(name) for name in self.array_names)
        self._old_end = min(old_length, num_samples)  # Pd fills new samples with silence
        resized = [self._arrays.resize(name, num_samples) for name in self.array_names]
        return all(resized)

    def write(self, chunk: messages.Chunk) -> bool:
        """Write a chunk; return False if an array is gone or too short."""
        run_bytes = len(chunk.payload) // chunk.num_seqs
        written = [
            self._arrays.write(
                name, chunk.start, chunk.payload[voice * run_bytes : (voice + 1) * run_bytes]
            )
            for voice, name in enumerate(self.array_names)
        ]
        self._done = chunk.start + run_bytes // _BYTES_PER_SAMPLE
        self._silenced = max(self._silenced, self._done)
        self._speed = chunk.speed
        return all(written)

    def silence_slice(self) -> bool:
        """Silence another part of the arrays' old content; return True while there is more."""
        begin, end = self._silenced, min(self._silenced + _SLICE_SAMPLES, self._old_end)
        if end <= begin:
            return False
        silence = _SILENCE[: (end - begin) * _BYTES_PER_SAMPLE]
        written = [self._arrays.write(name, begin, silence) for name in self.array_names]
        self._silenced = end
        if end == self._old_end:
            self._redraw()
        return all(written) and end < self._old_end

    def show_progress(self) -> None:
        """Report any progress, and redraw the arrays now and then."""
        if self._done == self._shown:
            return
        self._shown = self._done
        fraction, seconds = self._done / self._num_samples, self._done / self._sample_rate
        self._say("progress", fraction, seconds, self._speed)
        if time.monotonic() - self._drawn_at > REDRAW_EVERY_S:
            self._redraw()

    def report(self, selector: str) -> None:
        """End the take: `selector ARRAY SAMPLE_RATE LENGTH` for each array."""
        self.show_progress()
        self._redraw()
        for name in self.array_names:
            self._say(selector, name, self._sample_rate, self._done)

    def _redraw(self) -> None:
        self._drawn_at = time.monotonic()
        for name in self.array_names:
            self._arrays.redraw(name)
