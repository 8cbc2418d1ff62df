"""Which Python runs the worker."""

import os

from sopilib.errors import RequestError
from sopilib.installation.paths import packages_folder

VARIABLE = "SAMPLERNN_PYTHON"
RECORD = packages_folder() / "samplernn_pd" / "worker_python.txt"


def worker_python(named=None):
    """Returns the Python named in the message, else by SAMPLERNN_PYTHON, else the recorded one.

    The record is written when the project is installed and names the Python of that
    environment.

    Raises:
        RequestError: there is none of the three.
    """
    if named:
        return os.path.expanduser(str(named))
    if os.environ.get(VARIABLE):
        return os.environ[VARIABLE]
    try:
        return RECORD.read_text(encoding="utf-8").strip()
    except OSError:
        raise RequestError(
            f"no Python for the worker (run `make`, set {VARIABLE}, or load --python P -- ...)"
        ) from None
