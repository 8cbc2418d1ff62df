"""Bits per sample over sound files, from any generator or network."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sopilib.audio.mono_file import mono_file_blocks
from sopilib.errors import AudioError
from sopilib.model.config import ModelConfig
from sopilib.model.sample_codec import SampleCodec


class Score(NamedTuple):
    """The mean over all samples of all files: 0 is perfect, log2(q_levels) is guessing."""

    bits_per_sample: float
    num_samples: int


def mean_bits(
    config: ModelConfig,
    paths: Sequence[str | Path],
    bits_of_blocks: Callable[[Iterator[np.ndarray]], Iterable[np.ndarray]],
) -> Score:
    """Return the Score on sound files, each mixed to mono at the model's rate.

    Files are read and scored in blocks: memory does not depend on their length.

    Args:
      config: of the model.
      paths: sound files.
      bits_of_blocks: takes the levels of a file after silence, int32 (n,) at a time, and yields
        their bits, float (n,), as many at a time as it likes.

    Raises:
      AudioError: a file cannot be read or is empty, or all are too short.
    """
    total, num_samples = 0.0, 0
    for path in paths:
        for bits in bits_of_blocks(_levels(path, config)):
            total += float(bits.sum(dtype=np.float64))
            num_samples += len(bits)
    if not num_samples:
        raise AudioError("less than one sample to score (give longer files)")
    return Score(total / num_samples, num_samples)


def _levels(path: str | Path, config: ModelConfig) -> Iterator[np.ndarray]:
    """Yield the levels of a file, int32 (n,), n > 0, as many at a time."""
    codec = SampleCodec(config)
    for block in mono_file_blocks(path, config.sample_rate):
        if len(block):
            yield codec.encode(block)[0]
