"""`samplernn match`: make a model's takes resemble the recordings it was trained on.

It tries temperatures and noise shapings on a model and writes the best into its config
(`sopilib.training.match`). Nothing is trained, and the weights stay as they are.
"""

import argparse
import dataclasses
import itertools
import sys

from sopilib.audio.recordings import read_recordings
from sopilib.commands import quantities
from sopilib.commands.arguments import (
    add_model_to_change,
    add_rate_argument,
    find_model,
)
from sopilib.commands.comparison import add_corpus_argument, comparable_length
from sopilib.errors import RequestError
from sopilib.evaluation.reference import LEAST_DUR_S, reference_of
from sopilib.generation.request_checks import checked_length
from sopilib.model.config_file import check_writable_config, write_numbers
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn match`."""
    add = quantities.adder(parser)
    add_model_to_change(parser)
    add_rate_argument(parser)
    add_corpus_argument(parser)
    add(
        "--dur",
        type=quantities.SECONDS,
        default=20.0,
        metavar="S",
        help="seconds of a take (default 20)",
    )
    add(
        "--num_takes",
        type=quantities.VOICES,
        default=8,
        metavar="N",
        help="takes of each trial (default 8)",
    )
    add(
        "--num_trials",
        type=quantities.COUNT,
        default=NUM_TRIALS,
        metavar="N",
        help=f"ways to play it that are tried, at most (default {NUM_TRIALS})",
    )
    add(
        "--rng_seed",
        type=quantities.RNG_SEED,
        default=0,
        metavar="N",
        help="of every trial (default 0)",
    )
    add("--dry_run", action="store_true", help="print what is best and write nothing")


def run(args: argparse.Namespace) -> int:
    """Run `samplernn match`; return its exit status.

    Raises:
      RequestError: the takes are too short or too long.
      CheckpointError: there is no such model.
      ConfigError: its config cannot be changed.
      AudioError: the recordings cannot be used.
    """
    if args.dur < LEAST_DUR_S:
        raise RequestError(f"--dur {args.dur:g} (give {LEAST_DUR_S} seconds or more)")
    files = find_model(args, args.sample_rate)
    config = files.config
    if not args.dry_run:
        check_writable_config(files.config_path)  # before minutes of trials
    checked_length(args.dur, config.sample_rate, args.num_takes)
    corpus = read_recordings(args.data_dir, config.sample_rate)
    for line in [*corpus.left_out_lines(), *corpus.odd_lines()]:
        print(line, file=sys.stderr)
    dur_s = comparable_length(corpus, args.dur)
    reference = reference_of(corpus, config, dur_s)
    request = MatchRequest(dur_s, args.num_takes, args.rng_seed)

    def evaluate(playing: Playing) -> Trial:
        done = trial(files, reference, request, playing)
        print(f"{done.playing}: misfit {done.misfit:.2f}", file=sys.stderr, flush=True)
        return done

    before = Playing.of(config)
    trials = list(itertools.islice(search(evaluate, before), args.num_trials))
    best = best_of(trials).playing
    print(table(trials))
    if args.dry_run or best == before:
        print(f"best: {best}")
        return 0
    old = dataclasses.asdict(before)
    changed = {key: value for key, value in dataclasses.asdict(best).items() if value != old[key]}
    write_numbers(files.config_path, changed)
    print(f"{files.config_path}: {best} (was {before})")
    return 0
