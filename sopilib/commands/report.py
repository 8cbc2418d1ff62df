"""`samplernn report`: show a training on one page, HTML or PNG: curves, settings, previews.

`sopilib.training.report_run` reads the run folder, `report_html` and `report_png` write the page.
"""

import argparse
import os
from pathlib import Path

from sopilib.audio.spectrogram import plot_source
from sopilib.commands import quantities
from sopilib.commands.take_output import add_overwrite_argument
from sopilib.errors import AudioError, RequestError
from sopilib.new_files import unwritable, write_whole
from sopilib.training.report_html import GENERATOR, html_report
from sopilib.training.report_png import SOURCE, png_report
from sopilib.training.report_run import read_run

_HEAD_BYTES = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn report`."""
    add = parser.add_argument
    add(
        "run_folder",
        type=quantities.path,
        metavar="RUN",
        help="a run folder: LOGDIR_ROOT/ID/DATE, or ID's",
    )
    add(
        "--output",
        type=quantities.file_path,
        metavar="FILE",
        help="a name in .html, or .png for one image (default: report.html in the run folder)",
    )
    add(
        "--previews",
        type=quantities.path,
        metavar="DIR",
        help="(default: previews in the run folder)",
    )
    add_overwrite_argument(parser, "only an earlier report")


def run(args: argparse.Namespace) -> int:
    """Run `samplernn report` and return its exit status."""
    run = read_run(args.run_folder, args.previews)
    path = args.output or run.folder / "report.html"
    if path.suffix not in (".html", ".htm", ".png"):
        raise RequestError(f"--output {path} (give a name that ends in .html or .png)")
    if path.suffix == ".png":
        content = png_report(run)
    else:
        content = html_report(run).encode(errors="backslashreplace")
    if args.output is not None and not args.overwrite and not _is_free(path):
        raise AudioError(f"{path} exists and is no report (choose another, or give --overwrite)")
    try:
        write_whole(path, content)
    except OSError as error:
        raise AudioError(unwritable(path, error)) from error
    print(f"{path}: {len(content) / 1e6:.1f} MB")
    return 0


def _is_free(path: Path) -> bool:
    """Return whether nothing but an earlier report is at `path`."""
    if not os.path.lexists(path):
        return True
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return GENERATOR.encode() in file.read(_HEAD_BYTES) or plot_source(path) == SOURCE
