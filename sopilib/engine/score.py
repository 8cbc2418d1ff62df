"""Score through the engine: what a precision costs in bits per sample.

As `sopilib.score`, without TensorFlow: each file begins after silence with a clean state.
"""

import numpy as np

from sopilib.audio import mix_to_mono, read_audio, resample
from sopilib.quantize import quantize


def score_files(generator, paths):
    """Mean bits per sample over all files, and the number of samples.

    Args:
      generator: EngineGenerator of one voice; it is reset.
      paths: sound files, each mixed to mono at the model's rate.

    Raises:
      AudioError: a file cannot be read or is empty.
    """
    config, bits, num_samples = generator.config, 0.0, 0
    for path in paths:
        audio, rate = read_audio(path)
        audio = resample(mix_to_mono(audio), rate, config.sample_rate)
        levels = quantize(audio, config.q_type, config.q_levels)
        generator.reset(rng_seed=0)
        bits += generator.bits(levels[np.newaxis]).sum(dtype=np.float64)
        num_samples += len(levels)
    return float(bits / num_samples), num_samples
