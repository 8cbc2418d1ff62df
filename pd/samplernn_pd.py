"""Lead from the patches in this folder to the package `samplernn_pd`.

The original pyext looks for a class beside the patch and on Pd's search path, but not
in paths that a patch declares, nor in the environment of the installation. It finds this
module beside the patches. The module replaces itself with the package: the one on
Python's path, else the one of the checkout or installation around it. If there is none,
the module offers a class that reports this. The module runs in any Python 3, so that it
can report a Python that is too old.
"""

import importlib.util
import sys
from pathlib import Path

NAME = "samplernn_pd"
PATCHES = Path(__file__).resolve().parent
OLDEST_PYTHON = (3, 10)


def nearby_folders() -> "list[Path]":
    """Return where the package lies in a checkout or under an environment, newest first."""
    environment = Path(*PATCHES.parts[:-3])  # of share/samplernn/pd
    installed = list(environment.glob("lib*/python*/*-packages/" + NAME))
    newest_first = sorted(installed, key=lambda path: path.stat().st_mtime, reverse=True)
    return [PATCHES.parent, *(path.parent for path in newest_first), environment]


def find_package() -> Path:
    """Return the folder of the package; raise ImportError if there is none."""
    for folder in [*map(Path, sys.path), *nearby_folders()]:
        if (folder / NAME / "__init__.py").is_file():
            return folder / NAME
    raise ImportError(
        "no package " + NAME + " near " + str(PATCHES) + " (run make install in a checkout, "
        "or pip install ., or add the folder that holds it to Pd's search path)"
    )


def import_package() -> None:
    """Replace this module with the package; raise ImportError if that fails."""
    if sys.version_info < OLDEST_PYTHON:
        running, needed = sys.version_info, OLDEST_PYTHON
        raise ImportError(
            f"the Python in Pd is {running[0]}.{running[1]} (the class needs {needed[0]}."
            f"{needed[1]}: use a pyext built with it, or the one of this project)"
        )
    package = find_package()
    spec = importlib.util.spec_from_file_location(
        NAME, str(package / "__init__.py"), submodule_search_locations=[str(package)]
    )
    this_module = sys.modules[NAME]
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[NAME])
    except ImportError:
        sys.modules[NAME] = this_module
        raise


def class_that_says(reason: str) -> type:
    """Return a class `samplernn` that answers every message with an error."""
    import pyext

    class samplernn(pyext._class):
        _inlets = 1
        _outlets = 1

        def __init__(self, *args):
            print("samplernn: " + reason, file=sys.stderr)

        def _anything_1(self, selector, *atoms):
            if str(selector) != "poll":
                self._outlet(1, "error", reason.split())

    return samplernn


try:
    import_package()
except ImportError as error:
    samplernn = class_that_says(str(error).replace("%", " percent"))
