"""Health: notice that a stream fails, and return to where it did not.

The newest healthy states wait in memory, one a second. Where a failure is reported, the
voices jump to the newest one from before it began, with the random numbers of now. A state
that was returned to is dropped: if the failure comes again, the next jump goes further back,
at last to the beginning of the stream.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from sopilib.evaluation.failing_sound import SLOWEST_S, FailureDetector
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.stream_voices import StreamVoices
from sopilib.model.generator_state import SavedState

_SAVED_EVERY_S = 1.0
_NUM_SAVED = 24  # states, some kilobytes to a megabyte each


@dataclass(frozen=True)
class Failing:
    """How a stream fails, and whether it has been taken back to a healthy state."""

    kind: str
    is_healed: bool


class Health:
    """Watches the sound of a stream.

    Args:
      generator: SampleGenerator.
      voices: of the stream.

    Attributes:
      is_healing: whether to return to a healthy state.
    """

    def __init__(self, generator: SampleGenerator, voices: StreamVoices) -> None:
        self._generator, self._voices = generator, voices
        rate = generator.config.sample_rate
        self._detector = FailureDetector(rate)
        self._every, self._slowest = round(_SAVED_EVERY_S * rate), round(SLOWEST_S * rate)
        self._first: SavedState | None = None
        self._healthy: deque[tuple[int, SavedState]] = deque(maxlen=_NUM_SAVED)  # by age
        self._num_judged = 0
        self.is_healing = False

    def begin(self) -> None:
        """Note the state from which the stream begins."""
        self._first = self._generator.save_state()

    def move(self) -> None:
        """Note that the stream continues from elsewhere."""
        self._detector.clear()

    def push(self, sound: np.ndarray, is_held: bool) -> Failing | None:
        """Judge the next samples, float32 (n,); jump where they fail and it is healing.

        Args:
          sound: at the model's rate.
          is_held: whether the stream repeats one state, so that loops are intended.

        Returns:
          What fails where that begins, else None.
        """
        kind = self._detector.push(sound, {"loop"} if is_held else frozenset())
        self._num_judged += len(sound)
        if kind is None:
            self._save()
            return None
        if self.is_healing:
            self._heal()
        return Failing(kind, self.is_healing)

    def _save(self) -> None:
        newest = self._healthy[-1][0] if self._healthy else 0
        is_due = self.is_healing and self._num_judged - newest >= self._every
        if is_due and self._detector.is_healthy:
            self._healthy.append((self._num_judged, self._generator.save_state()))

    def _heal(self) -> None:
        state, latest = self._first, self._num_judged - self._slowest
        while self._healthy:
            position, newest = self._healthy.pop()
            if position <= latest:
                state = newest
                break
        assert state is not None  # a stream begins before it sounds
        self._voices.jump(state)
        self._detector.clear()
