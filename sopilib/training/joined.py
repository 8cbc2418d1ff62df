"""Join stretches of levels that are too short for a chunk of their own, one after another.

At a joint the sound before fades out and the next fades in, a few milliseconds each, so that
there is no click. As nothing is added, all that is joined is as long as its parts.
"""

from collections.abc import Iterable

import numpy as np

FADE_S = 0.005


def joined(
    levels: np.ndarray, places: Iterable[tuple[int, int]], num_samples: int, silence: int, fade: int
) -> np.ndarray:
    """Return the first `num_samples` of stretches joined, of the dtype of `levels`.

    Args:
      levels: integers (any,).
      places: (begin, end) in `levels` of each stretch, in their order.
      num_samples: how much of it, at most as much as there is.
      silence: the level of silence.
      fade: samples of a fade.
    """
    sound, place = np.empty(num_samples, levels.dtype), 0
    for begin, end in places:
        end = min(end, begin + num_samples - place)
        if end > begin:
            sound[place : place + end - begin] = _faded(levels[begin:end], silence, fade)
            place += end - begin
    return sound


def _faded(levels: np.ndarray, silence: int, fade: int) -> np.ndarray:
    """Return levels (num_samples,) faded in and out, both at most half as long as they."""
    length = min(fade, len(levels) // 2)
    gain = np.arange(length) / max(1, length)
    sound = levels.copy()
    for edge, gains in ((slice(0, length), gain), (slice(len(sound) - length, None), gain[::-1])):
        distance = (sound[edge].astype(np.int32) - silence) * gains
        sound[edge] = silence + np.round(distance).astype(np.int32)
    return sound
