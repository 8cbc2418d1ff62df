"""Primer: carry the network's state over given samples, many frames at a time.

Only the frame tiers run, as nothing of the sample tier is carried on.
"""

from collections.abc import Callable

import numpy as np

from sopilib.generation.tensorflow_loop import VOICE_AXES, NetworkState
from sopilib.model.generator_state import map_network, network_of_voices
from sopilib.model.network import FrameRNN, RNNState, SampleRNN
from sopilib.model.quiet_tensorflow import tf

# big frames that one call primes at most
_PRIME_FRAMES = 512


class Primer:
    """Primes with one model; holds no state.

    Args:
      model: SampleRNN.
      num_seqs: number of voices.
    """

    def __init__(self, model: SampleRNN, num_seqs: int) -> None:
        self._config, self._num_seqs = model.config, num_seqs
        self._rnn_shape = model.zero_state(num_seqs).frame.shape
        self._run_big_frames = self._traced(model.big_frame_rnn)
        self._run_frames = self._traced(model.frame_rnn, is_conditioned=True)

    def _traced(
        self, tier: FrameRNN, is_conditioned: bool = False
    ) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
        """Return `tier` as a graph for any number of frames."""
        signature = [
            tf.TensorSpec([self._num_seqs, None], tf.int32),
            tf.TensorSpec(self._rnn_shape),
        ]
        if is_conditioned:
            signature.append(tf.TensorSpec([self._num_seqs, None, self._config.dim]))
        graph: Callable[..., tuple[tf.Tensor, tf.Tensor]]
        graph = tf.function(tier, autograph=False).get_concrete_function(*signature)
        return graph

    def prime(self, state: NetworkState, levels: np.ndarray) -> NetworkState:
        """Return the state after `levels`, int32 (num_seqs, any)."""
        positions = np.broadcast_to(state.position, [self._num_seqs])
        primed = {int(p): self._prime_all(state, int(p), levels) for p in np.unique(positions)}
        if len(primed) == 1:
            return next(iter(primed.values()))
        rows = [(primed[int(position)], voice) for voice, position in enumerate(positions)]
        merged = network_of_voices(rows, VOICE_AXES)
        tensors: NetworkState = map_network(tf.convert_to_tensor, merged)
        return tensors

    def _prime_all(self, state: NetworkState, position: int, levels: np.ndarray) -> NetworkState:
        """Return the state after `levels` of voices that all stand at `position`."""
        while levels.shape[1]:
            num_samples = self._block_size(position, levels.shape[1])
            state = self._prime_block(state, position, levels[:, :num_samples])
            levels = levels[:, num_samples:]
            position = (position + num_samples) % self._config.big_frame_size
        return state._replace(position=tf.fill([self._num_seqs], position))

    def _block_size(self, position: int, num_samples: int) -> int:
        """Return how many samples to prime at once.

        From the beginning of a big frame take whole big frames together, else what
        completes the current one.
        """
        big_frame_size: int = self._config.big_frame_size
        if position == 0 and num_samples >= big_frame_size:
            return min(num_samples // big_frame_size, _PRIME_FRAMES) * big_frame_size
        return min(num_samples, big_frame_size - position)

    def _prime_block(self, state: NetworkState, position: int, levels: np.ndarray) -> NetworkState:
        """Return the state after a block of levels."""
        frame_size, big_frame_size = self._config.frame_sizes
        num_samples = levels.shape[1]
        # the current big frame begins at place big_frame_size - position
        stream = np.concatenate([state.history, levels], axis=1)
        big_conditioning, big_frame = self._prime_big_frames(state, position, stream, num_samples)
        conditioning, frame = self._prime_frames(
            state, position, stream, num_samples, big_conditioning
        )
        return NetworkState(
            history=tf.constant(stream[:, -big_frame_size:]),
            position=state.position,
            rnn=RNNState(big_frame, frame),
            big_conditioning=big_conditioning[:, -(big_frame_size // frame_size) :],
            conditioning=conditioning[:, -frame_size:],
        )

    def _prime_big_frames(
        self, state: NetworkState, position: int, stream: np.ndarray, num_samples: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the conditioning from the big frames that begin in a block, and their state."""
        if position:
            return state.big_conditioning, state.rnn.big_frame
        big_frame_size = self._config.big_frame_size
        num_big_frames = -(-num_samples // big_frame_size)
        inputs = tf.constant(stream[:, : num_big_frames * big_frame_size])
        return self._run_big_frames(inputs, state.rnn.big_frame)

    def _prime_frames(
        self,
        state: NetworkState,
        position: int,
        stream: np.ndarray,
        num_samples: int,
        big_conditioning: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the conditioning from the frames that begin in a block, and their state."""
        frame_size, big_frame_size = self._config.frame_sizes
        # counted from the beginning of the current big frame
        first = -(-position // frame_size)
        last = -(-(position + num_samples) // frame_size)
        if first == last:
            return state.conditioning, state.rnn.frame
        before = big_frame_size - position - frame_size
        inputs = stream[:, before + first * frame_size : before + last * frame_size]
        conditioning = big_conditioning[:, first:last]
        return self._run_frames(tf.constant(inputs), state.rnn.frame, conditioning)
