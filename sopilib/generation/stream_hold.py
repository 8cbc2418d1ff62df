"""Hold: a stream that starts again and again from the same state (`freeze` in Pd)."""

from sopilib.errors import RequestError
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.stream_voices import StreamVoices
from sopilib.limits import FREEZE_S
from sopilib.model.generator_state import SavedState


class Hold:
    """Takes a stream back to a held state at regular times, each with fresh random numbers.

    Args:
      generator: SampleGenerator whose state is held.
      voices: of the stream.
    """

    def __init__(self, generator: SampleGenerator, voices: StreamVoices) -> None:
        self._generator, self._voices = generator, voices
        self._state: SavedState | None = None  # None while nothing is held
        self._period = 0  # samples at the model's rate
        self._num_left = 0  # of the current period

    @property
    def is_held(self) -> bool:
        """Whether a state is held."""
        return self._state is not None

    def set_period(self, seconds: float) -> None:
        """Hold the present state and return to it every `seconds`; 0 to release it.

        Raises:
          RequestError: it is neither 0 nor 0.02 to 3600.
        """
        shortest, longest = FREEZE_S
        if seconds != 0 and not shortest <= seconds <= longest:
            raise RequestError(
                f"freeze: {seconds:g} s (give 0 to release it, or {shortest:g} to {longest:g})"
            )
        self._period = round(seconds * self._generator.config.sample_rate)
        self.move_here()

    def move_here(self) -> None:
        """If a state is held, hold the present one instead."""
        self._state = self._generator.save_state() if self._period else None
        self._num_left = self._period

    def advance(self, num_samples: int) -> int:
        """Return how many of the next `num_samples` to generate before the state returns.

        Where it returns now, the voices jump to it.
        """
        if self._state is None:
            return num_samples
        if not self._num_left:
            self._voices.jump(self._state)
            self._num_left = self._period
        num_samples = min(num_samples, self._num_left)
        self._num_left -= num_samples
        return num_samples
