"""Our loader built to behave like the original pyext: a stand-in for it in tests.

It sets `_isthreaded` in every handler, knows neither `declare -path` nor the project's
environment nor the folders around itself, has no `thread_safe` and no slices of Buffers,
calls no `_del` when Pd quits, and ends Pd where the original crashes. Pd loads it on
startup, so that Pd looks for no other [pyext].
"""

import importlib.util
import os
import sys
from pathlib import Path

from places import PROJECT

BUILD = PROJECT / "pd" / "pyext" / "build_loader.py"


def build_stand_in(folder: Path, name: str = "pyext") -> tuple[str, str]:
    """Build it in `folder` and return the arguments with which Pd loads it.

    Args:
        folder: where to build; created if it is missing.
        name: of the library; the original is also installed as `py`.
    """
    flags = f"-DPYEXT_STAND_IN -Dpyext_setup={name}_setup"
    loader = _build_with(flags, folder)
    loader.rename(loader.with_stem(name))
    return "-lib", str(folder / name)


def _build_with(flags: str, folder: Path) -> Path:
    spec = importlib.util.spec_from_file_location("build_loader_for_tests", BUILD)
    build_loader = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = build_loader
    spec.loader.exec_module(build_loader)
    before = os.environ.get("CFLAGS")
    os.environ["CFLAGS"] = flags
    try:
        loader = build_loader.build(folder, "/no/site-packages")
    finally:
        del sys.modules[spec.name], os.environ["CFLAGS"]
        if before is not None:
            os.environ["CFLAGS"] = before
    assert loader is not None, "the stand-in is not built, see above"
    return loader
