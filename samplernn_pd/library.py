"""Which `sopilib` the class imports inside Pd: the one that lies beside it.

Other Python classes in the same Pd may use another package of that name, which stands
before ours in their `sys.path`. Both then share the name: what one does not have is
looked for in the other.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

NAME = "sopilib"
OWN = Path(__file__).resolve().parent.parent / NAME


def import_sopilib() -> None:
    """Import our `sopilib`, or join it to another one that Pd's Python has imported.

    The class then finds its own modules under that name, and so do the other classes.
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
    """Return our `sopilib`, not executed yet, and what executes it."""
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
