"""Find out how to play the checkpoint that a training by a recipe has chosen, in the time left."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sopilib.audio.recordings import read_recordings
from sopilib.evaluation.auditions import Audition
from sopilib.evaluation.reference import LEAST_DUR_S, comparable_dur, reference_of
from sopilib.model.folder import ModelFiles
from sopilib.training.match import (
    NUM_TRIALS,
    MatchRequest,
    Playing,
    Trial,
    best_of,
    search,
    table,
    trial,
)

PART = 0.4  # of the time for auditions
_NUM_TAKES = 4
_LEAST_TRIALS = 5  # for which the takes must be short enough: the start and its neighbours
_MEASURE_S = 2.0  # to measure a take at several gains, about


def match_in_time(
    files: ModelFiles,
    auditioned: Audition,
    data: Sequence[Path],
    dur_s: float,
    left_s: Callable[[], float],
    second_s: float,
) -> tuple[Playing, Sequence[str]]:
    """Return the best way to play a checkpoint and what its takes lack then, see `match`.

    Without time for trials, it is the auditioned temperature that was best.

    Args:
      files: of the checkpoint.
      auditioned: what its audition found.
      data: the recordings that the model was trained on.
      dur_s: seconds of a take, at most.
      left_s: returns the seconds that are left.
      second_s: seconds that a second of sound takes.
    """
    config = files.config
    temperature = round(config.temperature * auditioned.best, 4)
    start = replace(Playing.of(config), temperature=temperature)
    as_auditioned = start, auditioned.similarities[auditioned.best].reasons
    fitting = (left_s() / (_LEAST_TRIALS * _NUM_TAKES) - _MEASURE_S) / second_s
    dur_s = round(min(dur_s, fitting), 1)
    if dur_s < LEAST_DUR_S:
        return as_auditioned
    corpus = read_recordings(data, config.sample_rate)
    dur_s = comparable_dur(corpus, dur_s)
    if dur_s < LEAST_DUR_S:
        return as_auditioned
    reference = reference_of(corpus, config, dur_s)
    request = MatchRequest(dur_s, _NUM_TAKES)
    slowest_s = _NUM_TAKES * (dur_s * second_s + _MEASURE_S)  # of a trial
    if left_s() < slowest_s:  # many hours of recordings take their time
        return as_auditioned
    trials: list[Trial] = []

    def evaluate(playing: Playing) -> Trial:
        nonlocal slowest_s
        left_before_s = left_s()
        done = trial(files, reference, request, playing)
        slowest_s = max(slowest_s, left_before_s - left_s())
        return done

    for done in search(evaluate, start):
        trials.append(done)
        if left_s() < slowest_s or len(trials) == NUM_TRIALS:
            break
    print(table(trials), flush=True)
    best = best_of(trials)
    return best.playing, best.middle.reasons
