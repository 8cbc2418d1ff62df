"""SampleGenerator: the interface that takes and streams need of a generator of samples.

`sopilib.engine.engine.EngineGenerator` and
`sopilib.generation.tensorflow_generator.Generator` implement it; mypy checks both where
`make_generator` returns them. Random numbers, and so the samples, are the same in each.
"""

from typing import Any, Protocol

import numpy as np

from sopilib.model.config import ModelConfig
from sopilib.model.generator_state import Handover, SavedState


class SampleGenerator(Protocol):
    """Generates `num_seqs` voices of one model and holds their state. Not thread-safe.

    Attributes:
      config: of the model.
      num_seqs: number of voices.
      handover: the sound that a take leaves for the one that resumes it. Takes and streams
        fill it; `reset` clears it and a saved state includes it.
      threads: largest thread count.
      precision: of the weights, 'float32', 'int8' or 'int4'.
      voice_axes: which axes of a saved network count the voices, nested as it is.
    """

    config: ModelConfig
    num_seqs: int
    handover: Handover
    threads: int
    precision: str
    voice_axes: Any

    @property
    def engine(self) -> str:
        """What generates the samples, such as 'tensorflow' or 'native-avx512'."""
        ...

    @property
    def rng_seed(self) -> int:
        """The random seed in use."""
        ...

    def reset(self, rng_seed: int) -> None:
        """Start over: one big frame of silence, zero RNN state, fresh random numbers."""
        ...

    def reseed(self, rng_seed: int) -> None:
        """Continue with the random numbers that `reset` would start with; int >= 0."""
        ...

    def reseed_voice(self, voice: int, rng_seed: int) -> None:
        """Continue with the random numbers that this voice would have alone, 0 <= voice."""
        ...

    def prime(self, audio: np.ndarray) -> None:
        """Continue as if `audio`, float32 (n,) or (num_seqs, n), had been generated."""
        ...

    def generate(self, temperature: np.ndarray) -> np.ndarray:
        """Generate the next samples.

        Args:
          temperature: float32 (num_seqs, n), finite, >= 0, one for each sample.

        Returns:
          float32 (num_seqs, n), -1 <= x <= 1, at the model's rate.
        """
        ...

    def next_logits(self) -> np.ndarray:
        """Return the logits float32 (num_seqs, q_levels) of the next sample; nothing advances."""
        ...

    def limit_threads(self, threads: int) -> None:
        """Use at most this many threads from now on, 1 to `threads`; the samples are the same."""
        ...

    def save_state(self) -> SavedState:
        """Return where the generator stands, for `restore_state`."""
        ...

    def restore_state(self, state: SavedState, random: bool = True) -> None:
        """Continue from where `save_state` was called, if `random` with its random numbers.

        Raises:
          RequestError: the state is of another model or number of voices.
        """
        ...

    def positions(self, state: SavedState) -> np.ndarray:
        """Return where each voice of a saved state is in its big frame, int (num_seqs,)."""
        ...
