"""`--best_of N`: generate and measure N takes, and keep the random seed of the best."""

import argparse
import dataclasses
import sys

from sopilib.audio.recordings import read_recordings
from sopilib.commands import quantities
from sopilib.commands.take_writing import sound_progress
from sopilib.errors import RequestError
from sopilib.evaluation.choice import choose
from sopilib.evaluation.reference import LEAST_DUR_S, reference_of
from sopilib.evaluation.similarity import ReferenceStatistics
from sopilib.generation.candidates import (
    compared_take,
    measured_takes,
    rng_seeds_from,
    scoring_generator,
)
from sopilib.generation.generator import make_generator
from sopilib.generation.request_checks import checked_length, checked_rng_seed
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take import TakeRequest
from sopilib.model.config import ModelConfig
from sopilib.model.folder import ModelFiles


def add_best_of_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that have a take chosen from several."""
    add = quantities.adder(parser)
    add(
        "--best_of",
        type=quantities.CANDIDATES,
        metavar="N",
        help="measure N takes, with random seeds from --rng_seed on, and keep the best",
    )
    add(
        "--data_dir",
        type=quantities.path,
        nargs="+",
        metavar="CORPUS",
        help="with --best_of: the recordings on which the model was trained, to compare takes with",
    )


def check_best_of(args: argparse.Namespace) -> None:
    """Refuse flags that have no meaning together.

    Raises:
      RequestError: there are such flags.
    """
    if args.best_of is None and args.data_dir is not None:
        raise RequestError("--data_dir compares takes to choose (give --best_of N, too)")
    if args.best_of is not None and args.num_seqs != 1:
        raise RequestError(
            f"--best_of {args.best_of} with {args.num_seqs} voices chooses one voice (leave out "
            "--num_seqs, and repeat the command with another --rng_seed for the next voice)"
        )


def chosen_request(
    args: argparse.Namespace, files: ModelFiles, generator: SampleGenerator, request: TakeRequest
) -> TakeRequest:
    """Return the request of the best of the takes that the flags ask for, and tell which it is.

    Args:
      args: of the command.
      files: of the model.
      generator: of one voice, with which the chosen take will be generated.
      request: of the take, for one voice.

    Raises:
      RequestError: the generator is not the engine's, or the takes are too long to compare.
      AudioError: the corpus cannot be used.
    """
    precision = scoring_generator(generator).precision
    rng_seeds = rng_seeds_from(checked_rng_seed(request.rng_seed), args.best_of)
    voices = make_generator(files, args.best_of, "native", precision, args.threads)
    reference = None if args.data_dir is None else _reference(args, files.config)
    rate, what = files.config.sample_rate, f"{args.best_of} takes to choose from"
    with sound_progress(round(args.dur * rate), rate, what=what) as advance:
        takes = measured_takes(
            scoring_generator(voices),
            request,
            rng_seeds,
            keep_audio=reference is not None,
            advance=advance,
        )
    if reference is not None:
        takes = [compared_take(take, reference) for take in takes]
    choice = choose([take.candidate for take in takes])
    print(choice.why, file=sys.stderr)
    return dataclasses.replace(request, rng_seed=choice.kept.rng_seed, choice=choice.as_json())


def _reference(args: argparse.Namespace, config: ModelConfig) -> ReferenceStatistics:
    """Return the statistics of the corpus, after checking that the takes can be compared."""
    if args.dur < LEAST_DUR_S:
        raise RequestError(
            f"--dur {args.dur:g} is too short to compare (give {LEAST_DUR_S} s or more with "
            "--data_dir)"
        )
    checked_length(args.dur, config.sample_rate, args.best_of)
    corpus = read_recordings(args.data_dir, config.sample_rate)
    for line in [*corpus.left_out_lines(), *corpus.odd_lines()]:
        print(line, file=sys.stderr)
    return reference_of(corpus, config, args.dur)
