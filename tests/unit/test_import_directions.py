"""Keep the directions of imports as docs/architecture.md shows them.

A package that is missing in the table fails, so that a new one must be entered there.
"""

import ast
import sys

import pytest
from places import PROJECT

# `sopilib` itself holds the version alone
_BASE = {
    "sopilib",
    "sopilib.errors",
    "sopilib.file_digest",
    "sopilib.limits",
    "sopilib.lock_file",
    "sopilib.model_texts",
    "sopilib.new_files",
    "sopilib.small_files",
}
_SOUND = {"sopilib.model", "sopilib.audio"}
_ENGINE = {"sopilib.engine", *_SOUND}
_EVALUATION = {"sopilib.evaluation", *_ENGINE}
_GENERATION = {"sopilib.generation", *_EVALUATION}

# of each package, those that it may import beside itself and _BASE; arrows go down only
MAY_IMPORT = {
    "sopilib.commands": {
        "sopilib.album",
        "sopilib.training",
        "sopilib.worker",
        "sopilib.installation",
        *_GENERATION,
    },
    "sopilib.training": {"sopilib.installation", *_GENERATION},
    "sopilib.worker": {"sopilib.protocol", "sopilib.installation", *_GENERATION},
    "sopilib.album": {"sopilib.installation", *_GENERATION},
    "sopilib.generation": _EVALUATION,
    "sopilib.evaluation": _ENGINE,
    "sopilib.engine": _SOUND,
    "samplernn_pd": {"sopilib.protocol", "sopilib.installation"},
    "sopilib.model": set(),
    "sopilib.audio": set(),
    "sopilib.installation": set(),
    "sopilib.protocol": set(),
    "sopilib.errors": set(),
    "sopilib.file_digest": {"sopilib.small_files"},
    "sopilib.limits": set(),
    "sopilib.lock_file": set(),
    "sopilib.model_texts": {"sopilib.limits", "sopilib.small_files"},
    "sopilib.new_files": set(),
    "sopilib.small_files": set(),
    "sopilib": set(),
}
# Pd's own Python has the standard library only; `pyext` is what hosts it there
ONLY_STANDARD_LIBRARY = {"samplernn_pd": {"pyext"}}


def unit_of(module):
    """Return the row of the table for a module: its package or, in `sopilib`, subpackage."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "sopilib" else parts[0]


def imported_modules(path, module):
    """Yield (line, module) for each import in a file, those inside functions included."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{name.name}") for name in node.names)


def is_subcommand(path):
    """Return whether a file of `sopilib/commands` defines `add_arguments` and `run`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {"add_arguments", "run"} <= names


def wrong_imports(root):
    """Return a line for each import in the tree at `root` that goes the wrong way."""
    files = [path for top in ("sopilib", "samplernn_pd") for path in (root / top).rglob("*.py")]
    modules = {path: module_of(root, path) for path in files}
    units = {unit_of(module) for module in modules.values()} | set(MAY_IMPORT)
    subcommands = {
        modules[path]
        for path in files
        if modules[path].startswith("sopilib.commands.") and is_subcommand(path)
    }
    wrong = []
    for path, module in sorted(modules.items()):
        for line, imported in imported_modules(path, module):
            reason = why_wrong(module, imported, units, subcommands)
            if reason:
                wrong.append(f"{path.relative_to(root)}:{line}: {reason}")
    return wrong


def module_of(root, path):
    """Return the dotted name of a file below `root`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def why_wrong(module, imported, units, subcommands):
    """Return what is wrong with `module` importing `imported`, None if nothing is."""
    unit, target = unit_of(module), unit_of(imported)
    if unit not in MAY_IMPORT:
        return f"{unit} is not in the table"
    if imported.split(".")[0] not in ("sopilib", "samplernn_pd"):
        top, allowed = imported.split(".")[0], ONLY_STANDARD_LIBRARY.get(unit)
        if allowed is not None and top not in sys.stdlib_module_names | allowed:
            return f"{unit} imports {top}, which Pd's Python lacks"
        return None
    if target not in units:
        target = "sopilib"  # a name such as `__version__`, not a module
    other = next((name for name in subcommands if f"{imported}.".startswith(f"{name}.")), None)
    if other not in (None, module):
        return f"{module} imports the subcommand {other}"
    if target not in {unit, *_BASE, *MAY_IMPORT[unit]}:
        return f"{unit} imports {target}"
    return None


def test_no_import_goes_the_wrong_way():
    assert wrong_imports(PROJECT) == []


def test_the_table_names_the_packages_that_there_are():
    found = {
        unit_of(module_of(PROJECT, path)) for path in (PROJECT / "sopilib").glob("*/__init__.py")
    }
    assert found == set(MAY_IMPORT) - _BASE - {"samplernn_pd"}


def test_the_table_has_no_circle():
    for unit, below in MAY_IMPORT.items():
        assert all(unit not in MAY_IMPORT[other] for other in below)


@pytest.mark.parametrize(
    "name, text, told",
    [
        (
            "sopilib/model/config.py",
            "from sopilib.engine.pack import pack",
            "imports sopilib.engine",
        ),
        ("sopilib/engine/load.py", "import sopilib.generation.take", "imports sopilib.generation"),
        ("sopilib/engine/load.py", "from sopilib import training", "imports sopilib.training"),
        ("sopilib/engine/load.py", "from ..worker import session", "imports sopilib.worker"),
        (
            "sopilib/audio/files.py",
            "def f():\n    from sopilib.model import config",
            "sopilib.model",
        ),
        ("sopilib/protocol/codec.py", "import samplernn_pd.client", "imports samplernn_pd"),
        ("sopilib/errors.py", "from sopilib.audio import files", "imports sopilib.audio"),
        (
            "samplernn_pd/client.py",
            "from sopilib.model.config import load",
            "imports sopilib.model",
        ),
        ("samplernn_pd/client.py", "import numpy as np", "imports numpy, which Pd's Python lacks"),
        ("sopilib/news/paper.py", "import json", "sopilib.news is not in the table"),
        ("sopilib/commands/info.py", "from sopilib.commands import play", "subcommand"),
        ("sopilib/commands/info.py", "from sopilib.commands.play import run", "subcommand"),
    ],
)
def test_an_import_turned_round_is_found(name, text, told, tmp_path):
    tree = {
        "sopilib/__init__.py": "__version__ = '1'",
        "sopilib/commands/play.py": "def add_arguments(parser): ...\ndef run(args): ...",
        "sopilib/commands/info.py": "def add_arguments(parser): ...\ndef run(args): ...",
        "sopilib/commands/arguments.py": "from sopilib import __version__\nimport numpy",
        "samplernn_pd/client.py": "from sopilib.protocol import messages\nimport json, pyext",
        "sopilib/protocol/messages.py": "from sopilib.errors import ProtocolError",
        "sopilib/engine/load.py": "from sopilib.model.config import ModelConfig",
    }
    for place, content in tree.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(content)
    assert wrong_imports(tmp_path) == []
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}\n{text}\n")
    (found,) = wrong_imports(tmp_path)
    assert found.startswith(f"{name}:")
    assert told in found
