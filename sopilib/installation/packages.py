"""Packages that some commands need beside the project's own, checked before they work."""

import importlib.util
import sys

from sopilib.errors import PythonError

ALBUM = ("joblib", "pyloudnorm")
CLUSTER = ("dask", "distributed")
LOUDNESS = ("pyloudnorm",)


def check_packages(packages: tuple[str, ...], purpose: str) -> None:
    """Refuse to begin where a package is missing.

    Args:
      packages: that are needed.
      purpose: for which, such as 'albums'.

    Raises:
      PythonError: one is missing.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise PythonError(
            f"{purpose} need {' and '.join(missing)}, which {sys.executable} lacks (run: "
            f"{sys.executable} -m pip install {' '.join(missing)})"
        )
