"""`samplernn play`: open the patch in Pure Data."""

import os
import subprocess
import sys

from sopilib.errors import SampleRNNError
from sopilib.installation import paths


class DisplayError(SampleRNNError):
    """There is no display on which Pd could open a window."""


def add_arguments(parser):
    """Adds the arguments of `samplernn play` to an `argparse` parser."""
    parser.add_argument(
        "pd_arguments",
        nargs="*",
        metavar="ARGUMENT",
        help="passed on to Pd, after --: samplernn play -- -jack -audiobuf 20",
    )


def run(args):
    """Opens the patch in Pd and returns Pd's exit status.

    Args:
        args: parsed arguments, see `add_arguments`.

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


def has_display():
    """Returns whether Pd, whose windows are of X11 except on macOS, can open one here."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY"))
