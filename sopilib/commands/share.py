"""`samplernn share`: a model as one zip file, with card, licence and preview."""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from sopilib.commands import quantities
from sopilib.commands.arguments import PRECISIONS, add_name_argument, model_path, search_folders
from sopilib.engine.export import export_model
from sopilib.errors import CheckpointError, RequestError
from sopilib.model.folder import ModelFiles, find_model, is_run_name
from sopilib.model.package import (
    about_files,
    check_name,
    copy_files,
    missing_for_sharing,
    model_files,
    write_zip,
)
from sopilib.training.history import find_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `samplernn share`."""
    add = quantities.adder(parser)
    add(
        "model",
        type=quantities.model_name,
        metavar="RUN|FOLDER",
        help="a run of samplernn train, a model folder, or a name",
    )
    add_name_argument(parser)
    add(
        "--output_path",
        type=quantities.file_path,
        metavar="FILE.zip",
        help="(default: NAME.zip)",
    )
    add(
        "--precision",
        nargs="+",
        default=["int8"],
        choices=PRECISIONS,
        help="the precisions in which a run is exported (default: int8)",
    )


def run(args: argparse.Namespace) -> int:
    """Run `samplernn share`; return its exit status.

    Raises:
        RequestError: card, licence or preview is missing, or the file cannot be written.
        CheckpointError, ConfigError: there is no such model.
    """
    trained = _run_of(args.model)
    files = find_model(trained or model_path(args.model), search=search_folders())
    name = check_name(args.name or _name_of(files))
    if missing := missing_for_sharing(files.folder):
        raise RequestError(f"{files.folder} is not ready to share: {'; '.join(missing)}")
    path = args.output_path or Path(f"{name}.zip")
    with tempfile.TemporaryDirectory() as staging:
        folder = Path(staging) / name
        if trained is None:
            copy_files(model_files(files), folder)
        else:
            copy_files(about_files(files.folder), folder)
            export_model(dataclasses.replace(files, name=name), args.precision, folder)
        write_zip(folder, path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB (samplernn install {path} adds it)")
    return 0


def _run_of(model: str) -> Path | None:
    """Return the run folder that is `model` or in it, None for any other model."""
    try:
        return find_run(Path(model).expanduser())
    except CheckpointError:
        return None


def _name_of(files: ModelFiles) -> str:
    """Return the folder's name, of a run folder that of the folder around it."""
    return files.folder.parent.name if is_run_name(files.name) else files.name
