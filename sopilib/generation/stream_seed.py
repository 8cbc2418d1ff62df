"""SeedListener: prime voices of a stream with a seed, piece by piece, while they play on."""

from collections.abc import Iterable

import numpy as np

from sopilib.generation.request_checks import checked_rate, prepared_seed
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.stream_voices import StreamVoices
from sopilib.limits import STREAM_SEED_S
from sopilib.model.generator_state import SavedState

_PIECE_S = 0.02  # of a seed at a time: some milliseconds of work


def end_of_seed(audio: np.ndarray, seed_rate: int | None, rate: int) -> np.ndarray:
    """Return the last `STREAM_SEED_S` of seed audio as `prepared_seed` does.

    Args:
      audio: float32 (n,) or (n, channels).
      seed_rate: of `audio`, in Hz, default `rate`.
      rate: of the model, in Hz.

    Raises:
      RequestError, AudioError: as `prepared_seed`.
    """
    seed_rate = checked_rate("seed", rate if seed_rate is None else seed_rate)
    return prepared_seed(audio[-round(STREAM_SEED_S * seed_rate) :], seed_rate, rate)


class SeedListener:
    """Primes a second state of the generator with a seed; the stream jumps to it at the end.

    Args:
      generator: SampleGenerator.
      voices: of the stream.
    """

    def __init__(self, generator: SampleGenerator, voices: StreamVoices) -> None:
        self._generator, self._voices = generator, voices
        self._seed: np.ndarray | None = None  # None while it does not listen
        self._num_primed = 0
        self._state: SavedState | None = None  # after the primed part of the seed
        self._listening: frozenset[int] = frozenset()  # the voices that will jump

    @property
    def is_listening(self) -> bool:
        """Whether a part of a seed is still to be primed."""
        return self._seed is not None

    @property
    def listening(self) -> frozenset[int]:
        """The voices that will continue from the seed."""
        return self._listening

    def begin(self, seed: np.ndarray, voices: Iterable[int]) -> None:
        """Listen to `seed`, float32 (n,) at the model's rate, in place of any earlier one."""
        self._seed, self._num_primed = seed, 0
        self._state = self._generator.save_state()
        self._listening = frozenset(voices)

    def cancel(self, voices: Iterable[int]) -> None:
        """Let these voices, which continue from elsewhere, listen no further."""
        self._listening -= frozenset(voices)
        if not self._listening:
            self._seed = self._state = None

    def listen(self) -> None:
        """Prime with the next piece of the seed; after the last piece the voices jump."""
        assert self._seed is not None
        assert self._state is not None
        generator, begin = self._generator, self._num_primed
        self._num_primed += round(_PIECE_S * generator.config.sample_rate)
        playing = generator.save_state()
        generator.restore_state(self._state, random=False)
        generator.prime(self._seed[begin : self._num_primed])
        self._state = generator.save_state()
        generator.restore_state(playing, random=False)
        if self._num_primed >= len(self._seed):
            self._jump(self._seed, self._state)
            self.cancel(self._listening)

    def _jump(self, seed: np.ndarray, state: SavedState) -> None:
        generator = self._generator
        if len(self._listening) < generator.num_seqs:
            self._voices.jump_apart({voice: (state, voice) for voice in self._listening})
            return
        self._voices.jump(state)
        generator.handover.append(np.tile(seed, (generator.num_seqs, 1)))
