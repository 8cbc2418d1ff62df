"""EngineGenerator: a `sopilib.generation.sample_generator.SampleGenerator` on native kernels.

The sample loop runs in C++ without the GIL on a fixed team of threads. The random numbers
come from numpy, so that a take uses the same ones in every engine. Without the kernels this
module can be imported, but no EngineGenerator can be created.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from sopilib.engine import is_built
from sopilib.engine.pack import PackedModel
from sopilib.engine.thread_count import default_threads, most_threads
from sopilib.engine.thread_team import ThreadTeam
from sopilib.errors import CheckpointError, RequestError
from sopilib.model.config import ModelConfig
from sopilib.model.generator_state import Handover, SavedState, VoiceRandom
from sopilib.model.sample_codec import SampleCodec

if is_built():  # without the kernels the import works, creating an EngineGenerator does not
    from sopilib.engine import native


_Piece = TypeVar("_Piece")

# of a sample, in the order in which they run; the meetings are the waits of the threads for each
# other in all of them
PARTS = ("frame tiers", "upsample", "hidden1", "hidden2", "outputs", "draw", "meetings")


class ScoredSamples(NamedTuple):
    """Samples and what the model thinks of them, each (num_seqs, n).

    Attributes:
      audio: float32, -1 <= x <= 1, at the model's rate.
      levels: int32, 0 <= level < q_levels.
      bits: float32, -log2 of the probability of each level under the model as trained.
    """

    audio: np.ndarray
    levels: np.ndarray
    bits: np.ndarray


class EngineGenerator:
    """A generator of `num_seqs` voices with a packed model; holds their state.

    Not thread-safe. Its threads sleep between takes and end with it.

    Args:
      config: ModelConfig.
      packed: PackedModel of the same model.
      num_seqs: number of voices, at least 1.
      threads: size of the team, 1 to `most_threads()`; default `default_threads()`.
      isa: name of the kernels, one of `native.instruction_sets()`; default the fastest.

    Attributes:
      config, num_seqs, threads: as above.
      precision: of the weights, one of `pack.RECIPES`.
      isa: name of the kernels in use.
      handover: the sound that a take leaves for the take that resumes it.
      voice_axes: which axes of a saved network count the voices.

    Raises:
      RequestError: num_seqs or threads is out of range, the system refuses so many threads, or
        this processor lacks `isa`.
      CheckpointError: the weights hold NaN, or are none that the kernels can play.
    """

    voice_axes = (0, 0)

    def __init__(
        self,
        config: ModelConfig,
        packed: PackedModel,
        num_seqs: int,
        threads: int | None = None,
        isa: str = "",
    ) -> None:
        if num_seqs < 1:
            raise RequestError(f"{num_seqs} voices (give 1 or more)")
        self.threads = default_threads() if threads is None else threads
        if not 1 <= self.threads <= most_threads():
            raise RequestError(f"{threads} threads (give 1 to {most_threads()})")
        if isa and isa not in native.instruction_sets():
            known = ", ".join(native.instruction_sets())
            raise RequestError(f"no kernels {isa} for this processor (choose from {known})")
        self.config, self.num_seqs = config, num_seqs
        self.precision = packed.precision
        try:
            engine = native.Engine(packed.settings, packed.arrays, num_seqs, self.threads, isa)
        except ValueError as error:
            raise CheckpointError(
                f"the kernels cannot play these weights: {error} (choose another precision, or "
                "take an earlier checkpoint)"
            ) from error
        except MemoryError as error:
            raise RequestError(
                f"{num_seqs} voices of this model need more memory than there is (give fewer)"
            ) from error
        except RuntimeError as error:  # a thread cannot be started
            raise RequestError(
                f"{self.threads} threads: the system refuses (give fewer)"
            ) from error
        self._engine = engine
        self.isa = self._engine.isa
        self._team = ThreadTeam(self._engine.use_threads, self.threads, config.frame_sizes[-1])
        self._codec = SampleCodec(config, num_seqs)
        self._random = VoiceRandom(num_seqs, noise_shaping=config.noise_shaping)
        self.handover = Handover(num_seqs)
        self._engine.reset()
        self._team.measure(self._rehearse)

    @property
    def engine(self) -> str:
        """The name of the engine: native code and its instruction set."""
        return f"native-{self.isa}"

    @property
    def rng_seed(self) -> int:
        """The random seed in use."""
        return self._random.rng_seed

    def reset(self, rng_seed: int) -> None:
        """Start over: one big frame of silence, zero RNN state, fresh random numbers.

        Args:
          rng_seed: int >= 0, see VoiceRandom.
        """
        self._random.reseed(rng_seed)
        self._engine.reset()
        self._codec.reset()
        self.handover.clear()

    def reseed(self, rng_seed: int) -> None:
        """Continue with the random numbers that `reset` would start with; int >= 0."""
        self._random.reseed(rng_seed)

    def reseed_voice(self, voice: int, rng_seed: int) -> None:
        """Continue with the random numbers that this voice would have alone, 0 <= voice."""
        self._random.reseed_voice(voice, rng_seed)

    def prime(self, audio: np.ndarray) -> None:
        """Continue as if `audio` had been generated.

        Args:
          audio: float32 (n,) for all voices or (num_seqs, n), any n, at the model's rate.
        """
        self._engine.prime(self._codec.encode(audio))

    def generate(self, temperature: np.ndarray) -> np.ndarray:
        """Generate the next samples, as audio.

        Args:
          temperature: float32 (num_seqs, n), finite, >= 0, one for each sample; 0 gives
            the most likely level.

        Returns:
          float32 (num_seqs, n), -1 <= x <= 1, at the model's rate.
        """
        pieces = self._pieces(temperature, self._engine.generate)
        return self._codec.played(np.concatenate(pieces, axis=1))

    def generate_scored(self, temperature: np.ndarray) -> ScoredSamples:
        """Generate the next samples as `generate` does, with their levels and cost in bits.

        It takes a little longer; the samples are the same.
        """
        pieces = self._pieces(temperature, self._engine.generate_scored)
        levels, bits = (np.concatenate(parts, axis=1) for parts in zip(*pieces))
        return ScoredSamples(self._codec.played(levels), levels, bits)

    def _pieces(
        self, temperature: np.ndarray, draw: Callable[[np.ndarray, np.ndarray], _Piece]
    ) -> list[_Piece]:
        """Return what `draw` makes of each piece of the team's work, with fresh random numbers."""
        num_samples = temperature.shape[1]
        temperature = temperature * self.config.temperature
        uniform = self._random.uniform(num_samples)
        pieces = []

        def draw_piece(begin: int, end: int) -> None:
            pieces.append(draw(temperature[:, begin:end], uniform[:, begin:end]))

        self._team.work(num_samples, draw_piece)
        return pieces

    def profile(self, num_samples: int) -> tuple[dict[str, float], float]:
        """Advance, and return where the time of a sample goes.

        Args:
          num_samples: at least 1, at temperature 1.

        Returns:
          From each of PARTS to its microseconds per sample, the mean over the threads, and the
          sum. The sum includes the clock itself, some 10 ns for each part.
        """
        shape = (self.num_seqs, num_samples)
        uniform = self._random.uniform(num_samples)
        began = time.perf_counter()
        ticks = self._engine.profile(np.ones(shape, np.float32), uniform).mean(axis=0)
        sample_us = (time.perf_counter() - began) / num_samples * 1e6
        parts = ticks / ticks.sum() * sample_us
        return dict(zip(PARTS, parts.tolist())), sample_us

    def limit_threads(self, threads: int) -> None:
        """Use at most this many threads from now on, 1 to `self.threads`.

        The samples are the same.
        """
        self._team.limit(threads)

    def _rehearse(self, begin: int, end: int) -> None:
        """Generate this many samples and discard them."""
        silence = np.zeros((self.num_seqs, end - begin), np.float32)
        self._engine.generate(silence, silence)
        self._engine.reset()

    def next_logits(self) -> np.ndarray:
        """Return the logits float32 (num_seqs, q_levels) of the next sample without advancing."""
        return self._engine.next_logits()

    def layer_outputs(self) -> list[np.ndarray]:
        """Return the newest outputs of the recurrent layers.

        Returns:
          For each tier, the lowest first, float32 (num_seqs, num_rnn_layers, dim).
        """
        dim = self.config.dim
        return [outputs[..., :dim] for outputs in self._engine.layer_outputs()]

    def read_weights(self, num_samples: int) -> None:
        """Read all weights that this many samples read, and compute nothing."""
        self._engine.read_weights(num_samples)

    def bits(self, levels: np.ndarray) -> np.ndarray:
        """Continue as if `levels` had been generated, and return their cost in bits.

        Args:
          levels: int32 (num_seqs, n), 0 <= level < q_levels.

        Returns:
          float32 (num_seqs, n), -log2 of the probability of each.
        """
        return self._engine.score(levels)

    def save_state(self) -> SavedState:
        """Return the state of the generator, for `restore_state`."""
        network = self._engine.save_state()
        return SavedState(self._random.save(), network, self.handover.save(), self._codec.save())

    def restore_state(self, state: SavedState, random: bool = True) -> None:
        """Continue from where `save_state` was called.

        Args:
          state: the return value of `save_state`.
          random: whether to restore the random numbers, too.

        Raises:
          RequestError: the state belongs to another model or number of voices.
        """
        try:
            self._engine.restore_state(*state.network)
        except ValueError as error:
            raise RequestError(f"{error} (restore it where it was saved)") from error
        self.handover.restore(state.handover)
        self._codec.restore(state.newest)
        if random:
            self._random.restore(state.random)

    def positions(self, state: SavedState) -> np.ndarray:
        """Return where each voice of a saved state is in its big frame, int (num_seqs,)."""
        positions: np.ndarray = state.network[1][:, 0]
        return positions
