"""The length of takes that are compared with recordings."""

import sys

from sopilib.audio.recordings import RecordingSet
from sopilib.errors import AudioError
from sopilib.evaluation.reference import LEAST_DUR_S, comparable_dur


def comparable_length(corpus: RecordingSet, dur_s: float) -> float:
    """Return how many seconds takes may have; a line on stderr says if they are fewer.

    Raises:
      AudioError: the recordings are too short for any.
    """
    comparable_s = comparable_dur(corpus, dur_s)
    if comparable_s < LEAST_DUR_S:
        raise AudioError(
            f"the longest recording has {comparable_s:.2g} s (give one of {LEAST_DUR_S} s or more)"
        )
    if comparable_s < dur_s:
        print(f"takes of {comparable_s:g} s, as no recording is longer", file=sys.stderr)
    return comparable_s
