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

from collections.abc import Sequence
from typing import NamedTuple

from sopilib.model.config import ModelConfig
from sopilib.model.network import RNN, Dense, FrameRNN, RNNState, SampleRNN
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.recurrence import Recurrence
from sopilib.training.row_groups import MOST_GROUPS, row_groups
from sopilib.training.sample_tier import SampleTier, in_frames


class SegmentLoss(NamedTuple):
    """The loss of a segment of samples (N, T), float32 (N,) each, and the state after it."""

    nats: tf.Tensor
    num_correct: tf.Tensor
    state: RNNState


class Segment(NamedTuple):
    """What a step takes of its N sequences, or of some of them.

    Attributes:
      samples: int32 (N, big_frame_size + T), static shape, T a multiple of the big frame size.
      inputs: the network's input, of the same shape: the samples, or noisy ones.
      state: before them.
      masks: of dropout, a list for the big frame tier and one for the lower, each with float32
        (N, dim of its input) for every layer; empty lists for no dropout.
    """

    samples: tf.Tensor
    inputs: tf.Tensor
    state: RNNState
    masks: Sequence[Sequence[tf.Tensor]] = ((), ())

    def rows(self, rows: slice) -> "Segment":
        """Return these sequences alone."""
        state = RNNState(*(part[:, :, rows] for part in self.state))
        masks = [[mask[rows] for mask in of_tier] for of_tier in self.masks]
        return Segment(self.samples[rows], self.inputs[rows], state, masks)


class Shared(NamedTuple):
    """What is computed once a step, for all sequences.

    Attributes:
      folds: whether `hidden1` is part of table and upsampler.
      table: float32 (frame_size, q_levels, dim), see `Network.table`.
      upsampler: float32 (stride, dim, dim), see `Network.upsampler`.
    """

    folds: bool
    table: tf.Tensor
    upsampler: tf.Tensor


class Compiled(NamedTuple):
    """The parts of the network that XLA compiles."""

    recurrence: Recurrence
    sample_tier: SampleTier


