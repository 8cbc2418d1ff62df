"""`samplernn score`: measure the bits per sample that a model needs for sound files."""

import argparse
import json

from sopilib.commands import quantities
from sopilib.commands.arguments import (
    PRECISIONS,
    add_model_arguments,
    add_rate_argument,
    find_model,
    tell_assumed_rate,
)
from sopilib.engine.engine import EngineGenerator
from sopilib.evaluation import engine_score
from sopilib.evaluation.bits import Score
from sopilib.generation.generator import make_generator
from sopilib.model.folder import ModelFiles


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn score`."""
    add_model_arguments(parser)
    add_rate_argument(parser)
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="score through the engine in this precision (default: TensorFlow)",
    )
    parser.add_argument("files", nargs="+", type=quantities.path, metavar="FILE.wav")
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(args: argparse.Namespace) -> int:
    """Run `samplernn score`; return its exit status."""
    files = find_model(args, args.sample_rate)
    score = _engine_score(args, files) if args.precision else _tensorflow_score(args, files)
    if args.json:
        print(json.dumps(score._asdict()))
    else:
        print(f"{score.bits_per_sample:.4f} bits per sample ({score.num_samples} samples)")
    tell_assumed_rate(files)
    return 0


def _tensorflow_score(args: argparse.Namespace, files: ModelFiles) -> Score:
    from sopilib.evaluation.tensorflow_score import score_files
    from sopilib.model.checkpoint import load_model

    return score_files(load_model(files), args.files)


def _engine_score(args: argparse.Namespace, files: ModelFiles) -> Score:
    generator = make_generator(files, 1, "native", args.precision)
    assert isinstance(generator, EngineGenerator)  # what "native" makes
    return engine_score.score_files(generator, args.files)
