"""`samplernn install`: add a model from a zip file or folder to the user's own models."""

import argparse
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sopilib.commands import quantities
from sopilib.commands.arguments import add_name_argument
from sopilib.engine import is_built
from sopilib.errors import RequestError
from sopilib.generation.generator import make_generator
from sopilib.installation.models import (
    Kind,
    find_models,
    is_model_folder,
    model_places,
    user_models_folder,
)
from sopilib.installation.paths import make_folder
from sopilib.model.folder import ModelFiles, find_model
from sopilib.model.package import check_name, copy_files, model_files, unpack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `samplernn install`."""
    add = quantities.adder(parser)
    add(
        "source",
        type=quantities.path,
        metavar="FILE.zip|FOLDER",
        help="a model as `samplernn share` writes it",
    )
    add_name_argument(parser)
    add("--overwrite", action="store_true", help="replace a model of that name")


def run(args: argparse.Namespace) -> int:
    """Run `samplernn install`; return its exit status.

    Raises:
        RequestError: there is no model in the source, or one of that name exists.
        CheckpointError, ConfigError: the model does not load.
    """
    own = user_models_folder()
    make_folder(own, "XDG_DATA_HOME")
    with tempfile.TemporaryDirectory(prefix=".installing-", dir=own) as staging:
        with _model_folder(args.source, Path(staging)) as source:
            name = check_name(args.name or source.name)
            _check_free(name, args.overwrite)
            ready = Path(staging) / "ready" / name
            copy_files(model_files(find_model(source)), ready)
        _load(find_model(ready))
        _move(ready, own / name, Path(staging) / "old")
    print(f"{own / name} (in Pd: load {name})")
    return 0


@contextlib.contextmanager
def _model_folder(source: Path, staging: Path) -> Iterator[Path]:
    """Yield the model folder that is `source`, or in it; a zip file is unpacked first."""
    if source.is_dir():
        yield _only_model(source.resolve(), source)
        return
    if not source.is_file():
        raise RequestError(f"no file or folder {source} (give a zip file or a model folder)")
    unpacked = staging / "unpacked" / source.stem
    unpacked.mkdir(parents=True)
    unpack(source, unpacked)
    yield _only_model(unpacked, source)


def _only_model(folder: Path, source: Path) -> Path:
    """Return `folder` or the one model folder in it."""
    if is_model_folder(folder):
        return folder
    inside = [path for path in sorted(folder.iterdir()) if is_model_folder(path)]
    if len(inside) != 1:
        names = ", ".join(path.name for path in inside)
        raise RequestError(
            f"{source} holds several models: {names} (install one after the other)"
            if inside
            else f"{source} holds no model: no *.config.json with a checkpoint or *.pack "
            "(give a zip file of samplernn share, or a model folder)"
        )
    return inside[0]


def _load(files: ModelFiles) -> None:
    """Load a model, an exported one in each of its precisions; raise where it does not load.

    Of a checkpoint the packed weights stay in its folder, so that the first load in Pd is quick.
    """
    packs = [] if files.prefix else sorted(files.folder.glob("*.pack"))
    precisions = [path.name.split(".")[-2] for path in packs]
    for precision in precisions or ["int8" if is_built() else "float32"]:
        make_generator(files, num_seqs=1, precision=precision, threads=1)


def _check_free(name: str, overwrite: bool) -> None:
    """Raise unless no model of that name is installed or bundled, or it may be replaced."""
    taken = {model.name: model for model in find_models(model_places())}.get(name)
    if taken is None or overwrite:
        return
    is_bundled = taken.kind is Kind.BUNDLED
    raise RequestError(
        f"a model {name} is {'bundled' if is_bundled else f'in {taken.folder}'} "
        f"(--name N for another name, --overwrite to {'hide' if is_bundled else 'replace'} it)"
    )


def _move(ready: Path, place: Path, old: Path) -> None:
    """Move a complete model to its place; what was there goes to `old`."""
    try:
        if place.exists():
            os.replace(place, old)
        os.replace(ready, place)
    except OSError as error:
        if old.exists() and not place.exists():
            shutil.move(old, place)
        raise RequestError(f"cannot write {place}: {error.strerror} (check its folder)") from error
