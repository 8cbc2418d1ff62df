"""What this Python lacks to run the worker, each in one line for the user."""

import importlib.util
import platform
import sys

from sopilib import engine


def missing_package_text(error: ImportError) -> str:
    """Return one line that names the missing package and the command that installs it."""
    package = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package != "sopilib":
        return f"{sys.executable} has no {package} ({sys.executable} -m pip install {package})"
    reason = (str(error).strip().splitlines() or ["no details"])[0]
    return f"{sys.executable} cannot import a package: {reason} (install it again)"


def no_generator_text() -> str | None:
    """Return one line if neither the engine nor TensorFlow can run here, else None."""
    if engine.is_built() or importlib.util.find_spec("tensorflow") is not None:
        return None
    return (
        f"{sys.executable} has no TensorFlow, and the engine is not built for "
        f"Python {platform.python_version()} ({sys.executable} -m pip install tensorflow)"
    )


def slow_generator_text() -> str | None:
    """Return one line if TensorFlow generates here, as the engine is not built, else None."""
    if engine.is_built():
        return None
    return (
        f"the engine is not built for Python {platform.python_version()} at {sys.executable}: "
        "TensorFlow makes the takes, 2 to 20 times slower (install again with this Python)"
    )
