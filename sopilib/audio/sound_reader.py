"""Open sound files and read them in blocks: the one place where libsndfile reads.

A file is opened by its descriptor, so that its name, whatever bytes are in it, and its
suffix have no part in that: libsndfile decides by the content. Whatever it or the system
reports is an `AudioError` with the file's name.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile

from sopilib.audio.unfinished import UnfinishedWav, find_unfinished
from sopilib.errors import AudioError, printable
from sopilib.limits import SAMPLE_RATES

# numbers of all channels that are read at a time, about
_BLOCK = 1 << 20
# what soundfile, libsndfile's glue and the system raise
_FAILURES = (soundfile.SoundFileError, OSError, ValueError, TypeError, RuntimeError, MemoryError)


class SoundReader:
    """An open sound file; use it in a with block.

    Args:
      path: of the file.

    Attributes:
      sample_rate: in Hz.
      num_channels: 1 or more.
      num_frames: samples of a channel as the header says: it may be wrong.
      notice: what is odd about the file although it can be read, or None; of a FLAC file that
        breaks off, it is known only when `blocks` has come there.

    Raises:
      AudioError: there is no such file, or it is not a sound file.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._descriptor = _opened(path)
        self._unfinished: UnfinishedWav | None = None
        try:
            self._file = self._sound_file()
            self.sample_rate, self.num_channels = self._file.samplerate, self._file.channels
            self.num_frames = self._file.frames
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, _FAILURES):
                raise _unreadable(path, error) from error
            raise
        is_unfinished = self._unfinished is not None
        text = f"the header of {printable(path)} was never finished: it is read to its end"
        self.notice = text if is_unfinished else None
        low, high = SAMPLE_RATES
        if not low <= self.sample_rate <= high:
            self.close()
            raise AudioError(
                f"the sound file {path} states a sample rate of {self.sample_rate} Hz "
                f"(convert it to one between {low} and {high} Hz)"
            )

    def _sound_file(self) -> soundfile.SoundFile:
        """Return the file as soundfile opens it, an unfinished header mended."""
        self._unfinished = find_unfinished(self._descriptor)
        if self._unfinished is not None:
            return soundfile.SoundFile(self._unfinished)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return soundfile.SoundFile(self._descriptor, closefd=False)

    def __enter__(self) -> "SoundReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        os.close(self._descriptor)

    def seek_end(self, num_frames: int) -> None:
        """Go to `num_frames` before the end.

        A file in which one cannot seek, or that breaks off before that, stays at its beginning.
        """
        try:
            if not self._file.seekable():
                return
            try:
                self._file.seek(max(0, self._file.frames - num_frames))
            except soundfile.SoundFileError:
                if not self._is_flac:
                    raise
                self._file.close()  # after that, it cannot be read any more
                self._file = self._sound_file()
        except _FAILURES as error:
            raise _unreadable(self._path, error) from error

    @property
    def _is_flac(self) -> bool:
        return self._file.format == "FLAC"

    def blocks(self, multiple: int = 1) -> Iterator[np.ndarray]:
        """Yield the rest of the file: float32 (num_samples, num_channels), as many at a time.

        Args:
          multiple: all blocks but the last hold a multiple of so many samples.

        Raises:
          AudioError: the file is damaged. A FLAC file that breaks off is read up to there.
        """
        size = max(1, _BLOCK // self.num_channels // multiple) * multiple
        num_read = 0
        while True:
            block = self._block(size, num_read)
            num_read += len(block)
            if len(block):
                yield block
            if len(block) < size:
                return

    def _block(self, size: int, num_before: int) -> np.ndarray:
        """Return the next samples: less than `size` at the end, or where a FLAC file breaks off."""
        if not self._is_flac:
            try:
                block: np.ndarray = self._file.read(size, dtype="float32", always_2d=True)
            except _FAILURES as error:
                raise _unreadable(self._path, error) from error
            return block
        block = np.full((size, self.num_channels), np.nan, np.float32)
        try:
            return self._file.read(out=block)
        except soundfile.SoundFileError as error:
            num_read = int(np.isnan(np.append(block[:, 0], np.nan)).argmax())
            if not num_before + num_read:
                raise _unreadable(self._path, error) from error
            place_s = (num_before + num_read) / self.sample_rate
            name = printable(self._path)
            self.notice = f"{name} breaks off after {place_s:.1f} s: it is read up to there"
            return block[:num_read]
        except _FAILURES as error:
            raise _unreadable(self._path, error) from error


def _opened(path: str | Path) -> int:
    """Return the descriptor of a regular file.

    Raises:
      AudioError: there is none, or it may not be read.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        mode = 0
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror} (check the name)") from error
    what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
    raise AudioError(
        f"no sound file {path} (check the name and the folder)"
        if not mode
        else f"{path} is {what} (give a sound file)"
    )


def _unreadable(path: str | Path, error: BaseException) -> AudioError:
    """Return the error for a file that libsndfile or the system does not read."""
    return AudioError(f"cannot read {path} as sound: {reason_of(error)} (convert it to WAV)")


def reason_of(error: BaseException) -> str:
    """Return why soundfile or the system failed, without a full stop."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
    return printable(text).removeprefix("Error : ").strip().rstrip(".")
