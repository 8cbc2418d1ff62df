"""Input noise: noise on the network's input in training, so that takes recover from errors.

In training the network reads recordings, in a take its own output: a sample that no
recording would have leads to a next one that is further off, until only noise is left. Where
the input of some sequences is noisy while the samples to predict are clean, the network
learns the way back (as in J.-M. Valin and J. Skoglund, LPCNet, ICASSP 2019, section 3.3).
The noise here covers all loudnesses: it is Gaussian in levels, with a standard deviation from
half a level to a quarter of all levels, uniform in octaves, drawn separately for each sequence of
each segment.
"""

import math

from sopilib.model.quiet_tensorflow import tf

_LEAST_DEVIATION = 0.5  # in levels
_MOST_DEVIATION = 0.25  # of all levels


def with_noise(samples: tf.Tensor, q_levels: int, part: float, seed: tf.Tensor) -> tf.Tensor:
    """Return int32 samples (N, T) with noise on a `part` of the sequences, within the levels.

    Args:
      samples: int32 (N, T), 0 to q_levels - 1.
      q_levels: quantization levels.
      part: of the sequences, 0 to 1.
      seed: int32 (2,); equal seeds give equal noise.
    """
    num_seqs = samples.shape[0]
    octaves = math.log(_MOST_DEVIATION * q_levels / _LEAST_DEVIATION)
    drawn = tf.random.stateless_uniform([2, num_seqs, 1], seed)
    deviation = _LEAST_DEVIATION * tf.exp(octaves * drawn[0])
    deviation = tf.where(drawn[1] < part, deviation, 0.0)
    noise = deviation * tf.random.stateless_normal(samples.shape, seed + 1)
    noisy = samples + tf.cast(tf.round(noise), tf.int32)
    return tf.clip_by_value(noisy, 0, q_levels - 1)
