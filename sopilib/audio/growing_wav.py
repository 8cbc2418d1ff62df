"""GrowingWav: a WAV file that is valid at any moment while it grows.

Samples are 32-bit floats, so that nothing is lost before the sound is complete. The header says
how many there are, and is written after them: a process that is killed leaves a file that opens
and holds all that was appended.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sopilib.audio.wav_header import HEADER_BYTES, wav_header
from sopilib.errors import AudioError

_BLOCK = 1 << 14  # samples of each channel read at a time


class GrowingWav:
    """A WAV file of float32 samples to append to; it is locked while it is open.

    Args:
      path: of the file; a new one is empty, an existing one keeps its samples.
      sample_rate: in Hz.
      num_channels: 1 or more.

    Attributes:
      path, num_channels: as above.
      num_samples: of each channel.

    Raises:
      OSError: the file cannot be written.
      AudioError: another process writes it.
    """

    def __init__(self, path: Path, sample_rate: int, num_channels: int) -> None:
        self.path, self.num_channels = path, num_channels
        self._sample_rate, self._frame_bytes = sample_rate, 4 * num_channels
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise AudioError(
                f"another process is writing {path} (wait for it, or choose another name)"
            ) from None
        except OSError:
            pass  # some network disks know no locks
        if not os.fstat(self._file).st_nlink:
            os.close(self._file)
            raise AudioError(f"{path} was just finished by another process (look for its take)")
        size = os.fstat(self._file).st_size
        self.num_samples = max(0, size - HEADER_BYTES) // self._frame_bytes
        self.cut(self.num_samples)

    def __enter__(self) -> "GrowingWav":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    @property
    def shape(self) -> tuple[int, int]:
        """Channels and samples of each, as of an array of voices."""
        return self.num_channels, self.num_samples

    def append(self, audio: np.ndarray) -> None:
        """Append float32 (num_channels, any).

        Raises:
          OSError: the disk refuses; the file holds what it held.
        """
        content = audio.T.astype("<f4").tobytes()
        place = HEADER_BYTES + self.num_samples * self._frame_bytes
        while content:
            written = os.pwrite(self._file, content, place)
            content, place = content[written:], place + written
        self._write_header(self.num_samples + audio.shape[1])

    def cut(self, num_samples: int) -> None:
        """Keep the first samples of each channel, at most all."""
        self._write_header(min(num_samples, self.num_samples))
        os.ftruncate(self._file, HEADER_BYTES + self.num_samples * self._frame_bytes)

    def sync(self) -> None:
        """Wait until all is on the disk."""
        getattr(os, "fdatasync", os.fsync)(self._file)  # macOS has only the second

    def read(self, begin: int, end: int) -> np.ndarray:
        """Return float32 (any, num_channels), the samples from `begin` to before `end`."""
        end = min(end, self.num_samples)
        num_bytes = max(0, end - begin) * self._frame_bytes
        content = os.pread(self._file, num_bytes, HEADER_BYTES + begin * self._frame_bytes)
        return np.frombuffer(content, "<f4").reshape(-1, self.num_channels)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all samples, float32 (any, num_channels)."""
        for begin in range(0, self.num_samples, _BLOCK):
            yield self.read(begin, begin + _BLOCK)

    def sounds(self, num_files: int) -> list["WavSound"]:
        """Return the sound of one file with all channels, or of one for each channel."""
        if num_files == 1:
            return [WavSound(self, slice(None))]
        return [WavSound(self, slice(k, k + 1)) for k in range(self.num_channels)]

    def _write_header(self, num_samples: int) -> None:
        os.pwrite(self._file, wav_header(num_samples, self._sample_rate, self.num_channels), 0)
        self.num_samples = num_samples


class WavSound:
    """Channels of a GrowingWav, read as an array (num_samples, num_channels) piece by piece.

    Args:
      wav: to read from.
      channels: which of them.

    Attributes:
      shape: samples and channels.
    """

    def __init__(self, wav: GrowingWav, channels: slice) -> None:
        self._wav, self._channels = wav, channels
        self.shape = (wav.num_samples, len(range(*channels.indices(wav.num_channels))))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, piece: slice) -> np.ndarray:
        begin, end, _ = piece.indices(len(self))
        return self._wav.read(begin, end)[:, self._channels]
