"""Score with the engine, which shows what a precision costs in bits per sample.

Like `sopilib.evaluation.tensorflow_score`, but without TensorFlow: each file begins after
silence with a zero state.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sopilib.engine.engine import EngineGenerator
from sopilib.evaluation.bits import Score, mean_bits


def score_files(generator: EngineGenerator, paths: Iterable[str | Path]) -> Score:
    """Return the Score on sound files, each mixed to mono at the model's rate.

    Args:
      generator: of one voice; it is reset.
      paths: sound files.

    Raises:
      AudioError: a file cannot be read or is empty, or all are too short.
    """

    def total_bits(levels: np.ndarray) -> float:
        generator.reset(rng_seed=0)
        return float(generator.bits(levels[np.newaxis]).sum(dtype=np.float64))

    return mean_bits(generator.config, paths, total_bits)
