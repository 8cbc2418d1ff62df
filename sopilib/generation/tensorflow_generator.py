"""The TensorFlow generator: a model and its streaming state.

One explicit state holds the last samples, the place within the frame, the RNN
states and what the tiers above have given for the frame being made. A tier runs
when its frame begins, so a chunk may end anywhere and chunks together equal one
long chunk. The loop over samples is compiled by XLA once for each number of
voices, with the number of samples as an argument.
"""

from typing import NamedTuple

import numpy as np

from sopilib.errors import RequestError
from sopilib.model.network import RNNState
from sopilib.model.quantize import dequantize, quantize
from sopilib.model.quiet_tensorflow import tf

# samples that one call of the compiled loop makes at most
_BLOCK = 1024
# big frames that one call primes at most
_PRIME_FRAMES = 512
# below this a temperature counts as 0: logits divided by it would overflow
_COLDEST = 1e-6


class GeneratorState(NamedTuple):
    """All that generation carries from one sample to the next."""

    history: tf.Tensor  # int32 (num_seqs, big_frame_size), newest sample last
    position: tf.Tensor  # int32 (), samples made of the current big frame
    rnn: RNNState
    big_conditioning: tf.Tensor  # (num_seqs, frames in a big frame, dim)
    conditioning: tf.Tensor  # (num_seqs, frame_size, dim)


