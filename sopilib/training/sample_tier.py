"""The sample tier's look-up and loss, with gradients written out by hand.

Both take every sample of a step on its own, so its samples may stand in any order. They stand
as the upsampler leaves them, in frames: (F, N, S), which is F frames of N sequences, S samples
each. XLA makes each function a few passes over its arrays; the gradients need no copies and
keep little from the forward pass.
"""

from collections.abc import Callable

from sopilib.model.quiet_tensorflow import tf
from sopilib.training.row_groups import compiled

Tensors = tuple[tf.Tensor, ...]


def in_frames(samples: tf.Tensor, size: int) -> tf.Tensor:
    """Return samples (N, F * size) as frames (F, N, size)."""
    return tf.transpose(tf.reshape(samples, [samples.shape[0], -1, size]), [1, 0, 2])


class SampleTier:
    """The look-up and the loss; see `compiled` for why each row group has one of its own."""

    def __init__(self) -> None:
        self._gather_sum, self._table_gradient = compiled(_gather_sum), compiled(_table_gradient)
        self._cross_entropy = compiled(_cross_entropy)
        self._logits_gradient = compiled(_logits_gradient)

    def gather_sum(
        self, table: tf.Tensor, samples: tf.Tensor, conditioning: tf.Tensor
    ) -> tf.Tensor:
        """Return conditioning plus what the samples before each sample add.

        Args:
          table: float32 (frame_size, q_levels, dim), a row for each place and level.
          samples: int32 (N, frame_size - 1 + F * S).
          conditioning: float32 (F, N, S, dim).

        Returns:
          float32 (F, N, S, dim).
        """

        @tf.custom_gradient
        def look_up(
            table: tf.Tensor, conditioning: tf.Tensor
        ) -> tuple[tf.Tensor, Callable[..., Tensors]]:
            def gradient(d_sum: tf.Tensor) -> Tensors:
                return self._table_gradient(samples, d_sum, *table.shape[:2]), d_sum

            arguments = map(tf.stop_gradient, (table, samples, conditioning))  # no tape inside
            return self._gather_sum(*arguments), gradient

        return look_up(table, conditioning)

    def cross_entropy(self, logits: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return nats and right guesses, float32 (N,).

        Args:
          logits: float32 (F, N, S, q_levels).
          targets: int32 (N, F * S).
        """

        @tf.custom_gradient
        def loss(logits: tf.Tensor) -> tuple[Tensors, Callable[..., tf.Tensor]]:
            arguments = map(tf.stop_gradient, (logits, targets))  # no tape looks inside
            nats, num_correct, totals = self._cross_entropy(*arguments)

            def gradient(d_nats: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
                return self._logits_gradient(logits, targets, totals, d_nats)

            return (nats, num_correct), gradient

        return loss(logits)


def _levels_at(samples: tf.Tensor, place: int, shape: tf.TensorShape) -> tf.Tensor:
    """Return the level at one of the places before each sample, int32 (F, N, S)."""
    num_frames, _, size = shape[:3]
    return in_frames(samples[:, place : place + num_frames * size], size)


def _gather_sum(table: tf.Tensor, samples: tf.Tensor, conditioning: tf.Tensor) -> tf.Tensor:
    """Return the sum, see `SampleTier.gather_sum`."""
    x = conditioning
    for place, rows in enumerate(tf.unstack(table)):
        x += tf.gather(rows, _levels_at(samples, place, x.shape))
    return x


def _table_gradient(
    samples: tf.Tensor, d_sum: tf.Tensor, frame_size: int, q_levels: int
) -> tf.Tensor:
    """Return the table's gradient (frame_size, q_levels, dim) from the sum's (F, N, S, dim)."""
    levels = [_levels_at(samples, place, d_sum.shape) for place in range(frame_size)]
    return tf.stack([tf.math.unsorted_segment_sum(d_sum, level, q_levels) for level in levels])


def _cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return nats and right guesses (N,), and the logarithms of sums of exponentials (F, N, S)."""
    targets = in_frames(targets, logits.shape[2])
    most = tf.reduce_max(logits, axis=-1, keepdims=True)
    totals = tf.math.log(tf.reduce_sum(tf.exp(logits - most), axis=-1)) + most[..., 0]
    of_target = tf.gather(logits, targets, batch_dims=3)
    # of several levels with the greatest logit the first is the guess
    earlier = tf.range(logits.shape[-1]) < targets[..., tf.newaxis]
    is_later = tf.reduce_any(tf.logical_and(earlier, tf.equal(logits, most)), axis=-1)
    correct = tf.logical_and(tf.equal(of_target, most[..., 0]), tf.logical_not(is_later))
    nats = tf.reduce_sum(totals - of_target, axis=[0, 2])
    return nats, tf.reduce_sum(tf.cast(correct, tf.float32), axis=[0, 2]), totals


def _logits_gradient(
    logits: tf.Tensor, targets: tf.Tensor, totals: tf.Tensor, d_nats: tf.Tensor
) -> tf.Tensor:
    """Return the logits' gradient (F, N, S, q_levels) from that of the nats (N,)."""
    targets = in_frames(targets, logits.shape[2])
    is_target = tf.equal(tf.range(logits.shape[-1]), targets[..., tf.newaxis])
    difference = tf.exp(logits - totals[..., tf.newaxis]) - tf.cast(is_target, tf.float32)
    return difference * d_nats[:, tf.newaxis, tf.newaxis]
