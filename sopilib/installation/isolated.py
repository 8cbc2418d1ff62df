"""Run a module of `sopilib` in whatever Python there is, isolated from what it has installed.

    PYTHON .../sopilib/installation/isolated.py sopilib.worker

The version of PYTHON is checked first. Then a finder before all others takes `sopilib`
and everything in it from the folder that this file belongs to, so that neither an installed
package of that name nor one on PYTHONPATH hides it. The folder itself is on the path only where
it belongs to PYTHON, as packages that lie beside ours may be made for another Python.
All other packages are PYTHON's own.

Python 2.7 must be able to parse this file, as it says that it is too old: no annotations,
no f-strings. A Python that cannot serve says why in one line on standard error and ends
with the status `REFUSED`.
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
    """Run the module that the first argument names as the main program."""
    check_version()
    installation = os.path.dirname(PATH)
    isolate(os.path.dirname(os.path.dirname(installation)), installation)
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def check_version():
    """End this process with a line of why if its Python is too old or too new."""
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
    """Return the versions that can run the worker, as text."""
    return " to ".join(".".join(map(str, version)) for version in (OLDEST, NEWEST))


def refuse(text):
    """End this process: its Python cannot serve, as `text` says in one line."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
    sys.exit(REFUSED)


def isolate(library, script_folder):
    """Have `sopilib` come from the folder `library` alone, and nothing of another Python.

    `script_folder` was put on the path by Python, to which this file is a script.
    """
    unwanted = {script_folder}
    if library not in _package_folders():
        unwanted.add(library)
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") not in unwanted]
    if library in unwanted and _is_recorded(library):
        sys.path.append(library)  # as `pip install --target` leaves it
    for name in list(sys.modules):  # one that a .pth file has imported
        if name.partition(".")[0] == PACKAGE:
            del sys.modules[name]
    sys.meta_path.insert(0, PackageFinder(library))


def _package_folders():
    """Return the folders in which this Python has its installed packages, a set of str."""
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
    """A finder for `sys.meta_path`: finds `sopilib` and all in it in one folder, and no more."""

    def __init__(self, library):
        self._library = library

    def find_spec(self, name, path=None, target=None):
        """Return where module `name` lies, None if it is none of the package's."""
        from importlib.machinery import PathFinder

        if name.partition(".")[0] != PACKAGE:
            return None
        return PathFinder.find_spec(name, [self._library] if path is None else path, target)


if __name__ == "__main__":
    main()
