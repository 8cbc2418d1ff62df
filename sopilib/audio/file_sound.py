"""The sound of a file, mono at one rate and level, read when it is needed.

A `FileSound` can be measured, sliced and turned into an array like an array, and holds no
samples. It is read from the file's beginning to its end: who takes its slices in order reads
the file once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from sopilib.audio.resample import BlockResampler
from sopilib.audio.sound_reader import SoundReader
from sopilib.audio.treatment import Treatment
from sopilib.errors import AudioError

# samples that stay within reach after they were read
_KEPT = 1 << 21


def mono_blocks(path: Path, treatment: Treatment, sample_rate: int) -> Iterator[np.ndarray]:
    """Yield the sound of a file at `sample_rate`, float32 (num_samples,), as many at a time.

    Raises:
      AudioError: the file cannot be read.
    """
    with SoundReader(path) as reader:
        resampler = BlockResampler(reader.sample_rate, sample_rate)
        for block in reader.blocks():
            yield resampler.push(treatment.mono(block))
        yield resampler.finish()


@dataclass(frozen=True)
class FileSource:
    """A file and how it becomes sound.

    Attributes:
      path: of the file.
      treatments: of the sounds that follow one another: one, or one for each channel.
      sample_rate: in Hz, of the sound.
    """

    path: Path
    treatments: tuple[Treatment, ...]
    sample_rate: int

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the sound from its beginning, float32 (num_samples,), as many at a time."""
        for treatment in self.treatments:
            yield from mono_blocks(self.path, treatment, self.sample_rate)


class OpenFile:
    """The one file of a set that is open, and its samples read last."""

    def __init__(self) -> None:
        self._source: FileSource | None = None
        self._blocks: Iterator[np.ndarray] = iter(())
        self._recent, self._end = np.zeros(0, np.float32), 0

    def read(self, source: FileSource, begin: int, end: int) -> np.ndarray:
        """Return samples of a source, float32 (end - begin,).

        Raises:
          AudioError: the file cannot be read, or is shorter than it was.
        """
        if source is not self._source or begin < self._end - len(self._recent):
            self._source, self._blocks = source, source.blocks()
            self._recent, self._end = np.zeros(0, np.float32), 0
        pieces = [self._recent]
        while self._end < end:
            block = next(self._blocks, None)
            if block is None:
                raise AudioError(f"{source.path} has changed while it was read (try again)")
            if self._end <= begin:
                pieces = []  # only what follows one another is kept
            pieces.append(block)
            self._end += len(block)
        recent = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        first = self._end - len(recent)
        self._recent = recent[max(0, len(recent) - _KEPT) :]
        return recent[begin - first : end - first]


class FileSound(NDArrayOperatorsMixin):
    """A stretch of the sound of a file, (num_samples,) float32 as an array.

    Args:
      source: the file.
      num_samples: of its sound.
      second_peaks: largest magnitude in each second of it, float32 (num_seconds,).
      open_file: what reads, common to all sounds of a set.
    """

    dtype, ndim = np.dtype(np.float32), 1

    def __init__(
        self,
        source: FileSource,
        num_samples: int,
        second_peaks: np.ndarray,
        open_file: OpenFile,
    ) -> None:
        self._source, self._peaks, self._open_file = source, second_peaks, open_file
        self._begin, self._end, self._gain = 0, num_samples, np.float32(1)

    def __len__(self) -> int:
        return self._end - self._begin

    def __getitem__(self, stretch: slice) -> "FileSound":
        begin, end, step = stretch.indices(len(self))
        if step != 1:
            raise ValueError(f"a step of {step} (give 1)")
        part = FileSound(self._source, 0, self._peaks, self._open_file)
        part._begin, part._gain = self._begin + begin, self._gain
        part._end = self._begin + max(begin, end)
        return part

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        audio = self._open_file.read(self._source, self._begin, self._end) * self._gain
        return audio if dtype is None else audio.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        arrays = (np.asarray(x) if isinstance(x, FileSound) else x for x in inputs)
        return getattr(ufunc, method)(*arrays, **settings)

    def with_gain(self, gain: float) -> "FileSound":
        """Return the same sound with another factor on its samples."""
        louder = self[:]
        louder._gain = np.float32(gain)
        return louder

    def second_peaks(self) -> np.ndarray | None:
        """Return the largest magnitude in each second, float32; None unless it begins at one."""
        rate = self._source.sample_rate
        if self._begin % rate:
            return None
        first = self._begin // rate
        peaks: np.ndarray = self._peaks[first : -(-self._end // rate)] * self._gain
        return peaks


# float32 (num_samples,), in memory or read when needed
Sound: TypeAlias = np.ndarray | FileSound
