"""StreamVoices: a generator's voices, without a click where the state of one jumps."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.stream_gains import VoiceGains
from sopilib.generation.temperature_control import TemperatureControl
from sopilib.model.generator_state import SavedState, state_of_voices

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


class _Ending(NamedTuple):
    """How the sound of now would go on: its samples, and the random numbers after them."""

    sound: np.ndarray  # (num_seqs, num_faded)
    bit_states: tuple[Mapping[str, Any], ...]  # one for each voice


class StreamVoices:
    """A generator's voices, each crossfaded where its state jumps, and with its gain.

    Args:
      generator: SampleGenerator.
      temperature: of the samples to come.

    Attributes:
      gains: of the voices.
      notes: the gains of the keys that play them.
    """

    def __init__(self, generator: SampleGenerator, temperature: TemperatureControl) -> None:
        self._generator, self._temperature = generator, temperature
        self._last_temperature: np.ndarray | None = None  # (num_seqs, 1) of the newest sample
        rate = generator.config.sample_rate
        self._num_faded = round(_CROSSFADE_S * rate)
        self._crossfades = [Crossfade(self._num_faded) for _ in range(generator.num_seqs)]
        self._jumped: set[int] = set()  # voices that have, and not sounded since
        self._ending: _Ending | None = None  # of the voices that have not jumped since
        self.gains = VoiceGains(generator.num_seqs, rate)
        self.notes = VoiceGains(generator.num_seqs, rate)

    @property
    def temperature(self) -> np.ndarray:
        """The temperatures of the newest samples, float32 (num_seqs, 1)."""
        if self._last_temperature is None:
            return np.ones((self._generator.num_seqs, 1), np.float32)
        return self._last_temperature

    def next(self, num_samples: int) -> np.ndarray:
        """Return the next samples, float32 (num_seqs, num_samples), before any gain."""
        temperature = self._temperature.next(num_samples)
        self._last_temperature = temperature[:, -1:]
        voices = self._generator.generate(temperature)
        self._generator.handover.append(voices)
        self._jumped.clear()
        self._ending = None
        for voice, crossfade in enumerate(self._crossfades):
            voices[voice : voice + 1] = crossfade.mix(voices[voice : voice + 1])
        return voices

    def as_loud_as_wanted(self, voices: np.ndarray) -> np.ndarray:
        """Return what `next` returned last with the gains of voices and keys; may overwrite it."""
        return self.gains.apply(self.notes.apply(voices))

    def jump(self, state: SavedState, random: bool = False) -> None:
        """Continue from `state`, if `random` with its random numbers; the old sound fades out.

        Raises:
          RequestError: the state is of another model or number of voices.
        """
        self._ending = None  # so that the random numbers of the crossfade are drawn here
        self._fade_out(range(self._generator.num_seqs))
        self._generator.restore_state(state, random)

    def jump_apart(self, rows: Mapping[int, tuple[SavedState, int]], random: bool = False) -> None:
        """Let some voices continue from elsewhere and the others play on as if nothing was.

        Args:
          rows: for each voice that jumps, a state and the voice of it to take.
          random: whether to continue with the random numbers there.
        """
        generator = self._generator
        before = generator.save_state()
        drawn = self._fade_out(rows)
        after = state_of_voices(before, rows, generator.voice_axes)
        if not random:
            own = before.random.bit_states
            bit_states = tuple(drawn.get(voice, state) for voice, state in enumerate(own))
            after = after._replace(random=before.random._replace(bit_states=bit_states))
        generator.restore_state(after)

    def _fade_out(self, voices: Iterable[int]) -> dict[int, Mapping[str, Any]]:
        """Let the sound of these voices end in a crossfade, which takes random numbers.

        A voice that jumps twice at one moment has no sound between that could end, so that a
        hundred keys at once cost the work of one.

        Returns:
          The state of the random numbers after it, by voice.
        """
        sounding = [voice for voice in voices if voice not in self._jumped]
        if self._last_temperature is None or not sounding:
            return {}
        if self._ending is None:
            self._ending = self._ending_of(self._last_temperature)
        for voice in sounding:
            self._crossfades[voice].start(self._ending.sound[voice : voice + 1].copy())
        self._jumped.update(sounding)
        return {voice: self._ending.bit_states[voice] for voice in sounding}

    def _ending_of(self, last_temperature: np.ndarray) -> _Ending:
        """Generate as much as a crossfade takes."""
        sound = self._generator.generate(np.repeat(last_temperature, self._num_faded, axis=1))
        return _Ending(sound, self._generator.save_state().random.bit_states)
