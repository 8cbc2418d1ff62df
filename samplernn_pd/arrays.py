"""Pd arrays by name, through `pyext.Buffer`.

A Buffer caches a pointer and a length, so each access makes a new one and drops it
at once; dropping a dirty one is also what redraws the array.
"""

import array

import pyext

_BYTES_PER_SAMPLE = 4
# Our own pyext, where a view off Pd's thread is a copy of the whole array
_TAKES_SLICES = getattr(pyext, "thread_safe", False)


class PdArrays:
    """Reads and writes float32 samples, as bytes, of arrays that may come and go."""

    def length(self, name: str) -> int:
        """Return the number of samples in the array, 0 where there is none."""
        return len(pyext.Buffer(name))

    def read(self, name: str) -> bytes:
        """Return all samples of the array as bytes."""
        return memoryview(pyext.Buffer(name)).tobytes()

    def read_slice(self, name: str, start: int, stop: int) -> bytes:
        """Return the samples from `start` to before `stop`, as bytes; b"" without the array."""
        buffer = pyext.Buffer(name)
        return memoryview(buffer)[start:stop].tobytes() if len(buffer) else b""

    def resize(self, name: str, num_samples: int) -> bool:
        """Make the array `num_samples` long; False if there is none or it cannot be."""
        length = self.length(name)
        if length not in (0, num_samples):
            try:
                pyext.Buffer(name).resize(num_samples)
            except (ArithmeticError, BufferError, LookupError, MemoryError, OSError, ValueError):
                return False
        return length > 0 and self.length(name) == num_samples

    def write(self, name: str, start: int, samples: bytes) -> bool:
        """Write the bytes `samples` from sample `start` on; False if they do not fit.

        Without an array nothing fits, not even no samples.
        """
        buffer = pyext.Buffer(name)
        end = start + len(samples) // _BYTES_PER_SAMPLE
        if len(buffer) < max(end, 1):
            return False
        if _TAKES_SLICES:
            buffer[start:end] = array.array("f", samples)
        else:
            memoryview(buffer)[start:end] = array.array("f", samples)
        return True

    def redraw(self, name: str) -> None:
        """Have Pd draw the array anew, if there is one."""
        buffer = pyext.Buffer(name)
        if len(buffer):
            buffer.dirty()
