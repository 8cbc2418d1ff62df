"""`samplernn train --preset NAME --hours H`: from recordings to a model that plays, in one go.

It measures how fast this machine trains, divides the time among the stages of the preset's
recipe (`sopilib.training.recipe`), trains one after another, auditions what they leave, finds out
how to play the best, and exports it. `recipe.json` in LOGDIR_ROOT/ID says how far the whole has
come; stopped at any moment, the same command resumes with the time that is left.
"""

import contextlib
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType

from sopilib.commands import INTERRUPTED
from sopilib.commands.recipe_audition import all_candidates, audition_in_time, generation_time
from sopilib.commands.recipe_card import TEMPERATURE, Facts
from sopilib.commands.recipe_match import PART as MATCH_PART
from sopilib.commands.recipe_match import match_in_time
from sopilib.commands.recipe_model import EXPORT_S, PREVIEW_S, write_model
from sopilib.commands.recipe_request import RecipeRequest
from sopilib.commands.recipe_stages import Stages
from sopilib.errors import RequestError
from sopilib.evaluation.auditions import table
from sopilib.installation.paths import presets_folder
from sopilib.training.cluster import find_replicas
from sopilib.training.recipe import SUFFIX, Recipe, config_of, read_recipe
from sopilib.training.recipe_progress import (
    RecipeProgress,
    Result,
    StageProgress,
    check_pre_emphasis,
    check_stages,
    load_progress,
    locked_training,
)
from sopilib.training.time_budget import Clock, TimeBudget, time_text


def train_by_recipe(request: RecipeRequest, clock: Clock = time.monotonic) -> int:
    """Train, audition, export; return the exit status.

    Args:
      request: what to train.
      clock: seconds that only rise.

    Raises:
      SampleRNNError: something cannot be read, written or trained, or there is too little time.
    """
    began = clock()
    recipe = read_recipe(presets_folder() / f"{request.preset}{SUFFIX}")
    for stage in recipe.stages:
        recipe.plan(stage, request.flags)  # both validate before anything is read
        config_of(stage, request.config)
    with locked_training(request.logdir):
        return _train_whole(request, recipe, clock, began)


def _train_whole(request: RecipeRequest, recipe: Recipe, clock: Clock, began: float) -> int:
    """Train, audition and export what is not done yet; return the exit status."""
    progress = _begun(request, recipe)
    request = request.with_pre_emphasis(progress.pre_emphasis)
    if progress.result is not None:
        print(f"{request.logdir} is finished (to train again: another --id, or --resume False)")
        _print_result(request, progress, progress.result)
        return 0
    budget = TimeBudget(request.total_s, progress.used_s, clock, began)
    with _terminated_like_interrupted():
        try:
            if _train(request, recipe, progress, budget, clock):
                _finish(request, recipe, progress, budget)
                return 0
        except KeyboardInterrupt:
            pass
    print("stopped; the same command resumes from here", flush=True)
    return INTERRUPTED


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Raise KeyboardInterrupt at a termination signal in the with block."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _begun(request: RecipeRequest, recipe: Recipe) -> RecipeProgress:
    """Return the progress of what has begun, or that of a new training."""
    names = [stage.name for stage in recipe.stages]
    progress = None
    if request.resume:
        progress = load_progress(request.logdir, request.preset, request.data)
    if progress is None:
        stages = [StageProgress(name) for name in names]
        chosen = (request.pre_emphasis, recipe.pre_emphasis, request.config.pre_emphasis)
        emphasis = next(value for value in chosen if value is not None)
        data = list(map(str, request.data))
        return RecipeProgress(request.preset, data, stages, pre_emphasis=emphasis)
    check_stages(progress, names, request.logdir)
    check_pre_emphasis(progress, request.pre_emphasis, request.logdir)
    return progress


def _train(
    request: RecipeRequest,
    recipe: Recipe,
    progress: RecipeProgress,
    budget: TimeBudget,
    clock: Clock,
) -> bool:
    """Train the stages that are left; return whether all are done."""
    replicas = find_replicas(request.num_gpus)
    if replicas.num_workers > 1:
        raise RequestError("--hours on several machines (train on one: unset TF_CONFIG)")
    stages = Stages(request, recipe, progress, budget, clock, replicas)
    return stages.run() != "interrupted"


def _finish(
    request: RecipeRequest, recipe: Recipe, progress: RecipeProgress, budget: TimeBudget
) -> None:
    """Audition, export the best checkpoint, and print how to play it."""
    print(f"audition, {time_text(budget.left_s)} left", flush=True)
    candidates = all_candidates(request.logdir, progress.stages)
    second_s = generation_time(candidates[0].files)
    kept_s = min(max(0.0, budget.left_s / 2), PREVIEW_S * second_s + EXPORT_S)
    match_s = MATCH_PART * max(0.0, budget.left_s - kept_s)
    ranking = audition_in_time(
        candidates,
        request.data,
        recipe.finish,
        lambda: budget.left_s - kept_s - match_s,
        request.logdir / "audition",
        second_s,
    )
    print(table([result for result, _ in ranking]), flush=True)
    best, candidate = ranking[0]
    playing, shortcomings = match_in_time(
        candidate.files,
        best,
        request.data,
        recipe.finish.dur,
        lambda: budget.left_s - kept_s,
        second_s,
    )
    facts = Facts(
        name=request.logdir.name,
        bits=candidate.bits,
        playing=str(playing),
        shortcomings=shortcomings,
        command=shlex.join(request.words),
        stages=[(stage.name, stage.seconds) for stage in progress.stages],
    )
    files = playing.of_files(candidate.files)
    folder = write_model(
        files, facts, request.data, request.logdir, lambda: budget.left_s - EXPORT_S
    )
    progress.result = Result(folder.name, candidate.name, TEMPERATURE)
    progress.used_s = budget.used_s
    progress.save(request.logdir)
    _print_result(request, progress, progress.result)


def _print_result(request: RecipeRequest, progress: RecipeProgress, result: Result) -> None:
    """Print where the exported model is and how to play it: the last lines of the command."""
    folder = (request.logdir / result.folder).absolute()
    print(
        f"{folder}: {result.checkpoint}, best at temperature {result.temperature:g}, after "
        f"{time_text(progress.used_s)}\n"
        f"to play it: samplernn play, then `another folder` on the page\n"
        f"in a patch: load {folder}\n"
        f"or: load --python {sys.executable} -- --ckpt_dir {folder}",
        flush=True,
    )
