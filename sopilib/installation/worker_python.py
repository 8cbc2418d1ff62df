"""Choose the Python that runs the worker."""

import os

from sopilib.errors import RequestError
from sopilib.installation.paths import packages_folder

VARIABLE = "SAMPLERNN_PYTHON"
RECORD = packages_folder() / "samplernn_pd" / "worker_python.txt"


def worker_python(named: str | None = None) -> str:
    """Return the Python named in the message, else by SAMPLERNN_PYTHON, else the recorded one.

    Raises:
        RequestError: none of the three exists.
    """
    if named:
        return os.path.expanduser(str(named))
    python = os.environ.get(VARIABLE) or recorded_python()
    if not python:
        raise RequestError(
            f"no Python for the worker (run `make install`, set {VARIABLE}, "
            "or load --python P -- ...)"
        )
    return python


def recorded_python() -> str | None:
    """Return the Python of the installation, None if it is not recorded.

    Installing the project records the Python of that environment. It runs the worker if
    another Python was named and cannot.
    """
    try:
        return RECORD.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
