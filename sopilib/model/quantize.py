"""Quantization of audio to integer levels and back, mu-law and linear.

Audio is float32, -1 <= x <= 1, clipped outside; levels are int32,
0 <= level < q_levels, and silence is level q_levels // 2. No normalization: the
same sound gives the same levels whatever stands around it.
"""

import numpy as np


def quantize(audio, q_type, q_levels):
    """Levels of `audio`: int32 of the same shape.

    Args:
      audio: float array, -1 <= x <= 1; what is outside is clipped.
      q_type: 'mu-law', companding as in WaveNet (van den Oord et al. 2016,
        section 2.2) with mu = q_levels - 1; or 'linear'.
      q_levels: number of levels.
    """
    x = np.clip(np.asarray(audio, dtype=np.float64), -1.0, 1.0)
    if q_type == "mu-law":
        mu = q_levels - 1
        companded = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
        levels = np.floor((companded + 1.0) / 2.0 * mu + 0.5)
    else:
        levels = np.round(x * (q_levels / 2)) + q_levels // 2
    return np.clip(levels, 0, q_levels - 1).astype(np.int32)


def dequantize(levels, q_type, q_levels):
    """Audio of `levels`: float32 of the same shape, -1 <= x <= 1.

    Quantizing the result gives the same levels again.
    """
    levels = np.asarray(levels, dtype=np.float64)
    if q_type == "mu-law":
        mu = q_levels - 1
        companded = levels / mu * 2.0 - 1.0
        audio = np.sign(companded) * ((1.0 + mu) ** np.abs(companded) - 1.0) / mu
    else:
        audio = (levels - q_levels // 2) / (q_levels / 2)
    return audio.astype(np.float32)
