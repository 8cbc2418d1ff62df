"""Find the parts of an installation: the patches, the models, Pure Data.

In a checkout `pd/` and `models/` lie beside the packages. An installation that is
not editable has them under `share/samplernn` of its environment, where `setup.py`
puts them as data files.
"""

import os
import shutil
import site
import sys
import sysconfig
from pathlib import Path

from sopilib.errors import RequestError, SampleRNNError

PATCH = "samplernn.pd"
MACOS_APPLICATIONS = ("/Applications", "~/Applications")


class NotInstalledError(SampleRNNError):
    """A part of the installation is missing."""


def packages_folder() -> Path:
    """Return the folder that holds the packages `sopilib` and `samplernn_pd`."""
    return Path(__file__).resolve().parents[2]


def project_folder() -> Path:
    """Return the folder that holds `pd/` and `models/`: the checkout or `share/samplernn`.

    Raises:
        NotInstalledError: neither is there.
    """
    candidates = [packages_folder(), *_shared_folders()]
    for folder in candidates:
        if (folder / "pd" / PATCH).is_file():
            return folder
    raise NotInstalledError(
        f"no pd/{PATCH} in {' or '.join(map(str, candidates))} "
        "(install again: make install in a checkout, or pip install .)"
    )


def _shared_folders() -> list[Path]:
    """Return where installers put data files: in the environment, Debian's Python, the home.

    Python in Pd is not that of the environment: there only the place of the packages tells it.
    """
    own = packages_folder().parents  # lib/pythonX.Y/site-packages of an environment
    prefixes = [sys.prefix, sysconfig.get_path("data"), site.getuserbase(), *map(str, own[2:3])]
    return [Path(prefix) / "share" / "samplernn" for prefix in dict.fromkeys(prefixes)]


def patches_folder() -> Path:
    """Return the folder that holds `samplernn.pd` and, in `pyext/`, the loader.

    Raises:
        NotInstalledError: see `project_folder`.
    """
    return project_folder() / "pd"


def models_folder() -> Path:
    """Return the folder that holds the bundled models, one folder each. It may be missing.

    Raises:
        NotInstalledError: see `project_folder`.
    """
    return project_folder() / "models"


def presets_folder() -> Path:
    """Return the folder of the configurations for training. It may be missing.

    Raises:
        NotInstalledError: see `project_folder`.
    """
    return models_folder() / "presets"


def pd_program() -> str:
    """Return the path of Pure Data.

    The environment variable PD comes first, then `pd` on the PATH, then the latest of the
    macOS applications `Pd-*.app`.

    Raises:
        NotInstalledError: there is none.
    """
    named = os.environ.get("PD")
    if named:
        found = shutil.which(named)
        if not found:
            raise NotInstalledError(f"PD={named} is not a program (give Pd's path, or unset PD)")
        return found
    found = shutil.which("pd") or _pd_application()
    if not found:
        raise NotInstalledError(f"Pure Data is not installed ({pd_fix()})")
    return found


def _pd_application() -> str | None:
    """Return the path of Pd in the latest macOS application, or None if there is none."""
    programs = [
        program
        for folder in MACOS_APPLICATIONS
        for program in Path(folder).expanduser().glob("Pd-*.app/Contents/Resources/bin/pd")
    ]
    return str(max(programs, key=lambda program: program.parts[-5])) if programs else None


def pd_fix() -> str:
    """Return how to install Pd on this system, one clause."""
    if sys.platform == "darwin":
        return "run: brew install --cask pd"
    if shutil.which("apt-get"):
        return "run: sudo apt-get install puredata"
    return "install it from your system's packages or puredata.info"


def pd_search_path() -> list[str]:
    """Return the arguments that make Pd find the packages.

    The list is empty in a checkout, where the patches declare the path themselves.
    """
    if project_folder() == packages_folder():
        return []
    return ["-path", str(packages_folder())]


def make_folder(folder: Path, flag: str) -> None:
    """Create the folder that the user named with `flag` if it is missing.

    Raises:
        RequestError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"cannot make the folder {folder}: {error.strerror} (choose another {flag})"
        ) from error
