"""Blend two saved states: a network that stands between them.

The vectors of the networks are mixed, and so are the levels of their latest samples. Both are
first carried on to the beginning of a big frame, where all tiers begin anew, as vectors from
within different frames have no common meaning.
"""

from typing import Any

import numpy as np

from sopilib.generation.sample_generator import SampleGenerator
from sopilib.model.generator_state import SavedState, map_network, state_of_voices


def blend(
    generator: SampleGenerator,
    first: SavedState,
    second: SavedState,
    share: float,
    temperature: np.ndarray,
) -> SavedState:
    """Return the state between two others; the generator stays where it is.

    Args:
      generator: of both.
      first, second: the states; the random numbers are those of the nearer one.
      share: of `second`, 0 <= share <= 1. At 0 and 1 the result is `first` and `second`.
      temperature: float32 (num_seqs, 1), of the samples to the next big frame.
    """
    if share in (0, 1):
        return second if share else first
    first, second = (aligned(generator, state, temperature) for state in (first, second))
    nearer = first if share < 0.5 else second
    return SavedState(
        nearer.random,
        map_network(lambda a, b: _mixed(a, b, share), first.network, second.network),
        nearer.handover,
        first.newest + share * (second.newest - first.newest),
    )


def aligned(generator: SampleGenerator, state: SavedState, temperature: np.ndarray) -> SavedState:
    """Return `state` carried on until each voice is at the beginning of a big frame.

    Args:
      generator, temperature: as for `blend`.
    """
    nums_missing = -generator.positions(state) % generator.config.big_frame_size
    present, rows = generator.save_state(), dict[int, tuple[SavedState, int]]()
    for num_samples in np.unique(nums_missing[nums_missing > 0]):
        generator.restore_state(state)
        generator.generate(np.repeat(temperature, num_samples, axis=1))
        later = generator.save_state()
        rows |= {int(v): (later, int(v)) for v in np.flatnonzero(nums_missing == num_samples)}
    generator.restore_state(present)
    return state_of_voices(state, rows, generator.voice_axes) if rows else state


def _mixed(first: Any, second: Any, share: float) -> np.ndarray:
    """Return the mixture of two parts of a network; of whole numbers the nearest whole ones."""
    first, second = np.asarray(first), np.asarray(second)
    mixed = first + share * (second.astype(np.float64) - first)
    whole = np.issubdtype(first.dtype, np.integer)
    result: np.ndarray = (np.rint(mixed) if whole else mixed).astype(first.dtype)
    return result
