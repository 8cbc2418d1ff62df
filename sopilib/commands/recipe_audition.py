"""Choose the checkpoint of a training by a recipe: audition as many as the time allows.

The newest of each stage come first, the last stage's before the others'. At least one is
auditioned, however little time is left.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sopilib.audio.recordings import read_recordings
from sopilib.errors import CheckpointError
from sopilib.evaluation.auditions import Audition, ranked
from sopilib.evaluation.reference import LEAST_DUR_S, comparable_dur, reference_of
from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.folder import ModelFiles
from sopilib.training.audition import (
    AuditionRequest,
    audition,
    find_checkpoints,
    recorded_bits,
)
from sopilib.training.recipe import Finish
from sopilib.training.recipe_progress import StageProgress

# checkpoints for which the takes must be short enough
_LEAST_CHECKPOINTS = 4
_TRIAL_S = 0.25  # length of the take that measures the speed
_PLOT_S = 1.5  # seconds to draw and to measure a take, about


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that may be exported.

    Attributes:
      stage: name of the stage that left it.
      files: of the checkpoint.
      bits: per sample, on held-out sound.
    """

    stage: str
    files: ModelFiles
    bits: float

    @property
    def name(self) -> str:
        """The checkpoint in LOGDIR_ROOT/ID, `RUN/model.ckpt-N`."""
        prefix = Path(str(self.files.prefix))
        return f"{prefix.parent.name}/{prefix.name}"


def candidates_of(run: Path, stage: str) -> list[Candidate]:
    """Return the checkpoints of a run folder with known held-out bits, the oldest first."""
    found = find_checkpoints(run, [Path()])
    known = [(files, recorded_bits([files])) for files in found]
    return [Candidate(stage, files, bits[0]) for files, bits in known if bits]


def all_candidates(logdir: Path, stages: Sequence[StageProgress]) -> list[Candidate]:
    """Return the checkpoints of all stages, in the order in which to audition them.

    Args:
      logdir: LOGDIR_ROOT/ID.
      stages: of the training.

    Raises:
      CheckpointError: there is none.
    """
    runs = [(logdir / stage.run, stage.name) for stage in reversed(stages) if stage.run]
    newest_first = [reversed(candidates_of(run, name)) for run, name in runs]
    rounds = itertools.zip_longest(*newest_first)
    found = [candidate for each in rounds for candidate in each if candidate is not None]
    if not found:
        raise CheckpointError(
            "no stage has left a checkpoint (give more --hours, or begin anew with --resume False)"
        )
    return found


def audition_in_time(
    candidates: Sequence[Candidate],
    data: Sequence[Path],
    finish: Finish,
    left_s: Callable[[], float],
    output_dir: Path,
    second_s: float,
) -> list[tuple[Audition, Candidate]]:
    """Audition candidates while there is time; return them in their order, the best first.

    Args:
      candidates: one or more, the most important first.
      data: the recordings that the model was trained on.
      finish: length and temperatures of the takes.
      left_s: returns the seconds that are left.
      output_dir: for takes and plots, in a folder for each stage.
      second_s: seconds that a second of sound takes, see `generation_time`.
    """
    config = candidates[0].files.config
    corpus = read_recordings(data, config.sample_rate)
    dur_s = _take_length(len(candidates), finish, left_s(), second_s)
    dur_s = max(LEAST_DUR_S, comparable_dur(corpus, dur_s))
    reference = reference_of(corpus, config, dur_s)
    results: dict[str, tuple[Audition, Candidate]] = {}
    slowest_s = 0.0
    for candidate in candidates:
        if results and left_s() < slowest_s:
            break
        left_before_s = left_s()
        folder = output_dir / candidate.stage.replace(" ", "_")
        request = AuditionRequest(finish.temperatures, dur_s, 0, folder)
        result = audition(candidate.files, candidate.bits, reference, request)
        result = replace(result, name=f"{result.name} of '{candidate.stage}'")
        results[result.name] = result, candidate
        slowest_s = max(slowest_s, left_before_s - left_s())
    return [results[one.name] for one in ranked([one for one, _ in results.values()])]


def _take_length(num_candidates: int, finish: Finish, left_s: float, second_s: float) -> float:
    """Return how long takes may be so that several checkpoints are auditioned in `left_s`."""
    num_takes = len(finish.temperatures) * min(_LEAST_CHECKPOINTS, num_candidates)
    fitting = (left_s / num_takes - _PLOT_S) / second_s
    return round(min(finish.dur, max(LEAST_DUR_S, fitting)), 1)


def generation_time(files: ModelFiles) -> float:
    """Return how many seconds this machine takes for a second of one voice's sound."""
    generator = make_generator(files, 1)
    began = time.monotonic()
    for _ in Take(generator, TakeRequest(dur_s=_TRIAL_S, rng_seed=0)):
        pass
    return (time.monotonic() - began) / _TRIAL_S
