"""Muon: momentum made orthogonal, for the hidden matrices of the network.

K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024: the
momentum matrix is replaced by the nearest matrix whose singular values are all about 1, which
five Newton-Schulz steps find by products alone. With the scale of Liu et al., "Muon is
scalable for LLM training", 2025, an update is as large as Adam's, so that both share one
learning rate.
"""

import math
from collections.abc import Sequence

from sopilib.model.quiet_tensorflow import tf

MOMENTUM = 0.95
_STEPS = 5
# of the quintic polynomial that drives singular values towards 1
_A, _B, _C = 3.4445, -4.7750, 2.0315
_RMS = 0.2  # of an update's elements, as Adam's usually are
_SMALL = 1e-7
# the first and the last layer, whose matrices belong to samples and levels
_OUTER = ("inputs/kernel", "outputs/kernel")


def fits(path: str, shape: Sequence[int]) -> bool:
    """Return whether the variable is a hidden matrix: two axes, not of the first or last layer."""
    return len(shape) == 2 and path.endswith("kernel") and not path.endswith(_OUTER)


def update(momentum: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the new momentum, and the update for a learning rate of 1.

    Args:
      momentum: float32 (rows, columns), 0 at first.
      gradient: of the same shape.
    """
    momentum = MOMENTUM * momentum + gradient
    rows, columns = gradient.shape
    scale = _RMS * math.sqrt(max(rows, columns))
    return momentum, scale * orthogonal(gradient + MOMENTUM * momentum)


def orthogonal(matrix: tf.Tensor) -> tf.Tensor:
    """Return `matrix`, float32 (rows, columns), with singular values of about 0.7 to 1.2."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = tf.transpose(matrix) if is_tall else matrix
    x = x / (tf.norm(x) + _SMALL)
    for _ in range(_STEPS):
        square = tf.matmul(x, x, transpose_b=True)
        x = _A * x + tf.matmul(_B * square + _C * tf.matmul(square, square), x)
    return tf.transpose(x) if is_tall else x
