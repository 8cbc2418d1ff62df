"""Passages so soft that a model would learn from them to fall silent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sopilib.audio.file_sound import Sound

_STEP_S = 0.25
# no passage counts as soft that is less than this below the RMS level of all sound
_MIN_BELOW_DB = 12.0
# more than a power loses on its way through decibels, so that what lies at a level is not below it
_ROUNDING_DB = 1e-9


@dataclass(frozen=True)
class SoftPassages:
    """Which passages are too soft to train on.

    Attributes:
      below: level in dBFS, or None.
      softest: part of the sound, 0 <= x < 1, see `soft_level`.
    """

    below: float | None = None
    softest: float = 0.0

    def leave_out(
        self, stretches: list[Sound], sample_rate: int
    ) -> tuple[list[Sound], float | None]:
        """Return what is loud enough of some stretches, and the level in dBFS that decides."""
        levels = [] if self.below is None else [self.below]
        if self.softest and stretches:
            levels.append(soft_level(stretches, sample_rate, self.softest))
        level = max(levels, default=-math.inf)
        if level == -math.inf:
            return stretches, None
        loud = [part for s in stretches for part in without_soft_passages(s, sample_rate, level)]
        return loud, level


ALL_IS_TRAINED_ON = SoftPassages()


def without_soft_passages(audio: Sound, sample_rate: int, cut_below: float) -> list[Sound]:
    """Return the parts between quarters of a second that are softer than `cut_below`.

    Args:
      audio: float32 (num_samples,).
      sample_rate: in Hz.
      cut_below: RMS level in dBFS.
    """
    step = int(_STEP_S * sample_rate)
    is_loud = _powers(audio, step) >= 10 ** (cut_below / 10)
    edges = np.flatnonzero(np.diff(is_loud.astype(np.int8), prepend=0, append=0))
    return [audio[begin * step : end * step] for begin, end in edges.reshape(-1, 2)]


def soft_level(sounds: Sequence[Sound], sample_rate: int, share: float) -> float:
    """Return the level below which at most `share` of the sound lies.

    It is at least 12 dB below the RMS level of all: sound that is never soft has nothing below it.

    Args:
      sounds: float32 (num_samples,) each, one or more with a sample.
      sample_rate: in Hz.
      share: of the quarters of a second, 0 < share < 1.

    Returns:
      In dBFS; minus infinity where even silence is more than that share.
    """
    step = int(_STEP_S * sample_rate)
    powers = np.sort(np.concatenate([_powers(sound, step) for sound in sounds]))
    softest_left = powers[int(share * len(powers))]
    return min(_in_db(softest_left) - _ROUNDING_DB, _in_db(np.mean(powers)) - _MIN_BELOW_DB)


def _powers(audio: Sound, step: int) -> NDArray[np.float64]:
    """Return the mean power of each `step` samples of `audio`, the last of fewer."""
    blocks = (np.asarray(audio[begin : begin + step]) for begin in range(0, len(audio), step))
    return np.array([np.mean(np.square(block, dtype=np.float64)) for block in blocks])


def _in_db(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
