"""The TensorFlow generator: slow, and the reference for every faster one."""

import numpy as np

from sopilib.errors import RequestError
from sopilib.generation.tensorflow_loop import BLOCK, VOICE_AXES, SampleLoop, initial_state
from sopilib.generation.tensorflow_primer import Primer
from sopilib.model.generator_state import Handover, SavedState, VoiceRandom, map_network
from sopilib.model.network import SampleRNN
from sopilib.model.quiet_tensorflow import tf
from sopilib.model.sample_codec import SampleCodec


class Generator:
    """A `sopilib.generation.sample_generator.SampleGenerator` on TensorFlow.

    Making one compiles the loop over samples, about a second. Not thread-safe.

    Args:
      model: SampleRNN.
      num_seqs: number of voices, at least 1.

    Attributes:
      config, num_seqs: as above.
      handover: the sound that a take leaves for the one that resumes it.

    Raises:
      RequestError: num_seqs is below 1.
    """

    engine = "tensorflow"
    precision = "float32"
    threads = 1  # TensorFlow chooses its own
    voice_axes = VOICE_AXES

    def __init__(self, model: SampleRNN, num_seqs: int) -> None:
        if num_seqs < 1:
            raise RequestError(f"{num_seqs} voices (give 1 or more)")
        self.config, self.num_seqs = model.config, num_seqs
        self._model = model
        self._codec = SampleCodec(self.config, num_seqs)
        self._random = VoiceRandom(num_seqs, noise_shaping=self.config.noise_shaping)
        self.handover = Handover(num_seqs)
        self._loop = SampleLoop(model, num_seqs)
        self._primer = Primer(model, num_seqs)
        self._state = initial_state(model, num_seqs)
        self._generate_levels(np.zeros((num_seqs, 0)), np.zeros((num_seqs, 0)))  # compiles

    @property
    def rng_seed(self) -> int:
        """The random seed in use."""
        return self._random.rng_seed

    def limit_threads(self, threads: int) -> None:
        """Do nothing: TensorFlow chooses its own threads."""

    def reset(self, rng_seed: int) -> None:
        """Start over: one big frame of silence, zero RNN state, fresh random numbers.

        Args:
          rng_seed: int >= 0, see VoiceRandom.
        """
        self._random.reseed(rng_seed)
        self._state = initial_state(self._model, self.num_seqs)
        self._codec.reset()
        self.handover.clear()

    def reseed(self, rng_seed: int) -> None:
        """Continue with the random numbers that `reset` would start with; int >= 0."""
        self._random.reseed(rng_seed)

    def save_state(self) -> SavedState:
        """Return where the generator stands, for `restore_state`."""
        handover, newest = self.handover.save(), self._codec.save()
        return SavedState(self._random.save(), self._state, handover, newest)

    def restore_state(self, state: SavedState, random: bool = True) -> None:
        """Continue from where `save_state` was called.

        Args:
          state: what it returned.
          random: whether to restore the random numbers, too.
        """
        network = map_network(tf.convert_to_tensor, state.network)
        position = tf.broadcast_to(network.position, [self.num_seqs])  # older ones have one
        self._state = network._replace(position=position)
        self.handover.restore(state.handover)
        self._codec.restore(state.newest)
        if random:
            self._random.restore(state.random)

    def next_logits(self) -> np.ndarray:
        """Return the logits float32 (num_seqs, q_levels) of the next sample; nothing advances."""
        logits: np.ndarray = self._loop.next_logits(self._state)[0].numpy()
        return logits

    def generate(self, temperature: np.ndarray) -> np.ndarray:
        """Generate the next samples, as audio.

        Args:
          temperature: float32 (num_seqs, n), finite, >= 0, one for each sample.

        Returns:
          float32 (num_seqs, n), -1 <= x <= 1, at the model's rate.
        """
        num_samples = temperature.shape[1]
        temperature = temperature * self.config.temperature
        uniform = self._random.uniform(num_samples)
        blocks = [np.zeros((self.num_seqs, 0), np.int32)]
        for begin in range(0, num_samples, BLOCK):
            block = slice(begin, begin + BLOCK)
            blocks.append(self._generate_levels(temperature[:, block], uniform[:, block]))
        return self._codec.played(np.concatenate(blocks, axis=1))

    def _generate_levels(self, temperature: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Return levels int32 (num_seqs, n), n <= BLOCK; the state advances."""
        levels, self._state = self._loop.generate(self._state, temperature, uniform)
        return levels

    def reseed_voice(self, voice: int, rng_seed: int) -> None:
        """Continue with the random numbers that this voice would have alone, 0 <= voice."""
        self._random.reseed_voice(voice, rng_seed)

    def positions(self, state: SavedState) -> np.ndarray:
        """Return where each voice of a saved state is in its big frame, int (num_seqs,)."""
        return np.broadcast_to(state.network.position, [self.num_seqs])

    def prime(self, audio: np.ndarray) -> None:
        """Continue as if `audio` had been generated.

        Args:
          audio: float32 (n,) for all voices or (num_seqs, n), any n, at the
            model's rate. Afterwards the next sample has the distribution that
            teacher forcing gives after it.
        """
        self._state = self._primer.prime(self._state, self._codec.encode(audio))
