"""Hold: a stream that starts again and again from the same state (`freeze` in Pd)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sopilib.errors import RequestError
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.stream_voices import StreamVoices
from sopilib.limits import FREEZE_S
from sopilib.model.generator_state import SavedState


@dataclass
class _Held:
    """What a voice returns to, every `period` samples at the model's rate."""

    state: SavedState
    period: int
    num_left: int  # samples of the current period


class Hold:
    """Takes voices back to a held state at regular times, each with fresh random numbers.

    Args:
      generator: SampleGenerator whose state is held.
      voices: of the stream.
    """

    def __init__(self, generator: SampleGenerator, voices: StreamVoices) -> None:
        self._generator, self._voices = generator, voices
        self._held: dict[int, _Held] = {}  # by voice; the others play on freely

    @property
    def is_held(self) -> bool:
        """Whether the state of a voice is held."""
        return bool(self._held)

    def set_period(self, seconds: float, voices: Sequence[int]) -> None:
        """Hold the present state of `voices` and return to it every `seconds`; 0 to release it.

        Raises:
          RequestError: it is neither 0 nor 0.02 to 3600.
        """
        shortest, longest = FREEZE_S
        if seconds != 0 and not shortest <= seconds <= longest:
            raise RequestError(
                f"freeze: {seconds:g} s (give 0 to release it, or {shortest:g} to {longest:g})"
            )
        period = round(seconds * self._generator.config.sample_rate)
        state = self._generator.save_state()
        for voice in voices:
            self._held.pop(voice, None)
            if period:
                self._held[voice] = _Held(state, period, period)

    def move_here(self, voices: Sequence[int]) -> None:
        """Of those of `voices` that are held, hold the present state instead."""
        moved = [self._held[voice] for voice in voices if voice in self._held]
        state = self._generator.save_state() if moved else None
        for held in moved:
            assert state is not None
            held.state, held.num_left = state, held.period

    def change_here(self) -> None:
        """Hold the present state in all voices that are held, and return to it as it was due."""
        state = self._generator.save_state() if self._held else None
        for held in self._held.values():
            assert state is not None
            held.state = state

    def return_if_due(self) -> None:
        """Let the voices whose time is over jump to their states."""
        if due := [voice for voice, held in self._held.items() if not held.num_left]:
            self._return(due)

    def limit(self, num_samples: int) -> int:
        """Return how many of the next `num_samples` to generate before a state returns."""
        return min([num_samples, *(held.num_left for held in self._held.values())])

    def advance(self, num_samples: int) -> None:
        """Count samples that are generated, as many as `limit` allows."""
        for held in self._held.values():
            held.num_left -= num_samples

    def _return(self, voices: list[int]) -> None:
        """Let the voices jump to what is held, all of them together where one state is."""
        states = {id(self._held[voice].state) for voice in voices}
        if len(states) == 1 and len(voices) == self._generator.num_seqs:
            self._voices.jump(self._held[voices[0]].state)
        else:
            self._voices.jump_apart({v: (self._held[v].state, v) for v in voices})
        for voice in voices:
            self._held[voice].num_left = self._held[voice].period
