"""`samplernn audition`: rank the checkpoints of a training by held-out bits and by takes.

The checkpoint with the lowest loss does not always sound best. Each checkpoint generates a
take at each temperature, with the same random seed, and the takes are compared with the
corpus; `sopilib.evaluation.similarity` explains the measures and their units. `misfit` is the
largest ratio of a measure to its limit; a take holds if its misfit is at most 1. The best
checkpoint also continues seeds from held-out sound (`sopilib.evaluation.seed_steering`).

`sopilib.evaluation.auditions` has the order of the checkpoints.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sopilib.audio.recordings import read_recordings
from sopilib.audio.spectrogram import plot_source
from sopilib.commands import quantities
from sopilib.commands.arguments import (
    add_rate_argument,
    model_path,
    search_folders,
)
from sopilib.commands.comparison import add_corpus_argument, comparable_length
from sopilib.commands.take_output import add_overwrite_argument, check_plotted_sound
from sopilib.errors import AudioError, RequestError
from sopilib.evaluation.auditions import as_json, ranked, table
from sopilib.evaluation.reference import LEAST_DUR_S, reference_of
from sopilib.generation.request_checks import checked_length
from sopilib.generation.temperature import check_temperature
from sopilib.model.folder import ModelFiles
from sopilib.new_files import unwritable
from sopilib.training.audition import (
    AuditionRequest,
    audition,
    find_checkpoints,
    name_of,
    recorded_bits,
    scored_bits,
    steering_of,
    take_path,
)
from sopilib.training.plan import PREVIEW_TEMPERATURES

_DEFAULT_TEMPERATURES = " ".join(map(str, PREVIEW_TEMPERATURES))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn audition`."""
    add = quantities.adder(parser)
    add(
        "model",
        type=quantities.model_name,
        metavar="RUN",
        help="a run folder, a model folder or a bundled model's name",
    )
    add_corpus_argument(parser)
    add_rate_argument(parser)
    add(
        "--dur",
        type=quantities.SECONDS,
        default=10.0,
        metavar="S",
        help="seconds of a take (default 10)",
    )
    add(
        "--temperature",
        type=quantities.TEMPERATURE,
        nargs="+",
        metavar="T",
        help=f"(default {_DEFAULT_TEMPERATURES})",
    )
    add(
        "--rng_seed",
        type=quantities.RNG_SEED,
        default=0,
        metavar="N",
        help="of every take (default 0)",
    )
    add(
        "--output_dir",
        type=quantities.path,
        default=Path("audition"),
        metavar="DIR",
        help="for the takes and their plots (default: audition)",
    )
    add(
        "--no_steering",
        dest="steering",
        action="store_false",
        help="leave out whether seeds steer the best checkpoint",
    )
    add("--json", action="store_true", help="print a JSON object in place of the table")
    add_overwrite_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run `samplernn audition` and return its exit status.

    Raises:
      RequestError: the length, a temperature or the random seed is out of range.
      CheckpointError: there is no checkpoint.
      AudioError: the corpus cannot be used, or a take cannot be written.
    """
    if args.dur < LEAST_DUR_S:
        raise RequestError(f"--dur {args.dur:g} (give {LEAST_DUR_S} seconds or more)")
    temperatures = list(map(check_temperature, args.temperature or PREVIEW_TEMPERATURES))
    checkpoints = find_checkpoints(model_path(args.model), search_folders(), args.sample_rate)
    config = checkpoints[0].config
    _check_output(args, checkpoints, temperatures)
    corpus = read_recordings(args.data_dir, config.sample_rate)
    for line in [*corpus.left_out_lines(), *corpus.odd_lines()]:
        print(line, file=sys.stderr)
    dur_s = comparable_length(corpus, args.dur)
    reference = reference_of(corpus, config, dur_s)
    bits = recorded_bits(checkpoints) or scored_bits(checkpoints, corpus)
    request = AuditionRequest(temperatures, dur_s, args.rng_seed, args.output_dir)
    auditions = [
        audition(files, held_out, reference, request) for files, held_out in zip(checkpoints, bits)
    ]
    print(f"takes and plots: {args.output_dir}", file=sys.stderr)
    order = ranked(auditions)
    best = next(files for files in checkpoints if name_of(files) == order[0].name)
    steering = steering_of(best, corpus, args.rng_seed) if args.steering else None
    print(json.dumps(as_json(order, steering)) if args.json else table(order, steering))
    return 0


def _check_output(
    args: argparse.Namespace, checkpoints: Sequence[ModelFiles], temperatures: Sequence[float]
) -> None:
    """Make the folder; refuse names that have another file or a take of another run.

    Raises:
      RequestError: the takes are too long.
      AudioError: a name has such a file, or a take cannot be written.
    """
    checked_length(args.dur, checkpoints[0].config.sample_rate, 1)
    paths = [take_path(args.output_dir, files, t) for files in checkpoints for t in temperatures]
    try:
        args.output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(unwritable(paths[0], error)) from error
    source = str(checkpoints[0].folder.absolute())
    for plot in sorted(args.output_dir.glob("*_t*.png")):
        if not args.overwrite and plot_source(plot) not in (None, source):
            raise AudioError(
                f"{args.output_dir} has takes of another run, {plot_source(plot)} (choose another "
                "--output_dir, or give --overwrite)"
            )
    for path in paths:
        check_plotted_sound(path, args.overwrite, "--output_dir", source)