# for each row group its own, see `row_groups.compiled`
COMPILED = [Compiled(Recurrence(), SampleTier()) for _ in range(MOST_GROUPS)]


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
        num_seqs, width = samples.shape
        shared = self._shared(num_seqs * (width - self.model.config.big_frame_size))
        inputs = samples if noisy_input is None else noisy_input
        segment = Segment(samples, inputs, state, self._masks(num_seqs, dropout_seed))
        groups = [
            self._loss_of_rows(segment.rows(rows), shared, compiled)
            for rows, compiled in zip(row_groups(num_seqs), COMPILED)
        ]
        return _joined(groups)

    def _shared(self, num_samples: int) -> Shared:
        """Return what is computed once, for a step that predicts so many samples."""
        folds = folding_pays(self.model.config, num_samples)
        return Shared(folds, self.table(folds), self.upsampler(folds))

    def _loss_of_rows(self, segment: Segment, shared: Shared, compiled: Compiled) -> SegmentLoss:
        """Return the loss of some sequences of a step."""
        model, inputs, (recurrence, sample_tier) = self.model, segment.inputs, compiled
        frame_size, big_frame_size = model.config.frame_sizes
        before, (big_masks, masks) = big_frame_size - frame_size, segment.masks
        big_inputs, frame_inputs = inputs[:, :-big_frame_size], inputs[:, before:-frame_size]
        h, big_frame = self.frame_tier(
            model.big_frame_rnn, big_inputs, segment.state.big_frame, recurrence, None, big_masks
        )
        conditioning = time_major(self.upsampled(h, model.big_frame_rnn.upsample))
        h, frame = self.frame_tier(
            model.frame_rnn, frame_inputs, segment.state.frame, recurrence, conditioning, masks
        )
        x = self.upsampled(h, shared.upsampler)  # (F, N, frame_size, dim)
        x = sample_tier.gather_sum(shared.table, inputs[:, before:-1], x)
        targets = segment.samples[:, big_frame_size:]
        nats, num_correct = sample_tier.cross_entropy(self.logits(x, shared.folds), targets)
        return SegmentLoss(nats, num_correct, RNNState(big_frame, frame))

    def _product(self, x: tf.Tensor, kernel: tf.Tensor, **transpose: bool) -> tf.Tensor:
        if self._dtype == tf.float32:
            return tf.matmul(x, kernel, **transpose)
        x, kernel = tf.cast(x, self._dtype), tf.cast(kernel, self._dtype)
        return tf.cast(tf.matmul(x, kernel, **transpose), tf.float32)

    def _dense(self, dense: Dense, x: tf.Tensor) -> tf.Tensor:
        y = self._product(x, dense.kernel)
        return tf.nn.bias_add(y, dense.bias) if hasattr(dense, "bias") else y

    def frame_tier(
        self,
        tier: FrameRNN,
        samples: tf.Tensor,
        states: tf.Tensor,
        recurrence: Recurrence,
        conditioning: tf.Tensor | None = None,
        masks: Sequence[tf.Tensor] = (),
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the outputs of a frame tier's last layer, and the states after the frames.

        Args:
          tier: whose variables to use.
          samples: int32 (N, F * frame_size).
          states: float32 (num_rnn_layers, parts, N, dim).
          recurrence: runs the cells.
          conditioning: float32 (F, N, dim) from the tier above, or None.
          masks: of the inputs of each layer (N, dim of the input), or none for no dropout.

        Returns:
          float32 (F, N, dim) and the states.
        """
        size = tier.inputs.kernel.shape[0]
        frames = in_frames(tf.cast(samples, tf.float32), size)  # (F, N, size)
        x = tier.inputs((frames / (self.model.config.q_levels / 2) - 1.0) * 2.0)
        if conditioning is not None:
            x += conditioning
        return self._rnn(tier.rnn, x, states, recurrence, masks)

    def upsampled(self, h: tf.Tensor, upsample: tf.Tensor) -> tf.Tensor:
        """Return conditioning for the tier below, float32 (F, N, stride, dim).

        Args:
          h: float32 (F, N, dim), the outputs of a frame tier.
          upsample: float32 (stride, dim, dim), the tier's own or its replacement.
        """
        stride, dim_out, dim = upsample.shape
        kernel = tf.reshape(upsample, [stride * dim_out, dim])
        y = self._product(tf.reshape(h, [-1, dim]), kernel, transpose_b=True)
        return tf.reshape(y, [*h.shape[:2], stride, dim_out])

    def _rnn(
        self,
        rnn: RNN,
        x: tf.Tensor,
        states: tf.Tensor,
        recurrence: Recurrence,
        masks: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        config = self.model.config
        skip_sum, new_states = 0.0, []
        if config.skip_conn:
            x = tf.concat([x, x], axis=-1)
        for k in range(config.num_rnn_layers):
            layer = getattr(rnn, f"layer_{k}")
            if masks:
                x *= masks[k]
            cell = layer.cell
            bias = cell.bias[0] if cell.parts == 1 else cell.bias
            projected = self._product(tf.reshape(x, [-1, x.shape[-1]]), cell.kernel) + bias
            projected = tf.reshape(projected, [*x.shape[:2], -1])
            x, state = recurrence.run_cell(cell, projected, states[k])
            new_states.append(state)
            if config.skip_conn:
                skip_sum += self._dense(getattr(rnn, f"layer_{k}_skip_out"), x)
        return (skip_sum if config.skip_conn else x), tf.stack(new_states)

    def upsampler(self, folds: bool) -> tf.Tensor:
        """Return the lower frame tier's upsampler (stride, dim, dim), with `hidden1` if `folds`."""
        upsample = self.model.frame_rnn.upsample
        if not folds:
            return upsample
        hidden1 = tf.convert_to_tensor(self.model.sample_mlp.hidden1.kernel)
        return tf.matmul(hidden1[tf.newaxis], upsample, transpose_a=True)

    def table(self, folds: bool) -> tf.Tensor:
        """Return what each level at each place adds: (frame_size, q_levels, dim)."""
        mlp, config = self.model.sample_mlp, self.model.config
        table = self._product(mlp.embedding.embeddings, mlp.inputs.kernel)
        if not folds:
            return table
        table = self._product(tf.reshape(table, [-1, config.dim]), mlp.hidden1.kernel)
        return tf.reshape(table, [-1, config.q_levels, config.dim])

    def logits(self, x: tf.Tensor, folds: bool) -> tf.Tensor:
        """Return logits (..., q_levels) from the sum (..., dim) of table and frame tier."""
        mlp, shape = self.model.sample_mlp, x.shape[:-1]
        x = tf.reshape(x, [-1, x.shape[-1]])
        x = tf.nn.bias_add(x, mlp.hidden1.bias) if folds else self._dense(mlp.hidden1, x)
        x = tf.nn.relu(self._dense(mlp.hidden2, tf.nn.relu(x)))
        return tf.reshape(self._dense(mlp.outputs, x), [*shape, -1])

    def _masks(self, num_seqs: int, seed: tf.Tensor | None) -> Sequence[Sequence[tf.Tensor]]:
        """Return the dropout masks of the big frame tier and the lower one, see `Segment`."""
        config, rnn = self.model.config, self.model.frame_rnn.rnn  # both tiers have its shapes
        if seed is None or not config.rnn_dropout:
            return (), ()
        layers = [getattr(rnn, f"layer_{k}") for k in range(config.num_rnn_layers)]
        shapes = [(num_seqs, layer.cell.kernel.shape[0]) for layer in layers]
        return [
            [
                _dropout_mask(shape, config.rnn_dropout, seed + tier + 2 * k)
                for k, shape in enumerate(shapes)
            ]
            for tier in range(2)
        ]


def folding_pays(config: ModelConfig, num_samples: int) -> bool:
    """Return whether `hidden1` costs less per row of table and upsampler than per sample."""
    frame_size = config.frame_sizes[0]
    return num_samples > frame_size * (config.dim + config.q_levels)


def time_major(y: tf.Tensor) -> tf.Tensor:
    """Return frames (F, N, stride, dim) as a sequence (F * stride, N, dim)."""
    _, num_seqs, _, dim = y.shape
    return tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [-1, num_seqs, dim])


def _dropout_mask(shape: Sequence[int], rate: float, seed: tf.Tensor) -> tf.Tensor:
    kept = tf.random.stateless_uniform(shape, seed) >= rate
    return tf.cast(kept, tf.float32) / (1.0 - rate)


def _joined(groups: Sequence[SegmentLoss]) -> SegmentLoss:
    """Return the loss of all rows from that of groups of them, in order."""
    nats, num_correct, states = zip(*groups)
    state = RNNState(*(tf.concat(parts, axis=2) for parts in zip(*states)))
    return SegmentLoss(tf.concat(nats, axis=0), tf.concat(num_correct, axis=0), state)
