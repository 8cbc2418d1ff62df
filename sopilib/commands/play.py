"""`samplernn play`: open the patch in Pure Data."""

import argparse
import os
import subprocess
import sys

from sopilib.errors import SampleRNNError
from sopilib.installation import paths


class DisplayError(SampleRNNError):
    """There is no display on which Pd could open a window."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `samplernn play`."""
    parser.add_argument(
        "pd_arguments",
        nargs="*",
        metavar="ARGUMENT",
        help="for Pd, after --: samplernn play -- -jack -audiobuf 20",
    )


def run(args: argparse.Namespace) -> int:
    """Open the patch in Pd; return Pd's exit status.

    Raises:
        DisplayError: there is no display.
        paths.NotInstalledError: there is no Pd or no patch.
    """
    program = paths.pd_program()
    if not has_display():
        raise DisplayError(
            "no display to open the patch on (DISPLAY is not set; without one: samplernn demo)"
        )
    patch = paths.patches_folder() / paths.PATCH
    return subprocess.call([program, *paths.pd_search_path(), *args.pd_arguments, str(patch)])


def has_display() -> bool:
    """Return whether Pd can open a window here: X11 except on macOS."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY"))
