"""Find a user's own pyext: the original external, which Pd loads by `-lib`.

Its name is `py`, as in many courses, or `pyext`. Pd looks for a library in its folders for
externals, and in each of them also in a folder with the library's name.
"""

import os
import sys
from pathlib import Path

NAMES = ("py", "pyext")
LINUX_FOLDERS = (
    "~/Documents/Pd/externals",
    "~/.local/lib/pd/extra",
    "~/pd-externals",
    "/usr/local/lib/pd-externals",
    "/usr/local/lib/pd/extra",
    "/usr/lib/pd/extra",
)
MACOS_FOLDERS = ("~/Documents/Pd/externals", "~/Library/Pd", "/Library/Pd")
LINUX_SUFFIXES = (".pd_linux", ".l_", ".linux-", ".so")
MACOS_SUFFIXES = (".pd_darwin", ".d_", ".darwin-", ".so")


def find_original_pyext() -> Path | None:
    """Return the library that `-lib py` or else `-lib pyext` loads, or None."""
    is_macos = sys.platform == "darwin"
    folders = MACOS_FOLDERS if is_macos else LINUX_FOLDERS
    suffixes = MACOS_SUFFIXES if is_macos else LINUX_SUFFIXES
    for name in NAMES:
        for folder in map(os.path.expanduser, folders):
            for library in (*Path(folder).glob(f"{name}.*"), *Path(folder, name).glob(f"{name}.*")):
                if library.name.removeprefix(name).startswith(suffixes):
                    return library
    return None