def sample_levels(logits, temperature, uniform):
    """Levels drawn from softmax(logits / temperature) by inverse transform.

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


class Generator:
    """Generates `num_seqs` voices with one model; holds their state.

    Making one compiles the loop over samples, about a second. Not thread-safe.

    Args:
      model: SampleRNN.
      num_seqs: number of voices, 1 or more.

    Raises:
      RequestError: num_seqs is below 1.
    """

    engine = "tensorflow"
    precision = "float32"
    threads = 1  # TensorFlow's own are not ours to choose

    def limit_threads(self, threads):
        """As the native engine's; here there is nothing to limit."""

    def __init__(self, model, num_seqs):
        if num_seqs < 1:
            raise RequestError(f"{num_seqs} voices (give 1 or more)")
        self.config, self.num_seqs = model.config, num_seqs
        self._model = model
        self._table = model.sample_mlp.convolution_table()
        q_levels = self.config.q_levels
        self._audio_of_level = dequantize(np.arange(q_levels), self.config.q_type, q_levels)
        self._loop = tf.function(self._generate_block, jit_compile=True)
        self.reset(rng_seed=0)
        self._run_big_frames = self._traced(model.big_frame_rnn)
        self._run_frames = self._traced(model.frame_rnn, is_conditioned=True)
        self._call_loop(np.zeros((num_seqs, 0)), np.zeros((num_seqs, 0)))

    def _traced(self, tier, is_conditioned=False):
        """`tier` as a graph for any number of frames."""
        signature = [
            tf.TensorSpec([self.num_seqs, None], tf.int32),
            tf.TensorSpec(self._state.rnn.frame.shape),
        ]
        if is_conditioned:
            signature.append(tf.TensorSpec([self.num_seqs, None, self.config.dim]))
        return tf.function(tier).get_concrete_function(*signature)

    def reset(self, rng_seed):
        """Start anew: one big frame of silence, zero RNN state, fresh random generators.

        Args:
          rng_seed: int >= 0. Voice v draws one float32 uniform a sample from
            `np.random.default_rng([rng_seed, v])`, so its random numbers depend
            neither on the number of voices nor on the chunks.
        """
        self.reseed(rng_seed)
        frame_size, big_frame_size = self.config.frame_sizes
        num_seqs, dim = self.num_seqs, self.config.dim
        self._state = GeneratorState(
            history=tf.fill([num_seqs, big_frame_size], self.config.q_levels // 2),
            position=tf.constant(0),
            rnn=self._model.zero_state(num_seqs),
            big_conditioning=tf.zeros([num_seqs, big_frame_size // frame_size, dim]),
            conditioning=tf.zeros([num_seqs, frame_size, dim]),
        )
        # what a take that goes on from here needs to know, see Take
        self.played = np.zeros((num_seqs, 0), np.float32)
        self.unplayed = np.zeros((num_seqs, 0), np.float32)

    def reseed(self, rng_seed):
        """Go on with the random numbers that `reset` would start with; int >= 0."""
        self.rng_seed = rng_seed
        self._rngs = [np.random.default_rng([rng_seed, v]) for v in range(self.num_seqs)]

    def save_state(self):
        """All that generation carries on, for `restore_state`."""
        bit_states = [rng.bit_generator.state for rng in self._rngs]
        return self.rng_seed, bit_states, self._state, self.played, self.unplayed

    def restore_state(self, state, random=True):
        """Go on from where `save_state` was called.

        Args:
          state: what it returned.
          random: whether the random numbers shall be those of then, too.
        """
        rng_seed, bit_states, self._state, self.played, self.unplayed = state
        if random:
            self.rng_seed = rng_seed
            for rng, saved in zip(self._rngs, bit_states):
                rng.bit_generator.state = saved

    def next_logits(self):
        """Logits float32 (num_seqs, q_levels) of the next sample; nothing advances."""
        return self._next_logits(self._state)[0].numpy()

    def generate(self, temperature):
        """The next samples, as audio.

        Args:
          temperature: float32 (num_seqs, n), finite, >= 0, one for each sample.

        Returns:
          float32 (num_seqs, n), -1 <= x <= 1, at the model's rate.
        """
        num_samples = temperature.shape[1]
        uniform = [rng.random(num_samples, dtype=np.float32) for rng in self._rngs]
        uniform = np.stack(uniform)
        blocks = [np.zeros((self.num_seqs, 0), np.int32)]
        for begin in range(0, num_samples, _BLOCK):
            block = slice(begin, begin + _BLOCK)
            blocks.append(self._call_loop(temperature[:, block], uniform[:, block]))
        return self._audio_of_level[np.concatenate(blocks, axis=1)]

    def prime(self, audio):
        """Go on as if `audio` had been generated.

        Args:
          audio: float32 (n,) for all voices or (num_seqs, n), any n, at the
            model's rate. Afterwards the next sample has the distribution that
            teacher forcing gives after it.
        """
        levels = quantize(audio, self.config.q_type, self.config.q_levels)
        if levels.ndim == 1:
            levels = np.tile(levels, (self.num_seqs, 1))
        while levels.shape[1]:
            levels = levels[:, self._prime_block(levels) :]

    def _prime_block(self, levels):
        """Absorb some of `levels` (num_seqs, n); returns how many samples.

        From the beginning of a big frame whole big frames are taken together,
        else what completes the current one. Only the frame tiers run, as nothing
        of the sample tier is carried on.
        """
        frame_size, big_frame_size = self.config.frame_sizes
        position, num_samples = int(self._state.position), levels.shape[1]
        if position == 0 and num_samples >= big_frame_size:
            num_big_frames = min(num_samples // big_frame_size, _PRIME_FRAMES)
            num_samples = num_big_frames * big_frame_size
        else:
            num_samples = min(num_samples, big_frame_size - position)
        # the current big frame begins at place big_frame_size - position
        stream = np.concatenate([self._state.history, levels[:, :num_samples]], axis=1)
        big_conditioning, big_frame = self._prime_big_frames(stream, position, num_samples)
        conditioning, frame = self._prime_frames(stream, position, num_samples, big_conditioning)
        self._state = GeneratorState(
            history=tf.constant(stream[:, -big_frame_size:]),
            position=tf.constant((position + num_samples) % big_frame_size),
            rnn=RNNState(big_frame, frame),
            big_conditioning=big_conditioning[:, -(big_frame_size // frame_size) :],
            conditioning=conditioning[:, -frame_size:],
        )
        return num_samples

    def _prime_big_frames(self, stream, position, num_samples):
        """Conditioning from the big frames that begin within a block, and the state."""
        if position:
            return self._state.big_conditioning, self._state.rnn.big_frame
        big_frame_size = self.config.big_frame_size
        num_big_frames = -(-num_samples // big_frame_size)
        inputs = tf.constant(stream[:, : num_big_frames * big_frame_size])
        return self._run_big_frames(inputs, self._state.rnn.big_frame)

    def _prime_frames(self, stream, position, num_samples, big_conditioning):
        """Conditioning from the frames that begin within a block, and the state."""
        frame_size, big_frame_size = self.config.frame_sizes
        # counted from the beginning of the current big frame
        first = -(-position // frame_size)
        last = -(-(position + num_samples) // frame_size)
        if first == last:
            return self._state.conditioning, self._state.rnn.frame
        before = big_frame_size - position - frame_size
        inputs = stream[:, before + first * frame_size : before + last * frame_size]
        return self._run_frames(
            tf.constant(inputs), self._state.rnn.frame, big_conditioning[:, first:last]
        )

    def _call_loop(self, temperature, uniform):
        """Levels int32 (num_seqs, n), n <= _BLOCK; the state advances."""
        num_samples = temperature.shape[1]
        padding = ((0, 0), (0, _BLOCK - num_samples))
        with tf.device("CPU:0"):
            levels, self._state = self._loop(
                self._state,
                tf.constant(np.pad(temperature, padding).T, tf.float32),
                tf.constant(np.pad(uniform, padding).T, tf.float32),
                tf.constant(num_samples),
            )
        return levels.numpy()[:num_samples].T

    def _generate_block(self, state, temperature, uniform, num_samples):
        """The hot loop: levels (_BLOCK, num_seqs), the first `num_samples` made."""

        def step(i, state, levels):
            logits, state = self._next_logits(state)
            level = sample_levels(logits, temperature[i], uniform[i])
            history = tf.concat([state.history[:, 1:], level[:, tf.newaxis]], axis=1)
            position = (state.position + 1) % self.config.big_frame_size
            state = state._replace(history=history, position=position)
            return i + 1, state, tf.tensor_scatter_nd_update(levels, [[i]], [level])

        levels = tf.zeros([_BLOCK, self.num_seqs], tf.int32)
        variables = (tf.constant(0), state, levels)
        _, state, levels = tf.while_loop(lambda i, *_: i < num_samples, step, variables)
        return levels, state

    def _next_logits(self, state):
        """Logits (num_seqs, q_levels), and the state with the tiers run that are due."""
        frame_size = self.config.frame_sizes[0]
        model = self._model
        big_conditioning, big_frame = tf.cond(
            state.position == 0,
            lambda: model.big_frame_rnn(state.history, state.rnn.big_frame),
            lambda: (state.big_conditioning, state.rnn.big_frame),
        )
        frame_index, place = state.position // frame_size, state.position % frame_size
        last_samples = state.history[:, -frame_size:]
        row = big_conditioning[:, frame_index][:, tf.newaxis]
        conditioning, frame = tf.cond(
            place == 0,
            lambda: model.frame_rnn(last_samples, state.rnn.frame, row),
            lambda: (state.conditioning, state.rnn.frame),
        )
        row = conditioning[:, place][:, tf.newaxis]
        logits = model.sample_mlp(last_samples, row, self._table)[:, 0]
        state = state._replace(
            rnn=RNNState(big_frame, frame),
            big_conditioning=big_conditioning,
            conditioning=conditioning,
        )
        return logits, state
