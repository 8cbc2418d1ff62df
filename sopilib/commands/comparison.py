"""Commands that compare takes with recordings: which ones, and how long the takes may be."""

import argparse
import sys

from sopilib.audio.recordings import RecordingSet
from sopilib.commands import quantities
from sopilib.errors import AudioError
from sopilib.evaluation.reference import LEAST_DUR_S, comparable_dur


def add_corpus_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names the recordings of a model."""
    parser.add_argument(
        "--data_dir",
        type=quantities.path,
        nargs="+",
        required=True,
        metavar="CORPUS",
        help="the recordings on which the model was trained",
    )


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
