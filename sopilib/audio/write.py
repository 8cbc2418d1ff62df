"""Write sound files, block by block, after finding what cannot be written.

The name's suffix decides the format. libsndfile crashes on long blocks of Ogg Vorbis and on its
rates above 200 kHz, writes other rates than it was given in some formats, and hides why a disk
refused. So a second of silence is tried in memory first, blocks are short, and Python's own
file, whose errors say why, takes the bytes.
"""

import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from sopilib.errors import AudioError
from sopilib.new_files import NewFiles, check_writable, unwritable, write_whole
from sopilib.small_files import is_regular, open_regular

_BLOCK = 1 << 14  # samples
_TRIED = 4096  # samples
# formats whose files cannot be read back: without a header, or in two files
_NOT_OFFERED = {"RAW", "SD2"}
# libsndfile crashes above it
_HIGHEST_RATES = {"OGG": 200_000}
# bytes of a file; the sizes in its header have 32 bits, or fewer
_LARGEST_32_BIT = 2**32 - 2**16
_LARGEST = dict.fromkeys(("WAVEX", "AIFF", "AU", "SVX", "MAT4", "MAT5"), _LARGEST_32_BIT)
_MOST_SAMPLES = {"SDS": 2**21 - 1}  # its header has 21 bits
_COMPRESSED = {"FLAC", "OGG", "MP3"}
# of samples that are not compressed
_BYTES_PER_SAMPLE = {"PCM_16": 2, "FLOAT": 4, "DOUBLE": 8}


class SoundSource(Protocol):
    """Samples (num_samples, num_channels), float32: an array, or what is read like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples and channels."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, piece: slice, /) -> np.ndarray: ...


def write_audio(
    path: str | Path, audio: np.ndarray, sample_rate: int, subtype: str | None = None
) -> None:
    """Write float32 (num_samples,) or (num_samples, num_channels) to a file, whole or not at all.

    WAV is written with 16 bits, unless `subtype` is another of soundfile's, such as 'FLOAT',
    which keeps every bit.

    Raises:
      AudioError: the folder is missing or not writable, the disk is full, or the format cannot
        hold the sound.
    """
    with_channels = audio.reshape(len(audio), -1)
    check_format(path, sample_rate, with_channels.shape[1], len(audio), subtype)
    try:
        with NewFiles() as files:
            write_sound(files.open(path), path, with_channels, sample_rate, subtype)
    except OSError as error:
        raise AudioError(unwritable(path, error)) from error


def write_new_audio(path: Path, audio: np.ndarray, sample_rate: int) -> None:
    """Write a sound as `write_audio` does; leave a file with other content in its place.

    Raises:
      AudioError: there is such a file, or the sound cannot be written.
    """
    content = io.BytesIO()
    write_sound(content, path, audio.reshape(len(audio), -1), sample_rate)
    try:
        if os.path.lexists(path) and not _holds(path, content.getvalue()):
            raise AudioError(f"{path} exists (choose another folder, or remove it)")
        write_whole(path, content.getvalue())
    except OSError as error:
        raise AudioError(unwritable(path, error)) from error


def _holds(path: Path, content: bytes) -> bool:
    """Return whether a regular file with this content is at `path`, which exists."""
    if not is_regular(path):
        return False
    with open_regular(path) as file:
        return file.read(len(content) + 1) == content


def write_sound(
    file: BinaryIO,
    path: str | Path,
    audio: SoundSource,
    sample_rate: int,
    subtype: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write float32 (num_samples, num_channels) into an open file in the format of `path`.

    `tags` has values by soundfile's names of them, such as 'title'.
    A WAV file that would pass 4 GB is an RF64 file, which players open under the same name.

    Raises:
      OSError: the disk refuses.
      AudioError: libsndfile refuses.
    """
    target = _Target(file)
    num_channels = audio.shape[1]
    try:
        with soundfile.SoundFile(
            target, "w", sample_rate, num_channels, subtype, format=_format_of(path, audio, subtype)
        ) as sound:
            for name, value in (tags or {}).items():
                setattr(sound, name, value)
            for begin in range(0, len(audio), _BLOCK):
                sound.write(audio[begin : begin + _BLOCK])
                target.check()
    except (soundfile.SoundFileError, TypeError, ValueError, AssertionError) as error:
        target.check()
        raise _refused(path, error) from error
    target.check()


