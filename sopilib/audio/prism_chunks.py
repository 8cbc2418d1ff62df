"""Chunks of one file as PRiSM's `chunk_audio.py` cuts them, for `samplernn chunk --input_file`.

Rate, channels and level stay those of the file. Chunks follow one another at equal distances;
one that would reach the end of the file is dropped, even if it ends exactly there. A chunk is
silent, and left out, where half of it without a break is at most -64 dBFS (RMS). Chunks are
numbered from 1, silent ones included, and named `NAME_chunk_NUMBER.wav`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib.audio.files import check_finite, empty_error, tell_notice
from sopilib.audio.resample import BlockResampler
from sopilib.audio.sound_reader import SoundReader
from sopilib.audio.write import write_new_audio

SILENCE_DBFS = -64.0


@dataclass(frozen=True)
class PrismChunk:
    """A stretch of a file.

    Attributes:
      number: its place among the chunks of the file, from 1.
      start_ms: where it begins in the file, in milliseconds.
      written: Path of the chunk, or None for a silent one.
    """

    number: int
    start_ms: int
    written: Path | None


def write_prism_chunks(
    path: Path, length_ms: int, overlap_ms: int, output_dir: Path, sample_rate: int | None = None
) -> Iterator[PrismChunk]:
    """Write the chunks of a file that are not silent; yield each chunk, silent ones too.

    Args:
      path: of the sound file.
      length_ms: of a chunk, above 0.
      overlap_ms: what a chunk shares with the one before it, 0 <= overlap_ms < length_ms.
      output_dir: exists.
      sample_rate: in Hz to resample to, default the file's.

    Raises:
      AudioError: the file cannot be read, or a chunk cannot be written.
    """
    own_rate, dur_ms = _checked(path, sample_rate)
    rate = own_rate if sample_rate is None else sample_rate
    sound = _Passing(_blocks(path, rate))
    starts = prism_starts(dur_ms, length_ms, overlap_ms)
    for number, start_ms in enumerate(starts, start=1):
        chunk = sound.cut(start_ms * rate // 1000, (start_ms + length_ms) * rate // 1000)
        written = None
        if not is_half_silent(chunk, rate):
            written = output_dir / f"{path.stem}_chunk_{number}.wav"
            write_new_audio(written, chunk, rate)
        yield PrismChunk(number, start_ms, written)


def _checked(path: Path, sample_rate: int | None) -> tuple[int, int]:
    """Read a file once; return its rate, and its milliseconds at `sample_rate`, default its own.

    Raises:
      AudioError: no such file, not a sound file, no samples in it, or not finite.
    """
    num_samples = 0
    with SoundReader(path) as reader:
        for block in reader.blocks():
            check_finite(block, path)
            num_samples += len(block)
        tell_notice(reader)
    if not num_samples:
        raise empty_error(path)
    if sample_rate in (None, reader.sample_rate):
        return reader.sample_rate, num_samples * 1000 // reader.sample_rate
    num_resampled = round(num_samples * sample_rate / reader.sample_rate)
    return reader.sample_rate, num_resampled * 1000 // sample_rate


def _blocks(path: Path, sample_rate: int) -> Iterator[np.ndarray]:
    """Yield a file at `sample_rate`, float32 (num_samples, num_channels), as many at a time."""
    with SoundReader(path) as reader:
        resamplers = [
            BlockResampler(reader.sample_rate, sample_rate) for _ in range(reader.num_channels)
        ]
        for block in reader.blocks():
            yield np.stack([one.push(part) for one, part in zip(resamplers, block.T)], axis=1)
        yield np.stack([one.finish() for one in resamplers], axis=1)


class _Passing:
    """A sound that passes by: only what is still needed of it is held."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks = blocks
        self._held, self._first = next(blocks), 0

    def cut(self, begin: int, end: int) -> np.ndarray:
        """Return samples (end - begin, num_channels); `begin` never decreases."""
        pieces = [self._held]
        num_read = self._first + len(self._held)
        while num_read < end:
            pieces.append(next(self._blocks))
            num_read += len(pieces[-1])
        held = np.concatenate(pieces)
        self._held = held[min(begin - self._first, len(held)) :]
        self._first = num_read - len(self._held)
        return self._held[: end - begin]


def prism_starts(dur_ms: int, length_ms: int, overlap_ms: int) -> list[int]:
    """Return where the chunks of a file begin, in milliseconds."""
    return list(range(0, max(0, dur_ms - length_ms), length_ms - overlap_ms))


def is_half_silent(audio: np.ndarray, sample_rate: int) -> bool:
    """Return True where half of `audio` (num_samples, num_channels) without a break is silent."""
    width = len(audio) // 2
    energy = np.mean(np.square(audio, dtype=np.float64), axis=1)
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    begins = np.arange(0, len(audio) - width + 1, max(1, sample_rate // 1000))  # each ms
    means = (sums[begins + width] - sums[begins]) / max(1, width)
    return bool(means.min() <= 10 ** (SILENCE_DBFS / 10))
