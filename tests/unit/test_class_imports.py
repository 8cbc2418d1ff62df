"""The class runs in the Python inside Pd, which has only the standard library."""

import ast
import subprocess
import sys

import pytest
from places import PROJECT

ALLOWED = ("sopilib.protocol", "sopilib.installation", "sopilib.errors")
MODULES = sorted((PROJECT / "samplernn_pd").glob("*.py"))
OUTSIDE_PD = [
    path.stem
    for path in MODULES
    if path.stem not in ("__init__", "arrays", "external")  # these import pyext
]


def test_its_modules_import_the_standard_library_and_each_other_alone():
    code = (
        f"import sys; sys.path[:0] = [{str(PROJECT)!r}]; "
        f"import {', '.join(f'samplernn_pd.{name}' for name in OUTSIDE_PD)}; "
        "known = sys.stdlib_module_names | {'__main__', 'samplernn_pd', 'sopilib'}; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - known))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "samplernn_pd").glob("*.py")), ids=lambda path: path.name
)
def test_of_sopilib_it_imports_protocol_installation_and_errors_alone(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.partition(".")[0] == "sopilib" and name != "sopilib.__version__":
                assert name.startswith(ALLOWED), f"{path.name} line {node.lineno}: {name}"
