"""Import the `sopilib` beside this package inside Pd.

Other Python classes in the same Pd may use another package of that name, earlier in
`sys.path`. Both packages then share the name: Python looks for a module in both.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

NAME = "sopilib"
OWN = Path(__file__).resolve().parent.parent / NAME


def import_sopilib() -> None:
    """Import our `sopilib`, or merge it with another one that Pd's Python has imported.

    The class and the other classes then all find their own modules under that name.
    """
    loaded = sys.modules.get(NAME)
    if loaded is None:
        _import_own(others=_other_folders())
        return
    folders = [str(folder) for folder in getattr(loaded, "__path__", [])]
    if str(OWN) not in folders:
        loaded.__path__ = [str(OWN), *folders]
        _add_missing_names(loaded)


def _other_folders() -> list[str]:
    folders = [Path(entry) / NAME for entry in sys.path]
    return [str(folder) for folder in folders if folder.is_dir() and not folder.samefile(OWN)]


def _import_own(others: list[str]) -> None:
    module, execute = _own_module(others)
    sys.modules[NAME] = module
    execute(module)


def _own_module(others: list[str]) -> tuple[ModuleType, Callable[[ModuleType], None]]:
    """Return our `sopilib`, not executed yet, and the function that executes it."""
    spec = importlib.util.spec_from_file_location(
        NAME, OWN / "__init__.py", submodule_search_locations=[str(OWN), *others]
    )
    assert spec is not None
    assert spec.loader is not None
    return importlib.util.module_from_spec(spec), spec.loader.exec_module


def _add_missing_names(loaded: ModuleType) -> None:
    own, execute = _own_module([])
    execute(own)
    for name, value in vars(own).items():
        vars(loaded).setdefault(name, value)
