"""`samplernn set-rate`: write a model's sample rate into its config."""

import argparse
from pathlib import Path

from sopilib.commands import quantities
from sopilib.commands.arguments import add_model_to_change, model_path, search_folders
from sopilib.errors import ConfigError
from sopilib.model.config_file import write_numbers
from sopilib.model.folder import find_model, find_model_config
from sopilib.model.sample_rate import RateSource


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `samplernn set-rate`."""
    add = quantities.adder(parser)
    add_model_to_change(parser)
    add(
        "rate",
        type=quantities.RATE,
        metavar="HZ",
        help="sample rate of the sounds on which it was trained",
    )


def run(args: argparse.Namespace) -> int:
    """Run `samplernn set-rate`; return its exit status.

    Raises:
        CheckpointError, ConfigError: there is no such model, or its config cannot be changed.
    """
    rate: int = args.rate
    path = find_model_config(model_path(args.model), args.config, search_folders())
    before = _rate_before(args)
    if before == (rate, RateSource.CONFIG):
        print(f"{path}: sample_rate is {rate} Hz already")
        return 0
    write_numbers(Path(path), {"sample_rate": rate})
    was = "an invalid one" if before is None else f"{before[0]} Hz, {before[1].value}"
    print(f"{path}: sample_rate set to {rate} Hz (was {was})")
    return 0


def _rate_before(args: argparse.Namespace) -> tuple[int, RateSource] | None:
    """Return the rate of the model so far and its source, None if the config is invalid."""
    try:
        files = find_model(model_path(args.model), args.config, search_folders())
    except ConfigError:
        return None
    return files.config.sample_rate, files.rate_source
