"""Noise on what a network hears in training, so that its own errors do not lead it astray.

In training a network hears recordings, in a take itself: a sample that no recording would
have leads to a next one that is further off, until there is only noise. Where sequences
are heard with noise on them, while the samples to predict are clean, it learns the way
back (as in J.-M. Valin and J. Skoglund, LPCNet, ICASSP 2019, section 3.3). Here the noise
is as loud as may be: Gaussian in levels, its deviation from half a level to a quarter of
all, evenly in octaves, another one for each sequence of each segment.
"""

import math

from sopilib.model.quiet_tensorflow import tf

_LEAST_DEVIATION = 0.5  # in levels
_MOST_DEVIATION = 0.25  # of all levels


def with_noise(samples, q_levels, part, seed):
    """Samples int32 (N, T) with noise on a `part` of the sequences, within the levels.

    Args:
      samples: int32 (N, T), 0 to q_levels - 1.
      q_levels: int.
      part: of the sequences, 0 to 1.
      seed: int32 (2,); the same one gives the same noise.
    """
    num_seqs = samples.shape[0]
    octaves = math.log(_MOST_DEVIATION * q_levels / _LEAST_DEVIATION)
    drawn = tf.random.stateless_uniform([2, num_seqs, 1], seed)
    deviation = _LEAST_DEVIATION * tf.exp(octaves * drawn[0])
    deviation = tf.where(drawn[1] < part, deviation, 0.0)
    noise = deviation * tf.random.stateless_normal(samples.shape, seed + 1)
    heard = samples + tf.cast(tf.round(noise), tf.int32)
    return tf.clip_by_value(heard, 0, q_levels - 1)
