"""WAV files whose header was never finished: a recorder that lost power, a program that died.

The header of such a file says that there is no sound, or less than there is, while the
samples stand in the file to its end. They are read as if the header said "to the end".
"""

import io
import os
import struct

# bytes beyond the stated end of the samples from which on they are taken for samples; tags
# that some programs append are shorter
_LEAST_REST = 4096
_TO_THE_END = b"\xff\xff\xff\xff"
_MOST_CHUNKS = 1000


class UnfinishedWav(io.RawIOBase):
    """The file with sizes in its header that mean "to the end"; for soundfile to read.

    Args:
      descriptor: of the file.
      patches: the places in the file of the sizes, each of four bytes.
    """

    def __init__(self, descriptor: int, patches: tuple[int, ...]) -> None:
        self._descriptor, self._patches, self._place = descriptor, patches, 0
        self._size = os.fstat(descriptor).st_size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file and return it."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place}.get(whence, self._size)
        return self._place

    def tell(self) -> int:
        """Return the place in the file."""
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read bytes into `buffer` and return how many."""
        found = bytearray(os.pread(self._descriptor, len(buffer), self._place))
        for patch in self._patches:
            for k, byte in enumerate(_TO_THE_END, start=patch - self._place):
                if 0 <= k < len(found):
                    found[k] = byte
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True


def find_unfinished(descriptor: int) -> UnfinishedWav | None:
    """Return a WAV file with an unfinished header, to read in place of it; else None."""
    size = os.fstat(descriptor).st_size
    head = os.pread(descriptor, 12, 0)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    place = 12
    for _ in range(_MOST_CHUNKS):
        chunk = os.pread(descriptor, 8, place)
        if len(chunk) < 8:
            return None
        (length,) = struct.unpack("<I", chunk[4:])
        if chunk[:4] == b"data":
            end = place + 8 + length + length % 2
            is_stale = size - end >= _LEAST_REST and _is_sound(descriptor, end, size, length == 0)
            return UnfinishedWav(descriptor, (4, place + 4)) if is_stale else None
        place += 8 + length + length % 2
    return None


def _is_sound(descriptor: int, place: int, size: int, may_be_silent: bool) -> bool:
    """Return whether samples begin at `place`: neither a chunk with a name nor padding."""
    rest = os.pread(descriptor, _LEAST_REST, place)
    name, length = struct.unpack("<4sI", rest[:8])
    is_named = name.isascii() and name.decode("ascii").isprintable()
    is_chunk = is_named and place + 8 + length <= size
    return not is_chunk and (may_be_silent or any(rest))
