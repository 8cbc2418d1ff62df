"""Measure how much a sound repeats itself, and how long it stays on one level."""

import math
from collections.abc import Sequence

import numpy as np

from sopilib.evaluation.spectra import TINY

STRETCH_S = 2.0
LAGS_S = (0.1, 1.0)
STUCK_LEVEL = 0.01  # of full scale


def correlations_at_long_lags(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return how much each stretch of a sound repeats: float (num_stretches,), -1 to 1.

    A stretch is `STRETCH_S` long, or as long as the sound; its first half slides over the
    rest. The largest normalized correlation at lags within `LAGS_S` counts; a silent stretch
    has 0.
    """
    length = min(round(STRETCH_S * sample_rate), len(sound))
    starts = range(0, len(sound) - length + 1, max(1, length // 2))
    return np.array([_correlation(sound[k : k + length], sample_rate) for k in starts])


def _correlation(stretch: np.ndarray, sample_rate: int) -> float:
    half = len(stretch) // 2
    stretch = stretch - stretch.mean()
    size = 2 ** math.ceil(math.log2(2 * len(stretch) + 1))
    spectrum = np.fft.rfft(stretch, size) * np.conj(np.fft.rfft(stretch[:half], size))
    products = np.fft.irfft(spectrum, size)[: half + 1]  # of each lag
    sums = np.concatenate([[0.0], np.cumsum(np.square(stretch, dtype=np.float64))])
    energies = sums[half : 2 * half + 1] - sums[: half + 1]
    first = min(round(LAGS_S[0] * sample_rate), half)
    lags = slice(first, min(round(LAGS_S[1] * sample_rate), half) + 1)
    scale = np.sqrt(np.maximum(energies[0] * energies[lags], 0.0))
    is_sound = scale > TINY * half
    return float(np.max(products[lags][is_sound] / scale[is_sound], initial=0.0))


def longest_run(sound: np.ndarray | Sequence[float]) -> int:
    """Return the samples of the longest run of one level beyond ±`STUCK_LEVEL`."""
    changes = np.flatnonzero(np.diff(sound)) + 1
    bounds = np.concatenate([[0], changes, [len(sound)]])
    is_off_rest = np.abs(np.asarray(sound)[bounds[:-1]]) > STUCK_LEVEL
    return int(np.max(np.diff(bounds)[is_off_rest], initial=0))
