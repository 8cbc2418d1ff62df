"""`samplernn export`: a folder that plays without TensorFlow."""

import argparse

from sopilib.commands import quantities
from sopilib.commands.arguments import (
    PRECISIONS,
    add_model_arguments,
    add_rate_argument,
    find_model,
)
from sopilib.commands.take_output import add_overwrite_argument
from sopilib.engine.export import export_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn export`."""
    add_model_arguments(parser)
    add_rate_argument(parser)
    parser.add_argument(
        "--precision",
        nargs="+",
        default=PRECISIONS,
        choices=PRECISIONS,
        help="the precisions to write (default: all)",
    )
    quantities.adder(parser)(
        "--temperature",
        type=quantities.TEMPERATURE,
        default=1.0,
        metavar="T",
        help="the temperature that becomes temperature 1 of the exported model (default 1)",
    )
    parser.add_argument("--output_dir", type=quantities.path, required=True, metavar="DIR")
    add_overwrite_argument(parser, "only an earlier export of the model")


def run(args: argparse.Namespace) -> int:
    """Run `samplernn export`; return its exit status.

    Raises:
        RequestError: the temperature is out of range.
        CheckpointError: the model does not load, or the folder cannot be written.
    """
    files = find_model(args, args.sample_rate)
    for path in export_model(
        files, args.precision, args.output_dir, args.overwrite, args.temperature
    ):
        print(path)
    return 0
