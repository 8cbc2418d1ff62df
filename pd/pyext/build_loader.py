"""Build the pyext loader from Pd's header, a C compiler and a Python with a shared library.

The Python inside Pd need not be the one of the environment: `samplernn_pd` needs
the standard library only. The build prefers the Python that runs this module, or the one
behind its virtual environment; if that has no shared library, it uses another Python of
this machine. If something is missing, it prints one line with the fix.
"""

import dataclasses
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

SOURCE_FOLDER = pathlib.Path(__file__).resolve().parent
LOADER_NAME = "pyext.pd_darwin" if sys.platform == "darwin" else "pyext.pd_linux"
DOTTED_NAME = LOADER_NAME.replace(".", "..")  # the name that Pd looks for in [pyext. ...]
DOTTED_SOURCE = SOURCE_FOLDER / "dotted" / "pyext_dot.c"
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
HEADER_FOLDERS = (
    "/usr/include/pd",
    "/usr/include",
    "/usr/local/include/pd",
    "/usr/local/include",
    "/opt/homebrew/include/pd",
    "/opt/homebrew/include",
    "/Applications/Pd*.app/Contents/Resources/src",
)

_DESCRIBE = """
import json, os, sys, sysconfig
program = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
names = ("LIBDIR", "LIBPL", "INSTSONAME", "LDLIBRARY", "PYTHONFRAMEWORKPREFIX")
print(json.dumps({
    "version": list(sys.version_info[:2]),
    "home": sys.base_prefix,
    "program": program if os.path.exists(program) else sys.executable,
    "include": sysconfig.get_path("include"),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "variables": {name: sysconfig.get_config_var(name) or "" for name in names},
}))
"""


class MissingPart(Exception):
    """Something that the build needs is missing; the text says what to install."""


@dataclasses.dataclass(frozen=True)
class Python:
    """A Python that can be embedded.

    Attributes:
        home: its base prefix.
        program: its executable.
        include: folder of Python.h.
        library: path of its shared library.
    """

    home: str
    program: str
    include: str
    library: str


def find_header():
    """Return the folder of Pd's m_pd.h; `PD_INCLUDE` overrides the usual places.

    Raises:
        MissingPart: it is in none of them.
    """
    for pattern in (os.environ.get("PD_INCLUDE", ""), *HEADER_FOLDERS):
        for folder in sorted(glob.glob(pattern), reverse=True):
            if os.path.exists(os.path.join(folder, "m_pd.h")):
                return folder
    raise MissingPart(
        "Pd's header m_pd.h was not found (Debian: apt-get install "
        "puredata-dev; else set PD_INCLUDE to its folder)"
    )


def find_compiler():
    """Return the command of a C compiler, `CC` if that is set.

    Raises:
        MissingPart: there is none.
    """
    for command in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        words = command.split()
        if words and shutil.which(words[0]):
            return words
    raise MissingPart(
        "no C compiler was found (Debian: apt-get install gcc libc6-dev; "
        "macOS: xcode-select --install)"
    )


def find_python():
    """Return the `Python` to embed, the running one if it can be.

    Raises:
        MissingPart: no Python has both its header and a shared library.
    """
    names = ["python3", *(f"python3.{minor}" for minor in range(NEWEST_PYTHON[1], 9, -1))]
    programs = [sys.executable, *map(shutil.which, names), "/usr/bin/python3"]
    for program in dict.fromkeys(filter(None, programs)):
        if python := describe_python(program):
            return python
    raise MissingPart(
        "no Python 3.10 to 3.13 with a shared library and Python.h was found "
        "(Debian: apt-get install python3-dev)"
    )


def describe_python(program):
    """Return the `Python` for a program, or None if it cannot be embedded."""
    result = subprocess.run([program, "-I", "-c", _DESCRIBE], capture_output=True, text=True)
    if result.returncode != 0:
        return None
    facts = json.loads(result.stdout)
    is_supported = OLDEST_PYTHON <= tuple(facts["version"]) <= NEWEST_PYTHON
    has_header = os.path.exists(os.path.join(facts["include"], "Python.h"))
    library = _shared_library(facts)
    if not (is_supported and has_header and library) or facts["free_threaded"]:
        return None
    return Python(facts["home"], facts["program"], facts["include"], library)


def _shared_library(facts):
    """Return the path of the shared library, or None."""
    variables, (major, minor) = facts["variables"], facts["version"]
    folders = [
        variables["LIBDIR"],
        os.path.join(facts["home"], "lib"),
        variables["LIBPL"],
        variables["PYTHONFRAMEWORKPREFIX"],
    ]
    names = [
        variables["INSTSONAME"],
        variables["LDLIBRARY"],
        f"libpython{major}.{minor}.so.1.0",
        f"libpython{major}.{minor}.dylib",
    ]
    for folder in filter(None, folders):
        for name in filter(None, names):
            path = os.path.join(folder, name)
            if not name.endswith(".a") and os.path.isfile(path):
                return path
    return None


