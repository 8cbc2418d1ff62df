"""What to say where the worker's Python lacks a package."""

import sys


def missing_package_text(error: ImportError) -> str:
    """Return one line that names the missing package and the command that installs it."""
    name = getattr(error, "name", None) or str(error)
    package = name.partition(".")[0]
    return f"{sys.executable} has no {package} ({sys.executable} -m pip install {package})"
