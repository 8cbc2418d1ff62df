"""Join takes end to end by crossfades of equal power.

A take rises over its first samples as a sine and falls over its last ones as a cosine, so the
power of two takes that do not depend on each other stays the same while one follows the other.
The first take rises from silence.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np


class Blocks(Protocol):
    """A sound that comes block by block.

    Attributes:
      num_samples: of the whole, at least twice the length of a fade.
    """

    @property
    def num_samples(self) -> int:
        """Samples of the whole."""
        ...

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all samples, float32 (any,) each."""
        ...


def joined(sounds: Iterable[Blocks], num_fade: int) -> Iterator[np.ndarray]:
    """Yield sounds as one, float32 (any,) each, without the last fade of the last one.

    Args:
      sounds: each is asked for when the one before it is out, except for its last fade.
      num_fade: samples of a crossfade, at least 1.
    """
    fading = np.zeros(num_fade, np.float32)  # the end of the sound before
    for sound in sounds:
        begin_fade = sound.num_samples - num_fade
        next_fading = np.zeros(num_fade, np.float32)
        begin = 0
        for block in sound.blocks():
            end = begin + len(block)
            block = block * envelope(begin, end, sound.num_samples, num_fade)
            earlier = fading[begin:end]
            block[: len(earlier)] += earlier
            num_due = max(0, min(len(block), begin_fade - begin))
            yield block[:num_due]
            place = begin + num_due - begin_fade
            next_fading[max(0, place) : max(0, place) + len(block) - num_due] = block[num_due:]
            begin = end
        fading = next_fading


def envelope(begin: int, end: int, num_samples: int, num_fade: int) -> np.ndarray:
    """Return the levels of the samples `begin` to before `end` of a sound, float32 (any,)."""
    position = np.arange(begin, end)
    edge = np.minimum(position, num_samples - 1 - position) + 0.5
    level: np.ndarray = np.sin(np.pi / 2 * np.minimum(1.0, edge / num_fade)).astype(np.float32)
    return level
