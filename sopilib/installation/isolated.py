"""Run a module of `sopilib` in any Python, isolated from the packages installed there.

    PYTHON .../sopilib/installation/isolated.py sopilib.worker

It first checks the version of PYTHON. Then it puts a finder before all others that takes
`sopilib` and everything in it from the folder that this file belongs to, so that neither an
installed package of that name nor one on PYTHONPATH hides it. The folder itself is on the
path only if it belongs to PYTHON, because the packages beside ours may be built for another
Python. All other packages are PYTHON's own.

Python 2.7 must be able to parse this file in order to report that it is too old: no
annotations, no f-strings. A Python that cannot run the worker prints the reason in one line
on standard error and exits with the status `REFUSED`.
"""

import os
import runpy
import sys

PACKAGE = "sopilib"
OLDEST, NEWEST = (3, 10), (3, 13)
REFUSED = 78  # EX_CONFIG of sysexits.h
PATH = os.path.realpath(__file__)


def command(python, library, module):
    """Return the command with which `python` runs a module of the `sopilib` in `library`."""
    return [python, os.path.join(str(library), PACKAGE, "installation", "isolated.py"), module]


def main():
    """Run the module named by the first argument as the main program."""
    check_version()
    installation = os.path.dirname(PATH)
    isolate(os.path.dirname(os.path.dirname(installation)), installation)
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def check_version():
    """Exit with the reason in one line if this Python is too old or too new."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        refuse(
            "Python "
            + sys.version.split()[0]
            + " at "
            + str(sys.executable)
            + " cannot run the worker (name one of "
            + versions()
            + ")"
        )


def versions():
    """Return the Python versions that can run the worker, as text."""
    return " to ".join(".".join(map(str, version)) for version in (OLDEST, NEWEST))


def refuse(text):
    """Exit with the reason `text`, one line, why this Python cannot run the worker."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
    sys.exit(REFUSED)


def isolate(library, script_folder):
    """Import `sopilib` from the folder `library` only, and nothing built for another Python.

    Python has put `script_folder` on the path because it runs this file as a script.
    """
    unwanted = {script_folder}
    if library not in _package_folders():
        unwanted.add(library)
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") not in unwanted]
    if library in unwanted and _is_recorded(library):
        sys.path.append(library)  # as `pip install --target` leaves it
    for name in list(sys.modules):  # a .pth file may have imported it
        if name.partition(".")[0] == PACKAGE:
            del sys.modules[name]
    sys.meta_path.insert(0, PackageFinder(library))


def _package_folders():
    """Return the folders where this Python installs packages, a set of str."""
    import site
    import sysconfig

    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    folders += site.getsitepackages()
    folders.append(site.getusersitepackages())
    return {os.path.realpath(folder) for folder in folders}


def _is_recorded(library):
    """Return whether this is the Python that installed the packages in `library`."""
    try:
        with open(os.path.join(library, "samplernn_pd", "worker_python.txt")) as record:
            return record.read().strip() == sys.executable
    except OSError:
        return False


class PackageFinder:
    """A finder for `sys.meta_path` that finds `sopilib` in one folder, and nothing else."""

    def __init__(self, library):
        self._library = library

    def find_spec(self, name, path=None, target=None):
        """Return where module `name` lies, None if it does not belong to the package."""
        from importlib.machinery import PathFinder

        if name.partition(".")[0] != PACKAGE:
            return None
        return PathFinder.find_spec(name, [self._library] if path is None else path, target)


if __name__ == "__main__":
    main()
