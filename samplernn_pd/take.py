"""A take on its way into Pd's arrays.

What an array held before is silenced slice by slice, a slice at each poll, ahead of
the samples that arrive: to do it at once would hold Pd up where a take is long.
"""

import time

REDRAW_EVERY_S = 0.2
_BYTES_PER_SAMPLE = 4
_SLICE_SAMPLES = 1 << 16
_SILENCE = bytes(_SLICE_SAMPLES * _BYTES_PER_SAMPLE)


class TakeInPd:
    """Writes chunks into one array for each voice and reports how far it has come."""

    def __init__(self, number, arrays, host):
        self.number = number
        self.arrays = arrays
        self.stopping = False  # `stop` is on its way to the worker
        self._host = host
        self._num_samples = 0
        self._sample_rate = 0
        self._silenced = 0  # samples from which on the arrays may hold what was there before
        self._done = 0
        self._shown = 0
        self._speed = 0.0
        self._drawn_at = 0.0

    @property
    def begun(self):
        """True once the arrays have been made ready."""
        return self._num_samples > 0

    def begin(self, num_samples, sample_rate):
        """Makes every array as long as the take; False if one cannot be."""
        self._num_samples, self._sample_rate = num_samples, sample_rate
        resized = [self._host.arrays.resize(name, num_samples) for name in self.arrays]
        return all(resized)

    def write(self, chunk):
        """Writes a `protocol.Chunk`; False if an array is gone or too short."""
        run_bytes = len(chunk.payload) // chunk.num_seqs
        written = [
            self._host.arrays.write(
                name, chunk.start, chunk.payload[voice * run_bytes : (voice + 1) * run_bytes]
            )
            for voice, name in enumerate(self.arrays)
        ]
        self._done = chunk.start + run_bytes // _BYTES_PER_SAMPLE
        self._silenced = max(self._silenced, self._done)
        self._speed = chunk.speed
        return all(written)

    def silence_slice(self):
        """Silences some more of what the arrays held before; True while there is more."""
        end = min(self._silenced + _SLICE_SAMPLES, self._num_samples)
        silence = _SILENCE[: (end - self._silenced) * _BYTES_PER_SAMPLE]
        for name in self.arrays:
            self._host.arrays.write(name, self._silenced, silence)
        self._silenced = end
        return end < self._num_samples

    def show_progress(self):
        """Sends `progress` if there is any, and redraws the arrays now and then."""
        if self._done == self._shown:
            return
        self._shown = self._done
        self._host.send(
            "progress",
            self._done / self._num_samples,
            self._done / self._sample_rate,
            self._speed,
        )
        if time.monotonic() - self._drawn_at > REDRAW_EVERY_S:
            self._redraw()

    def report(self, selector):
        """Ends the take: `selector ARRAY SAMPLE_RATE LENGTH` for each array."""
        while self.silence_slice():
            pass
        self.show_progress()
        self._redraw()
        for name in self.arrays:
            self._host.send(selector, name, self._sample_rate, self._done)

    def _redraw(self):
        self._drawn_at = time.monotonic()
        for name in self.arrays:
            self._host.arrays.redraw(name)
