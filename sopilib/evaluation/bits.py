"""Bits per sample over sound files, from any generator or network."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sopilib.audio.files import read_audio
from sopilib.audio.resample import mix_to_mono, resample
from sopilib.errors import AudioError
from sopilib.model.config import ModelConfig
from sopilib.model.sample_codec import SampleCodec


class Score(NamedTuple):
    """The mean over all samples of all files: 0 is perfect, log2(q_levels) is guessing."""

    bits_per_sample: float
    num_samples: int


def mean_bits(
    config: ModelConfig, paths: Sequence[str | Path], total_bits: Callable[[np.ndarray], float]
) -> Score:
    """Return the Score on sound files, each mixed to mono at the model's rate.

    Args:
      config: of the model.
      paths: sound files.
      total_bits: returns the bits for all levels, int32 (n,), of a file after silence.

    Raises:
      AudioError: a file cannot be read or is empty, or all are too short.
    """
    bits, num_samples = 0.0, 0
    for path in paths:
        audio, rate = read_audio(path)
        audio = resample(mix_to_mono(audio), rate, config.sample_rate)
        levels = SampleCodec(config).encode(audio)[0]
        bits += total_bits(levels)
        num_samples += len(levels)
    if not num_samples:
        raise AudioError("less than one sample to score (give longer files)")
    return Score(float(bits / num_samples), num_samples)
