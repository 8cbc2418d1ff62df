"""The network as training computes it: the same variables and function, far fewer products.

`sopilib.model.network` defines the network. Here linear parts are multiplied together once a
step, inside the differentiated graph, so that gradients reach the variables they belong to:
embedding, convolution and `hidden1` of the sample tier become a table in which a sample is
only looked up, and `hidden1` becomes part of the upsampler above it. Where a step has too few
samples for that to pay, only embedding and convolution are folded. `bench/training_speed.py`
counts both.

With mixed precision, products take bfloat16 factors and return float32 sums; state, gates,
the table's sums and the loss stay float32.

Dropout is that of Keras's recurrent layers: on the inputs of every layer, the first too,
with one mask for all frames of a segment.
"""

from typing import NamedTuple

from sopilib.model.config import ModelConfig
from sopilib.model.network import RNN, Dense, FrameRNN, RNNState, SampleRNN
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.recurrence import run_cell


class SegmentLoss(NamedTuple):
    """The loss of a segment of samples (N, T), float32 (N,) each, and the state after it."""

    nats: tf.Tensor
    num_correct: tf.Tensor
    state: RNNState


class Network:
    """The loss of a SampleRNN on segments, differentiable in the model's variables.

    Args:
      model: whose variables are trained.
      mixed_precision: whether to compute products in bfloat16.
    """

    def __init__(self, model: SampleRNN, mixed_precision: bool = False) -> None:
        self.model = model
        self._dtype = tf.bfloat16 if mixed_precision else tf.float32

    def loss(
        self,
        samples: tf.Tensor,
        state: RNNState,
        dropout_seed: tf.Tensor | None = None,
        noisy_input: tf.Tensor | None = None,
    ) -> SegmentLoss:
        """Return the loss of predicting the samples after the first big frame.

        Args:
          samples: int32 (N, big_frame_size + T), static shape, T a multiple of the big
            frame size.
          state: before them.
          dropout_seed: int32 (2,), or None for no dropout.
          noisy_input: the network's input in place of the samples, of their shape, or None.
        """
        config = self.model.config
        frame_size, big_frame_size = config.frame_sizes
        before = big_frame_size - frame_size
        num_seqs, length = samples.shape
        folds = folding_pays(config, num_seqs * (length - big_frame_size))
        inputs = samples if noisy_input is None else noisy_input
        seeds = [None, None] if dropout_seed is None else [dropout_seed, dropout_seed + 1]
        conditioning, big_frame = self.frame_tier(
            self.model.big_frame_rnn,
            inputs[:, :-big_frame_size],
            state.big_frame,
            self.model.big_frame_rnn.upsample,
            None,
            seeds[0],
        )
        conditioning, frame = self.frame_tier(
            self.model.frame_rnn,
            inputs[:, before:-frame_size],
            state.frame,
            self.upsampler(folds),
            conditioning,
            seeds[1],
        )
        x = gather_sum(self.table(folds), tf.transpose(inputs[:, before:-1]), conditioning)
        nats, num_correct = cross_entropy(self.logits(x, folds), samples[:, big_frame_size:])
        return SegmentLoss(nats, num_correct, RNNState(big_frame, frame))

    def _product(self, x: tf.Tensor, kernel: tf.Tensor, **transpose: bool) -> tf.Tensor:
        if self._dtype == tf.float32:
            return tf.matmul(x, kernel, **transpose)
        x, kernel = tf.cast(x, self._dtype), tf.cast(kernel, self._dtype)
        return tf.cast(tf.matmul(x, kernel, **transpose), tf.float32)

    def _dense(self, dense: Dense, x: tf.Tensor) -> tf.Tensor:
        y = self._product(x, dense.kernel)
        return y + dense.bias if hasattr(dense, "bias") else y

    def frame_tier(
        self,
        tier: FrameRNN,
        samples: tf.Tensor,
        states: tf.Tensor,
        upsample: tf.Tensor,
        conditioning: tf.Tensor | None = None,
        dropout_seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return conditioning for the tier below, and the states after the frames.

        Args:
          tier: whose variables to use.
          samples: int32 (N, F * frame_size).
          states: float32 (num_rnn_layers, parts, N, dim).
          upsample: float32 (stride, dim, dim), the tier's own or its replacement.
          conditioning: float32 (F, N, dim) from the tier above, or None.
          dropout_seed: int32 (2,), or None.

        Returns:
          float32 (F * stride, N, dim), time-major, and the states.
        """
        config, num_seqs = self.model.config, samples.shape[0]
        size = tier.inputs.kernel.shape[0]
        frames = tf.reshape(samples, [num_seqs, -1, size])
        frames = tf.transpose(tf.cast(frames, tf.float32), [1, 0, 2])  # (F, N, size)
        x = tier.inputs((frames / (config.q_levels / 2) - 1.0) * 2.0)
        if conditioning is not None:
            x += conditioning
        h, states = self._rnn(tier.rnn, x, states, dropout_seed)  # (F, N, dim)
        stride, dim_out, dim = upsample.shape
        kernel = tf.reshape(upsample, [stride * dim_out, dim])
        y = self._product(tf.reshape(h, [-1, dim]), kernel, transpose_b=True)
        y = tf.reshape(y, [-1, num_seqs, stride, dim_out])
        return tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [-1, num_seqs, dim_out]), states

    def _rnn(
        self, rnn: RNN, x: tf.Tensor, states: tf.Tensor, dropout_seed: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        config = self.model.config
        skip_sum, new_states = 0.0, []
        if config.skip_conn:
            x = tf.concat([x, x], axis=-1)
        for k in range(config.num_rnn_layers):
            layer = getattr(rnn, f"layer_{k}")
            if dropout_seed is not None and config.rnn_dropout:
                x *= _dropout_mask(x.shape[1:], config.rnn_dropout, dropout_seed + 2 * k)
            cell = layer.cell
            bias = cell.bias[0] if cell.parts == 1 else cell.bias
            projected = self._product(tf.reshape(x, [-1, x.shape[-1]]), cell.kernel) + bias
            projected = tf.reshape(projected, [*x.shape[:2], -1])
            x, state = run_cell(cell, projected, states[k])
            new_states.append(state)
            if config.skip_conn:
                skip_sum += self._dense(getattr(rnn, f"layer_{k}_skip_out"), x)
        return (skip_sum if config.skip_conn else x), tf.stack(new_states)

    def upsampler(self, folds: bool) -> tf.Tensor:
        """Return the lower frame tier's upsampler (stride, dim, dim), with `hidden1` if `folds`."""
        upsample = self.model.frame_rnn.upsample
        if not folds:
            return upsample
        return tf.einsum("joi,ok->jki", upsample, self.model.sample_mlp.hidden1.kernel)

    def table(self, folds: bool) -> tf.Tensor:
        """Return what each level at each place adds: (frame_size, q_levels, dim)."""
        mlp, config = self.model.sample_mlp, self.model.config
        table = self._product(mlp.embedding.embeddings, mlp.inputs.kernel)
        if not folds:
            return table
        table = self._product(tf.reshape(table, [-1, config.dim]), mlp.hidden1.kernel)
        return tf.reshape(table, [-1, config.q_levels, config.dim])

    def logits(self, x: tf.Tensor, folds: bool) -> tf.Tensor:
        """Return logits (T, N, q_levels) from the sum (T, N, dim) of table and frame tier."""
        mlp, (num_predicted, num_seqs, dim) = self.model.sample_mlp, x.shape
        x = tf.reshape(x, [-1, dim])
        x = tf.nn.relu(x + mlp.hidden1.bias if folds else self._dense(mlp.hidden1, x))
        x = tf.nn.relu(self._dense(mlp.hidden2, x))
        x = self._dense(mlp.outputs, x)
        return tf.reshape(x, [num_predicted, num_seqs, -1])


def folding_pays(config: ModelConfig, num_samples: int) -> bool:
    """Return whether `hidden1` costs less per row of table and upsampler than per sample."""
    frame_size = config.frame_sizes[0]
    return num_samples > frame_size * (config.dim + config.q_levels)


def _dropout_mask(shape: tf.TensorShape, rate: float, seed: tf.Tensor) -> tf.Tensor:
    kept = tf.random.stateless_uniform(shape, seed) >= rate
    return tf.cast(kept, tf.float32) / (1.0 - rate)


@tf.function(jit_compile=True, autograph=False)
def gather_sum(table: tf.Tensor, samples: tf.Tensor, conditioning: tf.Tensor) -> tf.Tensor:
    """Return conditioning (T, N, dim) plus the rows of samples (frame_size - 1 + T, N)."""
    num_predicted, x = conditioning.shape[0], conditioning
    for j in range(table.shape[0]):
        x += tf.gather(table[j], samples[j : j + num_predicted])
    return x


@tf.function(jit_compile=True, autograph=False)
def cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return nats and right guesses (N,) of logits (T, N, q_levels) for targets (N, T)."""
    targets = tf.transpose(targets)  # (T, N)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
    correct = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), targets)
    return tf.reduce_sum(nats, axis=0), tf.reduce_sum(tf.cast(correct, tf.float32), axis=0)