def check_format(
    path: str | Path,
    sample_rate: int,
    num_channels: int = 1,
    num_samples: int = 0,
    subtype: str | None = None,
) -> None:
    """Refuse a path whose format cannot hold such a sound.

    Raises:
      AudioError: the suffix is missing or not that of a sound file, or the format cannot have
        that rate, so many channels, or so many samples.
    """
    format_ = _format(path)
    if sample_rate > _HIGHEST_RATES.get(format_, sample_rate):
        raise _wrong_rate(path, sample_rate)
    tried = io.BytesIO()
    write_sound(tried, path, np.zeros((_TRIED, num_channels), np.float32), sample_rate, subtype)
    tried.seek(0)
    try:
        written = soundfile.info(tried)
    except soundfile.SoundFileError as error:
        raise _refused(path, error) from error
    if written.samplerate != sample_rate:
        raise _wrong_rate(path, sample_rate)
    if num_samples > _MOST_SAMPLES.get(format_, num_samples):
        raise AudioError(
            f"cannot write {path}: {format_} holds at most {_MOST_SAMPLES[format_]} samples "
            "(choose a name ending in .wav)"
        )
    size = num_samples * num_channels * _BYTES_PER_SAMPLE.get(written.subtype, 0)
    if size > _LARGEST.get(format_, size):
        raise AudioError(
            f"cannot write {path}: {size / 1e9:.3g} GB, {format_} holds at most "
            f"{_LARGEST[format_] / 1e9:.3g} GB (choose a name ending in .w64 or .flac)"
        )


def check_sound_paths(
    paths: Sequence[Path],
    sample_rate: int,
    num_samples: int,
    num_channels: int = 1,
    num_bytes: int = 0,
) -> None:
    """Refuse paths to which `write_audio` could not write such sounds.

    Args:
      paths: with one suffix, in one folder.
      sample_rate: in Hz.
      num_samples: of each channel.
      num_channels: in each file.
      num_bytes: that are needed on the disk besides.

    Raises:
      AudioError: see `check_format` and `check_writable_files`; or the disk has too little space.
    """
    check_format(paths[0], sample_rate, num_channels, num_samples)
    check_writable_files(paths)
    size = num_samples * num_channels * len(paths) * _sample_size(paths[0])
    check_space(paths[0], size + num_bytes)


def check_space(
    path: Path, size_bytes: int, fix: str = "free space, or choose another disk"
) -> None:
    """Refuse a path whose disk has no room for so many bytes more.

    Args:
      path: of a file or folder, which need not exist.
      size_bytes: that are needed at least.
      fix: what to do otherwise.

    Raises:
      AudioError: it has less.
    """
    free = shutil.disk_usage(_existing(path.resolve())).free
    if size_bytes > free:
        raise AudioError(
            f"cannot write {path}: {_megabytes(size_bytes)} are needed, {_megabytes(free)} are "
            f"free ({fix})"
        )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.3g} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.3g} GB"


def _existing(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if os.path.exists(place))


def check_writable_files(paths: Sequence[Path]) -> None:
    """Refuse paths at which no file can be written.

    Raises:
      AudioError: the folder is missing or not writable, a name is too long, or something other
        than a file has it.
    """
    for path in paths:
        try:
            check_writable(path)
        except OSError as error:
            raise AudioError(unwritable(path, error)) from error


def _sample_size(path: Path) -> int:
    """Return the bytes of a sample in a file, 0 where they depend on the sound."""
    format_ = _format(path)
    if format_ in _COMPRESSED:
        return 0
    return _BYTES_PER_SAMPLE.get(str(soundfile.default_subtype(format_)), 0)


def check_writable_suffix(path: str | Path) -> None:
    """Refuse a path whose suffix `write_audio` does not know.

    Raises:
      AudioError: the suffix is missing or not that of a sound file.
    """
    _format(path)


class _Target:
    """A file for libsndfile to write to that keeps the OSError which libsndfile would hide."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.read = file.read

    def write(self, data: bytes) -> int:
        """Write `data`; return its length, or 0 after an error."""
        return self._tried(lambda: self._file.write(data))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the place of the next write and return it; 0 after an error."""
        return self._tried(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the place of the next write; 0 after an error."""
        return self._tried(self._file.tell)

    def check(self) -> None:
        """Raise the OSError of an earlier call, if there was one."""
        if self._error is not None:
            raise self._error

    def _tried(self, call: Callable[[], int]) -> int:
        if self._error is None:
            try:
                return call()
            except OSError as error:
                self._error = error
        return 0


def _format(path: str | Path) -> str:
    """Return libsndfile's name of the format that a path's suffix means."""
    suffix = Path(path).suffix
    format_ = suffix[1:].upper()
    if format_ not in soundfile.available_formats() or format_ in _NOT_OFFERED:
        raise AudioError(
            f"cannot write {path}: {suffix!r} is not a sound file format (choose a name ending "
            "in .wav)"
        )
    return format_


def _format_of(path: str | Path, audio: SoundSource, subtype: str | None) -> str:
    """Return libsndfile's name of the format for this sound: RF64 for WAV beyond 4 GB."""
    format_ = _format(path)
    sample_bytes = _BYTES_PER_SAMPLE.get(subtype or str(soundfile.default_subtype(format_)), 0)
    size = audio.shape[0] * audio.shape[1] * sample_bytes
    return "RF64" if format_ == "WAV" and size > _LARGEST_32_BIT else format_


def _wrong_rate(path: str | Path, sample_rate: int) -> AudioError:
    return AudioError(
        f"cannot write {path}: {_format(path)} has no rate of {sample_rate} Hz (choose a name "
        "ending in .wav, or another rate)"
    )


def _refused(path: str | Path, error: Exception) -> AudioError:
    reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
    return AudioError(f"cannot write {path}: {reason} (choose a name ending in .wav)")
