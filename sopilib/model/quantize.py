"""Quantization of audio to integer levels and back, mu-law and linear.

Audio is float32, -1 <= x <= 1, clipped outside; levels are int32, 0 <= level < q_levels,
and silence is level q_levels // 2. Nothing is normalized: the levels of a sound do
not depend on its surroundings.

Levels and samples are those of PRiSM SampleRNN. Its formulas are computed here as they are
there, step by step in float32, since the borders between levels depend on each rounding.
Two things are better defined: the logarithm of mu-law is the exact one rounded to float32,
where TensorFlow's is that or its neighbour, depending on the place in the batch; and a
level that float32 would round up to q_levels, at full scale, is the highest one.
"""

import numpy as np
from numpy.typing import ArrayLike

# what PRiSM's linear quantization leaves free at both ends, half of it at each
_MARGIN = 1e-5


def quantize(audio: ArrayLike, q_type: str, q_levels: int) -> np.ndarray:
    """Return the levels of `audio`, int32 of the same shape.

    Args:
      audio: float array, -1 <= x <= 1; values outside are clipped.
      q_type: 'mu-law', companding as in WaveNet (van den Oord et al. 2016,
        section 2.2) with mu = q_levels - 1; or 'linear', which truncates.
      q_levels: number of levels; PRiSM's mu-law always has 256.
    """
    x: np.ndarray = np.clip(np.asarray(audio, dtype=np.float32), np.float32(-1), np.float32(1))
    scaled: np.ndarray
    exact: np.ndarray
    if q_type == "mu-law":
        scaled = (_companded(x, q_levels) + np.float32(1)) / np.float32(2)
        exact = scaled * np.float32(q_levels - 1) + np.float32(0.5)
    else:
        scaled = (x + np.float32(1)) / np.float32(2)
        exact = scaled * np.float32(q_levels - _MARGIN) + np.float32(_MARGIN / 2)
    levels: np.ndarray = np.clip(np.floor(exact), 0, q_levels - 1)
    return levels.astype(np.int32)


def dequantize(levels: ArrayLike, q_type: str, q_levels: int) -> np.ndarray:
    """Return the audio of `levels`, float32 of the same shape, -1 <= x <= 1.

    A linear level stands for the lower end of its step, as in PRiSM, and rounding puts some
    of these ends into the step below: quantized again, such a level is one lower.
    """
    levels = np.asarray(levels, dtype=np.float32)
    audio: np.ndarray
    if q_type != "mu-law":
        audio = levels / np.float32(q_levels / 2) - np.float32(1)
        return audio
    mu = q_levels - 1
    companded = np.float32(2) * (levels / np.float32(mu)) - np.float32(1)
    # the power in float64, rounded once: it is the same on all machines
    grown = np.power(float(1 + mu), np.abs(companded).astype(np.float64)).astype(np.float32)
    audio = np.sign(companded) * (np.float32(1 / mu) * (grown - np.float32(1)))
    return audio


def _companded(x: np.ndarray, q_levels: int) -> np.ndarray:
    """Return the mu-law curve of float32 `x`, -1 <= result <= 1, float32."""
    mu = np.float32(q_levels - 1)
    grown = np.float32(1) + mu * np.abs(x)
    logarithm = np.log(grown.astype(np.float64)).astype(np.float32)
    companded: np.ndarray = np.sign(x) * (logarithm / np.float32(np.log(float(q_levels))))
    return companded
