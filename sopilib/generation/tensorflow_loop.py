"""The sample loop in TensorFlow, compiled by XLA.

One explicit state holds the last samples, the place of each voice within its frame, the RNN
states and what the tiers above have given for the frame being generated. A tier runs when a
frame begins, so a chunk may end anywhere and chunks together equal one long chunk. XLA compiles
the loop once for each number of voices, with the number of samples as an argument.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sopilib.model.network import RNNState, SampleRNN
from sopilib.model.quiet_tensorflow import tf

# samples that one call of the compiled loop generates at most
BLOCK = 1024
# below this a temperature counts as 0: logits divided by it would overflow
_COLDEST = 1e-6


class NetworkState(NamedTuple):
    """All that the network carries from one sample to the next."""

    history: tf.Tensor  # int32 (num_seqs, big_frame_size), newest sample last
    position: tf.Tensor  # int32 (num_seqs,), samples generated of the current big frame
    rnn: RNNState
    big_conditioning: tf.Tensor  # (num_seqs, frames in a big frame, dim)
    conditioning: tf.Tensor  # (num_seqs, frame_size, dim)


# the axis of the voices in each part of it
VOICE_AXES = NetworkState(0, 0, RNNState(2, 2), 0, 0)


def initial_state(model: SampleRNN, num_seqs: int) -> NetworkState:
    """Return the state after one big frame of silence, with zero RNN states."""
    config = model.config
    frame_size, big_frame_size = config.frame_sizes
    return NetworkState(
        history=tf.fill([num_seqs, big_frame_size], config.q_levels // 2),
        position=tf.zeros([num_seqs], tf.int32),
        rnn=model.zero_state(num_seqs),
        big_conditioning=tf.zeros([num_seqs, big_frame_size // frame_size, config.dim]),
        conditioning=tf.zeros([num_seqs, frame_size, config.dim]),
    )


def sample_levels(logits: tf.Tensor, temperature: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Return levels drawn from softmax(logits / temperature) by inverse transform.

    Args:
      logits: float32 (num_seqs, q_levels).
      temperature: float32 (num_seqs,); 0 gives the most likely level.
      uniform: float32 (num_seqs,), 0 <= u < 1: the level is the first whose
        cumulative probability is above u.

    Returns:
      int32 (num_seqs,).
    """
    is_cold = temperature < _COLDEST
    scale = tf.where(is_cold, 1.0, temperature)[:, tf.newaxis]
    shifted = logits - tf.reduce_max(logits, axis=-1, keepdims=True)
    cumulative = tf.cumsum(tf.exp(shifted / scale), axis=-1)  # (num_seqs, q_levels)
    threshold = uniform[:, tf.newaxis] * cumulative[:, -1:]
    level = tf.reduce_sum(tf.cast(cumulative <= threshold, tf.int32), axis=-1)
    level = tf.minimum(level, logits.shape[-1] - 1)
    return tf.where(is_cold, tf.argmax(logits, axis=-1, output_type=tf.int32), level)


class SampleLoop:
    """Generates levels with one model, in blocks; holds no state.

    Args:
      model: SampleRNN.
      num_seqs: number of voices.
    """

    def __init__(self, model: SampleRNN, num_seqs: int) -> None:
        self._model, self._num_seqs = model, num_seqs
        self._table = model.sample_mlp.convolution_table()
        self._compiled = tf.function(self._generate_block, jit_compile=True, autograph=False)

    def generate(
        self, state: NetworkState, temperature: np.ndarray, uniform: np.ndarray
    ) -> tuple[np.ndarray, NetworkState]:
        """Return the next levels int32 (num_seqs, n) and the state after them.

        Args:
          state: before them.
          temperature: float32 (num_seqs, n), n <= BLOCK.
          uniform: float32 (num_seqs, n), see `sample_levels`.
        """
        num_samples = temperature.shape[1]
        padding = ((0, 0), (0, BLOCK - num_samples))
        with tf.device("CPU:0"):
            levels, state = self._compiled(
                state,
                tf.constant(np.pad(temperature, padding).T, tf.float32),
                tf.constant(np.pad(uniform, padding).T, tf.float32),
                tf.constant(num_samples),
            )
        return levels.numpy()[:num_samples].T, state

    def _generate_block(
        self,
        state: NetworkState,
        temperature: tf.Tensor,
        uniform: tf.Tensor,
        num_samples: tf.Tensor,
    ) -> tuple[tf.Tensor, NetworkState]:
        """Run the hot loop: return levels (BLOCK, num_seqs), the first `num_samples` generated."""

        def step(
            i: tf.Tensor, state: NetworkState, levels: tf.Tensor
        ) -> tuple[tf.Tensor, NetworkState, tf.Tensor]:
            logits, state = self.next_logits(state)
            level = sample_levels(logits, temperature[i], uniform[i])
            history = tf.concat([state.history[:, 1:], level[:, tf.newaxis]], axis=1)
            position = (state.position + 1) % self._model.config.big_frame_size
            state = state._replace(history=history, position=position)
            return i + 1, state, tf.tensor_scatter_nd_update(levels, [[i]], [level])

        levels = tf.zeros([BLOCK, self._num_seqs], tf.int32)
        variables = (tf.constant(0), state, levels)
        _, state, levels = tf.while_loop(lambda i, *_: i < num_samples, step, variables)
        return levels, state

    def next_logits(self, state: NetworkState) -> tuple[tf.Tensor, NetworkState]:
        """Return the logits (num_seqs, q_levels), and the state after the tiers that are due."""
        model = self._model
        frame_size = model.config.frame_sizes[0]
        big_conditioning, big_frame = _where_due(
            state.position == 0,
            lambda: model.big_frame_rnn(state.history, state.rnn.big_frame),
            (state.big_conditioning, state.rnn.big_frame),
        )
        frame_index, place = state.position // frame_size, state.position % frame_size
        last_samples = state.history[:, -frame_size:]
        row = _row_of_each(big_conditioning, frame_index)
        conditioning, frame = _where_due(
            place == 0,
            lambda: model.frame_rnn(last_samples, state.rnn.frame, row),
            (state.conditioning, state.rnn.frame),
        )
        row = _row_of_each(conditioning, place)
        logits = model.sample_mlp(last_samples, row, self._table)[:, 0]
        state = state._replace(
            rnn=RNNState(big_frame, frame),
            big_conditioning=big_conditioning,
            conditioning=conditioning,
        )
        return logits, state


def _where_due(
    is_due: tf.Tensor,
    run: Callable[[], tuple[tf.Tensor, tf.Tensor]],
    old: tuple[tf.Tensor, tf.Tensor],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the conditioning and RNN state that a tier gives the voices whose frame begins.

    Args:
      is_due: bool (num_seqs,).
      run: runs the tier for all voices.
      old: what the other voices keep, (num_seqs, any, dim) and (..., num_seqs, dim).
    """

    def run_and_choose() -> tuple[tf.Tensor, tf.Tensor]:
        conditioning, rnn = run()
        return (
            tf.where(is_due[:, tf.newaxis, tf.newaxis], conditioning, old[0]),
            tf.where(is_due[:, tf.newaxis], rnn, old[1]),
        )

    chosen: tuple[tf.Tensor, tf.Tensor]
    chosen = tf.cond(tf.reduce_any(is_due), run_and_choose, lambda: old)
    return chosen


def _row_of_each(values: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Return row `index` (num_seqs,) of each voice's `values`, (num_seqs, 1, dim)."""
    return tf.gather(values, index, axis=1, batch_dims=1)[:, tf.newaxis]
