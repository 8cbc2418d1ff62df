"""Score through the engine: what a precision costs in bits per sample.

As `sopilib.evaluation.tensorflow_score`, without TensorFlow: each file begins after silence with a clean state.
"""

import numpy as np

from sopilib.evaluation.bits import mean_bits


def score_files(generator, paths):
    """The Score on sound files, each mixed to mono at the model's rate.

    Args:
      generator: EngineGenerator of one voice; it is reset.
      paths: sound files.

    Raises:
      AudioError: a file cannot be read or is empty, or all are too short.
    """

    def total_bits(levels):
        generator.reset(rng_seed=0)
        return generator.bits(levels[np.newaxis]).sum(dtype=np.float64)

    return mean_bits(generator.config, paths, total_bits)
