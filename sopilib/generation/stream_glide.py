"""Glide: a stream that comes to a target state in steps (`morph` in Pd).

At each step the voices jump to a blend of where they are and the target, so that the last
step ends at the target itself.
"""

from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.state_blend import aligned, blend
from sopilib.generation.stream_voices import StreamVoices
from sopilib.model.generator_state import SavedState

_STEP_S = 0.05


class Glide:
    """Takes all voices of a stream to a target state.

    Args:
      generator: SampleGenerator.
      voices: of the stream.
    """

    def __init__(self, generator: SampleGenerator, voices: StreamVoices) -> None:
        self._generator, self._voices = generator, voices
        self._step = round(_STEP_S * generator.config.sample_rate)
        self._target: SavedState | None = None  # None while it rests
        self._num_steps = 0  # still to take
        self._num_left = 0  # samples until the next one

    def begin(self, target: SavedState, seconds: float) -> None:
        """Glide to `target` within `seconds`, above 0."""
        self._target = target
        self._num_steps = max(1, int(seconds / _STEP_S))
        self._num_left = 0

    def cancel(self) -> None:
        """Stay where the glide has come to."""
        self._target = None

    @property
    def is_due(self) -> bool:
        """Whether a step is to be taken now."""
        return self._target is not None and not self._num_left

    def take_step(self) -> bool:
        """Take the step that is due; return whether it arrived at the target."""
        assert self._target is not None
        self._take_step(self._target)
        self._num_left = self._step
        return self._target is None

    def limit(self, num_samples: int) -> int:
        """Return how many of the next `num_samples` to generate before the next step."""
        return num_samples if self._target is None else min(num_samples, self._num_left)

    def advance(self, num_samples: int) -> None:
        """Count samples that are generated, as many as `limit` allows."""
        self._num_left = max(0, self._num_left - num_samples)

    def _take_step(self, target: SavedState) -> None:
        self._num_steps -= 1
        if not self._num_steps:
            self._target = None
            self._voices.jump(target, random=True)
            return
        generator, temperature = self._generator, self._voices.temperature
        here = generator.save_state()
        near = aligned(generator, target, temperature)
        self._voices.jump(blend(generator, here, near, 1 / (self._num_steps + 1), temperature))
