"""Decide where models are, and which one a name stands for.

This is the only place that knows the folders of models; the class in Pd, the worker and the
commands all ask here. A model folder holds a `*.config.json` with a checkpoint or packed
weights. Folders are searched in this order, and a name in an earlier one hides the same name
in a later one: those that the caller names (the patch's, or the current folder), the user's
own, the bundled ones. Only the standard library is used, and of the files only texts are read.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sopilib.errors import CheckpointError
from sopilib.installation import paths
from sopilib.model_texts import rate_of_arguments, rate_of_config
from sopilib.small_files import is_closed_folder

CONFIG_SUFFIX = ".config.json"
_WEIGHTS_SUFFIXES = (".index", ".pack")


class Kind(str, Enum):
    """Where a model lies; the value is how it is shown."""

    BUNDLED = "bundled"  # came with the project
    INSTALLED = "installed"  # `samplernn install` put it into the user's folder
    PATCH = "patch"  # beside the patch
    PATH = "path"  # in a folder of Pd's search path or of a `declare -path`


@dataclass(frozen=True)
class ModelPlace:
    """A folder that holds model folders."""

    folder: Path
    kind: Kind


@dataclass(frozen=True)
class FoundModel:
    """A model folder.

    Attributes:
        name: of the folder; `load NAME` finds it.
        folder: absolute path.
        kind: where it lies.
        sample_rate: in Hz, 0 where neither the config nor `args.txt` states it.
    """

    name: str
    folder: Path
    kind: Kind
    sample_rate: int


def user_models_folder() -> Path:
    """Return the user's own folder of models; it may not exist yet."""
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.path.expanduser(data)) / "samplernn" / "models"


def bundled_models_folder() -> Path | None:
    """Return the folder of the bundled models, None where there is none.

    In a package for Pd's "Find externals" they lie beside the patches, in one flat folder.
    """
    try:
        return paths.models_folder()
    except paths.NotInstalledError:
        flat = paths.packages_folder()
        return flat if (flat / paths.PATCH).is_file() else None


def model_places(
    beside: Iterable[str | Path] = (), on_path: Iterable[str | Path] = ()
) -> list[ModelPlace]:
    """Return the places of models in the order of search, each folder once.

    Args:
        beside: folders of patches, or the current folder.
        on_path: folders of Pd's search path.
    """
    bundled = bundled_models_folder()
    own = [ModelPlace(user_models_folder(), Kind.INSTALLED)]
    own += [ModelPlace(bundled, Kind.BUNDLED)] if bundled else []
    own_folders = {_absolute(place.folder) for place in own}
    named = [ModelPlace(Path(folder), Kind.PATCH) for folder in beside]
    named += [ModelPlace(Path(folder), Kind.PATH) for folder in on_path]
    places = [place for place in named if _absolute(place.folder) not in own_folders] + own
    unique: dict[str, ModelPlace] = {}
    for place in places:
        unique.setdefault(_absolute(place.folder), place)
    return list(unique.values())


def search_folders(before: Iterable[str | Path] = ()) -> list[Path]:
    """Return the folders in which a name or relative path of a model is looked up, in order.

    The folder of the project comes last, for paths such as `models/preludes`.
    """
    folders = [Path(folder) for folder in before]
    folders += [place.folder for place in model_places()]
    bundled = bundled_models_folder()
    return [*folders, bundled.parent] if bundled else folders


def find_models(places: Sequence[ModelPlace]) -> list[FoundModel]:
    """Return the models in `places`, each name once: bundled ones first, then by name."""
    found: dict[str, FoundModel] = {}
    for place in places:
        for folder in _model_folders(place.folder):
            model = FoundModel(folder.name, folder, place.kind, stated_rate(folder))
            found.setdefault(folder.name, model)
    order = list(Kind)
    return sorted(found.values(), key=lambda model: (order.index(model.kind), model.name))


def unreadable_folders(places: Sequence[ModelPlace]) -> list[Path]:
    """Return the folders in `places`, and those places, that this user may not read."""
    inside = [folder for place in places for folder in _folders_in(place.folder)]
    folders = [*(Path(place.folder) for place in places), *inside]
    return [folder for folder in folders if is_closed_folder(folder)]


def complete_name(name: str, folders: Sequence[str | Path]) -> str:
    """Return the path of the one model whose name begins with `name`.

    A path, the name of something that exists, and the beginning of no model at all come back
    as they are.

    Args:
        name: as the user gave it.
        folders: of models, in the order of search.

    Raises:
        CheckpointError: it is the beginning of several models' names.
    """
    if not name or Path(name).name != name or _exists(name, folders):
        return name
    found = {
        path.name: path
        for folder in reversed(folders)
        for path in _model_folders(Path(folder))
        if path.name.startswith(name)
    }
    if len(found) > 1:
        raise CheckpointError(
            f"{name!r} is the beginning of several models: {', '.join(sorted(found))} "
            "(write more of the name)"
        )
    return str(next(iter(found.values()))) if found else name


def is_model_folder(folder: str | Path) -> bool:
    """Return whether a folder holds a config with a checkpoint or packed weights."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    has_config = any(name.endswith(CONFIG_SUFFIX) for name in names)
    return has_config and any(name.endswith(_WEIGHTS_SUFFIXES) for name in names)


def stated_rate(folder: Path) -> int:
    """Return the sample rate in Hz that the texts of a model state, 0 where none does.

    Loading the model also looks at recordings in its folder; a list of models does not.
    """
    configs = sorted(folder.glob(f"*{CONFIG_SUFFIX}"))
    rate = rate_of_config(configs[0]) if configs else None
    return rate or rate_of_arguments(folder) or 0


def _model_folders(place: Path) -> list[Path]:
    """Return the model folders in a folder, which may not exist, by name."""
    return [folder for folder in _folders_in(place) if is_model_folder(folder)]


def _folders_in(place: Path) -> list[Path]:
    """Return the folders in a folder, which may not exist or be read, by name."""
    try:
        with os.scandir(place) as entries:
            names = [e.name for e in entries if e.name[0] != "." and e.is_dir()]
    except (OSError, ValueError):  # a zero byte in its name
        return []
    return [Path(_absolute(place)) / name for name in sorted(names)]


def _exists(name: str, folders: Sequence[str | Path]) -> bool:
    places = [os.path.join(folder, name) for folder in folders]  # of a name of any length
    return any(os.path.exists(p) or os.path.exists(f"{p}.index") for p in places)


def _absolute(folder: str | Path) -> str:
    return os.path.abspath(folder)
