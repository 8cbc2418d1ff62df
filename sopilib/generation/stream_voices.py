"""StreamVoices: a generator's voices, summed, without a click where its state jumps."""

import numpy as np

from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.temperature_control import TemperatureControl
from sopilib.model.generator_state import SavedState

_CROSSFADE_S = 0.005


class Crossfade:
    """Fades an old sound out over a new one, in a straight line.

    Args:
      num_samples: length of the crossfade.
    """

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples
        self._old = np.zeros((1, 0), np.float32)  # the rest of the sound that fades out

    def start(self, old: np.ndarray) -> None:
        """Fade `old` (1, num_samples) out from now on; it may itself be in a crossfade."""
        self._old = self.mix(old)

    def mix(self, new: np.ndarray) -> np.ndarray:
        """Return `new` (1, n) with the next samples of the old sound; may overwrite `new`."""
        old, self._old = self._old, self._old[:, new.shape[1] :]
        num_mixed = min(old.shape[1], new.shape[1])
        if num_mixed:
            begin = self.num_samples - old.shape[1]
            steps = np.arange(begin + 1, begin + 1 + num_mixed, dtype=np.float32)
            share = steps / (self.num_samples + 1)
            old = old[:, :num_mixed]
            new[:, :num_mixed] = old + share * (new[:, :num_mixed] - old)
        return new


class StreamVoices:
    """The sum of a generator's voices, crossfaded where the generator jumps.

    Args:
      generator: SampleGenerator.
      temperature: of the samples to come.
    """

    def __init__(self, generator: SampleGenerator, temperature: TemperatureControl) -> None:
        self._generator, self._temperature = generator, temperature
        self._last_temperature: np.ndarray | None = None  # (num_seqs, 1) of the newest sample
        self._crossfade = Crossfade(round(_CROSSFADE_S * generator.config.sample_rate))

    def next(self, num_samples: int) -> np.ndarray:
        """Return the next samples, float32 (1, num_samples), at the model's rate."""
        temperature = self._temperature.next(num_samples)
        self._last_temperature = temperature[:, -1:]
        voices = self._generator.generate(temperature)
        self._generator.handover.append(voices)
        return self._crossfade.mix(voices.sum(axis=0, keepdims=True))

    def jump(self, state: SavedState, random: bool = False) -> None:
        """Continue from `state`, if `random` with its random numbers; the old sound fades out.

        Raises:
          RequestError: the state is of another model or number of voices.
        """
        if self._last_temperature is not None:
            temperature = np.repeat(self._last_temperature, self._crossfade.num_samples, axis=1)
            voices = self._generator.generate(temperature)
            self._crossfade.start(voices.sum(axis=0, keepdims=True))
        self._generator.restore_state(state, random)
