"""SeedListener: prime voices of a stream with a seed, piece by piece, while they play on."""

from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass
class _Primed:
    """A seed that voices will continue from, and how far a state is primed with it."""

    seed: np.ndarray  # float32 (n,) at the model's rate
    voices: frozenset[int]
    state: SavedState  # after the primed part of the seed
    num_primed: int = 0


class SeedListener:
    """Primes other states of the generator with seeds; voices jump to each at its end.

    Several seeds, each for voices of its own, are listened to one after the other.

    Args:
      generator: SampleGenerator.
      voices: of the stream.
    """

    def __init__(self, generator: SampleGenerator, voices: StreamVoices) -> None:
        self._generator, self._voices = generator, voices
        self._seeds: list[_Primed] = []

    @property
    def is_listening(self) -> bool:
        """Whether a part of a seed is still to be primed."""
        return bool(self._seeds)

    def begin(self, seed: np.ndarray, voices: Iterable[int]) -> None:
        """Listen to `seed`, float32 (n,) at the model's rate, in place of earlier ones.

        Args:
          seed: see there.
          voices: that will continue from it; others still continue from theirs.
        """
        voices = frozenset(voices)
        self.cancel(voices)
        self._seeds.append(_Primed(seed, voices, self._generator.save_state()))

    def cancel(self, voices: Iterable[int]) -> None:
        """Let these voices, which continue from elsewhere, listen no further."""
        gone = frozenset(voices)
        for primed in self._seeds:
            primed.voices -= gone
        self._seeds = [primed for primed in self._seeds if primed.voices]

    def listen(self) -> frozenset[int]:
        """Prime with the next piece of a seed; return the voices that jump, none before its end."""
        generator, primed = self._generator, self._seeds[0]
        begin = primed.num_primed
        primed.num_primed += round(_PIECE_S * generator.config.sample_rate)
        playing = generator.save_state()
        generator.restore_state(primed.state, random=False)
        generator.prime(primed.seed[begin : primed.num_primed])
        primed.state = generator.save_state()
        generator.restore_state(playing, random=False)
        if primed.num_primed < len(primed.seed):
            return frozenset()
        del self._seeds[0]
        self._jump(primed)
        return primed.voices

    def _jump(self, primed: _Primed) -> None:
        generator = self._generator
        if len(primed.voices) < generator.num_seqs:
            self._voices.jump_apart({voice: (primed.state, voice) for voice in primed.voices})
            return
        self._voices.jump(primed.state)
        generator.handover.append(np.tile(primed.seed, (generator.num_seqs, 1)))
