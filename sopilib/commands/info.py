"""`samplernn info`: describe a model."""

import argparse
from pathlib import Path

from sopilib.commands.arguments import add_model_arguments, find_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn info`."""
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run `samplernn info`; return its exit status."""
    files = find_model(args)
    facts = {
        "name": files.name,
        "folder": files.folder,
        "config": files.config_path.name,
        **files.config.to_dict(),
        "sample_rate": files.rate_text,
    }
    if files.prefix is not None:
        from sopilib.model.checkpoint import load_model  # imports TensorFlow

        variables = load_model(files).trainable_variables
        facts["checkpoint"] = Path(files.prefix).name
        facts["parameters"] = sum(int(v.shape.num_elements()) for v in variables)
    for key, value in facts.items():
        print(f"{key:16}{value}")
    return 0
