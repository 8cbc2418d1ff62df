"""Measure the loudness of a mono sound in LUFS: ITU-R BS.1770-4, as pyloudnorm measures it."""

import math

import numpy as np

_LEAST_S = 0.4  # a block of the measure


def loudness_lufs(sound: np.ndarray, sample_rate: int) -> float | None:
    """Return the integrated loudness of a sound, None where it is silent or too short.

    Args:
      sound: float (num_samples,), full scale ±1.
      sample_rate: in Hz.
    """
    if len(sound) <= math.ceil(_LEAST_S * sample_rate):
        return None
    import pyloudnorm  # imports scipy, which takes a second

    lufs = float(pyloudnorm.Meter(sample_rate).integrated_loudness(sound.astype(np.float64)))
    return lufs if math.isfinite(lufs) else None
