"""Score with the engine, which shows what a precision costs in bits per sample.

As `sopilib.evaluation.tensorflow_score`, without TensorFlow: each file begins after silence,
with a clean state.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sopilib.engine.engine import EngineGenerator
from sopilib.evaluation.bits import Score, mean_bits


def score_files(generator: EngineGenerator, paths: Sequence[str | Path]) -> Score:
    """Return the Score on sound files, each mixed to mono at the model's rate.

    Args:
      generator: EngineGenerator of one voice; this resets it.
      paths: sound files.

    Raises:
      AudioError: a file cannot be read or is empty, or all are too short.
    """

    def bits_of_blocks(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        generator.reset(rng_seed=0)
        for levels in blocks:
            yield generator.bits(levels[np.newaxis])[0]

    return mean_bits(generator.config, paths, bits_of_blocks)
