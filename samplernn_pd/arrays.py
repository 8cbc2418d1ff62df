"""Pd arrays by name, through `pyext.Buffer`.

A Buffer caches a pointer and a length, so each access creates a new one and drops it at
once. Dropping a dirty Buffer also redraws the array.
"""

import array
import contextlib

import pyext

# Our own pyext, where a view off Pd's thread is a copy of the whole array
_TAKES_SLICES = getattr(pyext, "thread_safe", False)
# Off Pd's thread, where Pd is too busy to answer or its queue is full
_PD_IS_BUSY = (TimeoutError, RuntimeError)
_REFUSED = (ArithmeticError, BufferError, LookupError, MemoryError, OSError, ValueError)


class PdArrays:
    """Read and write access to arrays that may come and go: float32 samples, as bytes.

    Where Pd does not answer within some seconds, it is as if there were no array.
    """

    def length(self, name: str) -> int:
        """Return the number of samples in the array, 0 if there is none."""
        try:
            return len(pyext.Buffer(name))
        except _PD_IS_BUSY:
            return 0

    def read(self, name: str) -> bytes:
        """Return all samples of the array, as bytes; b"" without the array."""
        try:
            buffer = pyext.Buffer(name)
            return memoryview(buffer).tobytes() if len(buffer) else b""
        except _PD_IS_BUSY:
            return b""

    def read_slice(self, name: str, start: int, stop: int) -> bytes:
        """Return the samples from `start` to before `stop`, as bytes; b"" without the array."""
        try:
            buffer = pyext.Buffer(name)
            return memoryview(buffer)[start:stop].tobytes() if len(buffer) else b""
        except _PD_IS_BUSY:
            return b""

    def resize(self, name: str, num_samples: int) -> bool:
        """Resize the array to `num_samples`; return False if there is none or Pd refuses."""
        length = self.length(name)
        if length not in (0, num_samples):
            try:
                pyext.Buffer(name).resize(num_samples)
            except (*_REFUSED, *_PD_IS_BUSY):
                return False
        return length > 0 and self.length(name) == num_samples

    def write(self, name: str, start: int, samples: bytes) -> bool:
        """Write the bytes `samples` from sample `start` on; return False if they do not fit.

        Without an array nothing fits, not even no samples.
        """
        try:
            return self._write(pyext.Buffer(name), start, array.array("f", samples))
        except _PD_IS_BUSY:
            return False

    def _write(self, buffer: pyext.Buffer, start: int, samples: array.array) -> bool:
        end = start + len(samples)
        if len(buffer) < max(end, 1):
            return False
        if _TAKES_SLICES:
            buffer[start:end] = samples
        else:
            memoryview(buffer)[start:end] = samples
        return True

    def redraw(self, name: str) -> None:
        """Have Pd redraw the array, if there is one."""
        with contextlib.suppress(*_PD_IS_BUSY):
            buffer = pyext.Buffer(name)
            if len(buffer):
                buffer.dirty()
