"""`samplernn report`: show a training on one page, HTML or PNG: curves, settings, previews.

`sopilib.training.report_run` reads the run folder, `report_html` and `report_png` write the page.
"""

import argparse

from sopilib.commands import quantities
from sopilib.errors import AudioError, RequestError
from sopilib.training.report_html import html_report
from sopilib.training.report_png import png_report
from sopilib.training.report_run import read_run


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
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AudioError(f"cannot write {path}: {error.strerror} (choose another)") from error
    print(f"{path}: {len(content) / 1e6:.1f} MB")
    return 0