def compile_command(output, site_packages):
    """Return the command, a list of str, that compiles the loader.

    Args:
        output: path of the loader to write.
        site_packages: folder where the environment has its packages.

    Raises:
        MissingPart: see `find_compiler`, `find_header` and `find_python`.
    """
    python = find_python()
    texts = {
        "PYEXT_HOME": python.home,
        "PYEXT_PROGRAM": python.program,
        "PYEXT_SITE": site_packages,
    }
    return [
        *_compile_flags(),
        *(f"-D{name}={json.dumps(text)}" for name, text in texts.items()),
        f"-I{python.include}",
        *map(str, sorted(SOURCE_FOLDER.glob("*.c"))),
        "-o",
        str(output),
        python.library,
        f"-Wl,-rpath,{os.path.dirname(python.library)}",
        *_link_flags(),
    ]


def compile_dotted_command(output: pathlib.Path) -> list[str]:
    """Return the command that compiles the library that loads the loader for `[pyext. ...]`.

    Raises:
        MissingPart: see `find_compiler` and `find_header`.
    """
    return [*_compile_flags(), str(DOTTED_SOURCE), "-o", str(output), *_link_flags()]


def _compile_flags() -> list[str]:
    """Return the compiler and the flags that both libraries have."""
    return [
        *find_compiler(),
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-O2",
        "-fPIC",
        "-fvisibility=hidden",
        *os.environ.get("CFLAGS", "").split(),
        f"-I{find_header()}",
    ]


def _link_flags() -> list[str]:
    if sys.platform == "darwin":
        return ["-bundle", "-undefined", "dynamic_lookup"]
    return ["-shared", "-lpthread", "-ldl"]


def is_current(output, site_packages):
    """Return whether the loader is newer than its sources and built for these paths."""
    output = pathlib.Path(output)
    if not output.exists():
        return False
    sources = [path for path in SOURCE_FOLDER.iterdir() if path.suffix in (".c", ".h", ".py")]
    built_at = output.stat().st_mtime
    if any(source.stat().st_mtime > built_at for source in sources):
        return False
    python, content = find_python(), output.read_bytes()
    texts = (python.home, python.program, site_packages)
    return all(text.encode() + b"\0" in content for text in texts)


def build(output_folder=SOURCE_FOLDER, site_packages=None):
    """Build the loader unless it is current, and return its path.

    The small library for `[pyext. ...]` goes beside it and, in a checkout, also beside the
    patches, because either folder may be the one on Pd's search path.

    Args:
        output_folder: where to put it; created if it is missing.
        site_packages: folder whose packages Python in Pd can import, default that of
            the running environment.

    Returns:
        The path of the loader. If something is missing or the compiler fails, None, after one
        line that says why.
    """
    output = pathlib.Path(output_folder) / LOADER_NAME
    site_packages = site_packages or sysconfig.get_path("purelib")
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not is_current(output, site_packages):
            _compile(output, lambda new: compile_command(new, site_packages))
        for dotted in dotted_paths(output):
            if not dotted.exists() or dotted.stat().st_mtime < DOTTED_SOURCE.stat().st_mtime:
                _compile(dotted, compile_dotted_command)
    except MissingPart as missing:
        print(f"samplernn: the pyext loader for Pd is not built: {missing}", file=sys.stderr)
        return None
    return output


def dotted_paths(loader: pathlib.Path) -> list[pathlib.Path]:
    """Return the paths of the libraries for `[pyext. ...]` that belong to a loader."""
    folders = [loader.parent]
    if loader.parent == SOURCE_FOLDER:
        folders.append(SOURCE_FOLDER.parent)
    return [folder / DOTTED_NAME for folder in folders]


def _compile(output, make_command):
    """Compile to another name, then replace the library: Pd may have the old one open."""
    new = output.with_name(f"{output.name}.{os.getpid()}.new")
    command = make_command(new)
    result = subprocess.run(command, capture_output=True, text=True)
    if result.stderr:
        print(result.stderr, file=sys.stderr)
    if result.returncode != 0:
        new.unlink(missing_ok=True)
        raise MissingPart(
            f"{command[0]} failed, see above (install its header files and "
            "those of Python, then install again)"
        )
    new.replace(output)


if __name__ == "__main__":
    sys.exit(0 if build() else 1)
