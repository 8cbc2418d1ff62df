"""`samplernn doctor`: report what works, what is missing, and how to fix it.

Each check returns its finding in one line or raises a `SampleRNNError` that names the fix.
The checks of Pd, the loader and the worker's Python start them instead of only looking
for files. A failed check counts as a failure if a take in Pd needs it; otherwise it is a
warning.
"""

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from sopilib import engine
from sopilib.errors import SampleRNNError
from sopilib.installation import isolated, paths
from sopilib.installation.original_pyext import find_original_pyext
from sopilib.installation.worker_python import recorded_python, worker_python
from sopilib.model.folder import find_model
from sopilib.worker.priority import HAS_REAL_TIME, can_be_real_time

PACKAGES = ("numpy", "soundfile", "soxr", "tqdm", "matplotlib")
HEADER = "m_pd.h"
PD_LIMIT_S = 20
WORKER_LIMIT_S = 180
_PD_FLAGS = ("-nogui", "-noprefs", "-stderr")
_INSTALL = "run: make install, or pip install . again"

_PROBE_PATCH = r"""#N canvas 0 0 400 300 12;
#X obj 10 10 loadbang;
#X obj 10 40 t b b;
#X msg 60 70 info;
#X obj 60 100 pyext samplernn_pd samplernn;
#X obj 60 130 print doctor;
#X msg 10 160 \; pd quit;
#X connect 0 0 1 0;
#X connect 1 1 2 0;
#X connect 1 0 5 0;
#X connect 2 0 3 1;
#X connect 3 0 4 0;
"""


class CheckError(SampleRNNError):
    """Something is missing or does not work; the text ends with its fix."""


class ReplacedError(CheckError):
    """Something does not work, but a replacement does; Pd can generate a take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no flags: `samplernn doctor` has none."""


def run(args: argparse.Namespace) -> int:
    """Print a line for each check as it finishes.

    Returns:
        The exit status: 1 if Pd cannot generate a take, else 0.
    """
    passed = [_report(name, check, needed) or not needed for name, check, needed in CHECKS]
    models = [
        folder.name
        for folder in model_folders()
        if _report(f"models/{folder.name}", partial(check_model, folder), needed=False)
    ]
    passed.append(_report("models", partial(check_models, models), needed=True))
    print(
        "\nPd can generate a take."
        if all(passed)
        else "\nPd cannot generate a take until what FAILED is fixed."
    )
    return 0 if all(passed) else 1


def _report(name: str, check: Callable[[], str], needed: bool) -> bool:
    """Print the line of a check and return whether it passed."""
    try:
        text = check()
    except ReplacedError as error:
        word, text = "warning", str(error)
    except SampleRNNError as error:
        word, text = "FAILED" if needed else "warning", str(error)
    else:
        word = "ok"
    print(f"{word:<8} {name:<16}  {text}", flush=True)
    return word == "ok" or (needed and word == "warning")


def check_python() -> str:
    """Return the version and path of this Python."""
    version = sys.version.split()[0]
    if not isolated.OLDEST <= sys.version_info[:2] <= isolated.NEWEST:
        raise CheckError(
            f"{version} at {sys.executable} is not one of {isolated.versions()} "
            "(install with one that is: make PYTHON=... install)"
        )
    return f"{version}, {sys.executable}"


def check_tensorflow() -> str:
    """Return the version of TensorFlow, which is not imported here."""
    return _versions(["tensorflow"])


def check_packages() -> str:
    """Return the versions of the other packages that the project needs."""
    return _versions(PACKAGES)


def _versions(packages: Iterable[str]) -> str:
    found = []
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            raise CheckError(f"{package} is not installed ({_INSTALL})") from None
    return ", ".join(found)


def check_worker() -> str:
    """Return the packages of the worker's Python, after it has actually imported them.

    Raises:
        ReplacedError: it cannot run the worker, and the Python of the installation can.
        CheckError: neither can.
    """
    python = worker_python()
    try:
        return _probe_worker(python)
    except CheckError as error:
        fallback = recorded_python()
        if fallback in (None, python):
            raise
        try:
            found = _probe_worker(fallback)
        except CheckError:
            raise error from None
        raise ReplacedError(f"{error}; {fallback} is used instead: {found}") from None


def _probe_worker(python: str) -> str:
    """Return the packages with which `python` would run the worker, and its path."""
    command = isolated.command(python, paths.packages_folder(), "sopilib.worker.report")
    try:
        output = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=WORKER_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise CheckError(
            f"{python} did not import TensorFlow within {WORKER_LIMIT_S} s "
            f"(the disk is too slow or the installation is broken; {_INSTALL})"
        ) from None
    except OSError as error:
        raise CheckError(f"{python}: {error.strerror} ({_INSTALL})") from None
    if output.returncode == isolated.REFUSED:
        raise CheckError(_last_line(output.stderr))
    if output.returncode != 0:
        raise CheckError(f"{python}: {_last_line(output.stderr)} ({_INSTALL})")
    return f"{output.stdout.strip()}, {python}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def check_pd() -> str:
    """Return the version and path of Pure Data."""
    program = paths.pd_program()
    version = _last_line(_run_pd("-version"))
    if not version.startswith("Pd"):
        raise CheckError(f"{program} does not answer as Pd does: {version} ({paths.pd_fix()})")
    return f"{version.split()[0]}, {program}"


def _run_pd(*arguments: str, must_end: bool = True) -> str:
    """Return everything that Pd prints to its console before it exits.

    Without `must_end`, a Pd that hangs on exit, as with the original pyext, is not a failure.
    """
    program = paths.pd_program()
    try:
        return subprocess.run(
            [program, *_PD_FLAGS, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PD_LIMIT_S,
        ).stdout
    except subprocess.TimeoutExpired as error:
        if not must_end:
            return (error.stdout or b"").decode(errors="replace")
        raise CheckError(
            f"{program} has not ended within {PD_LIMIT_S} s (try it by hand; {paths.pd_fix()})"
        ) from None
    except OSError as error:
        raise CheckError(f"{program}: {error.strerror} ({paths.pd_fix()})") from None


def check_loader() -> str:
    """Return the path of the loader, after the class has answered through it in a real Pd."""
    console = _probe_class("-path", str(paths.packages_folder()))
    loader = loader_path()
    if "doctor: info" in console:
        return f"[pyext samplernn_pd samplernn] answers, {loader}"
    if not loader.exists():
        raise CheckError(f"no {loader} (it needs a C compiler and {HEADER}; then {_INSTALL})")
    raise CheckError(f"{loader} does not start: {_complaint(console)} ({_INSTALL})")


def check_original_pyext() -> str:
    """Return whether the class answers in the user's own pyext, if there is one."""
    library = find_original_pyext()
    if library is None:
        return "neither py nor pyext among Pd's externals, so the loader above is used"
    name = library.name.partition(".")[0]
    console = _probe_class("-lib", str(library.with_name(name)), must_end=False)
    if "doctor: info" in console:
        return f"the class answers under -lib {name}, {library}"
    raise CheckError(
        f"the class does not answer under -lib {name}, {library}: {_complaint(console)} "
        f"(leave out -lib {name} to use the loader above)"
    )


def _probe_class(*arguments: str, must_end: bool = True) -> str:
    """Return the console of a Pd in which a patch outside the project asks for `info`."""
    with tempfile.TemporaryDirectory(prefix="samplernn-doctor-") as folder:
        patch = Path(folder) / "probe.pd"
        patch.write_text(_PROBE_PATCH)
        patches = ("-path", str(paths.patches_folder()))
        return _run_pd("-nosound", *arguments, *patches, str(patch), must_end=must_end)


def _complaint(console: str) -> str:
    """Return the line of Pd's console that best explains why the loader does not start."""
    lines = [line.strip() for line in console.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("samplernn: ")]
    telling = [line for line in lines if "Error" in line or ".so" in line]
    return (own or telling or lines or ["Pd printed nothing"])[0]


def loader_path() -> Path:
    """Return where the loader of `[pyext]` belongs on this system."""
    suffix = "pd_darwin" if sys.platform == "darwin" else "pd_linux"
    return paths.patches_folder() / "pyext" / f"pyext.{suffix}"


def check_engine() -> str:
    """Return the instruction sets whose kernels run here."""
    if not engine.is_built():
        raise CheckError(
            "the engine is not built, so TensorFlow generates, 2 to 20 "
            f"times slower ({_fix('g++')}; then {_INSTALL})"
        )
    from sopilib.engine import native

    return "built, for " + ", ".join(native.instruction_sets())


def check_compiler() -> str:
    """Return the path of the C compiler that builds the loader."""
    name = [*os.environ.get("CC", "").split(), "cc"][0]
    compiler = shutil.which(name)
    if compiler is None:
        raise CheckError(f"no C compiler {name}; only building the loader needs it ({_fix('gcc')})")
    return compiler


def check_header() -> str:
    """Return the path of Pd's header, which the loader needs."""
    headers = [Path(os.environ.get("PD_INCLUDE") or "/usr/include", HEADER)]
    for folder in (Path("/usr/include"), Path("/usr/local/include"), Path("/opt/homebrew/include")):
        headers += folder / HEADER, folder / "pd" / HEADER
    for applications in paths.MACOS_APPLICATIONS:
        headers += Path(applications).expanduser().glob(f"Pd-*.app/Contents/Resources/src/{HEADER}")
    for header in headers:
        if header.exists():
            return str(header)
    raise CheckError(f"no {HEADER}; only building the loader needs it ({_fix('puredata-dev')})")


def _fix(debian_package: str) -> str:
    if shutil.which("apt-get"):
        return f"run: sudo apt-get install {debian_package}"
    return "install it with your system's package manager"


def check_audio() -> str:
    """Return the first audio output that Pd lists."""
    lines = _run_pd("-listdev", "-send", "pd quit").splitlines()
    if "audio output devices:" not in lines:
        raise CheckError(
            "Pd finds no audio output; takes can be generated and saved, not played "
            "(connect one, or start the sound server)"
        )
    return lines[lines.index("audio output devices:") + 1].strip()


def check_priority() -> str:
    """Return how a stream claims a processor beside other programs."""
    if can_be_real_time():
        return "real time, just below Pd's audio"
    if not HAS_REAL_TIME:
        return "as Pd's"
    raise CheckError(
        "this user may not run in real time, so busy programs can interrupt the sound (put "
        "'@audio - rtprio 95' into /etc/security/limits.d/audio.conf, "
        "run: sudo usermod -aG audio $USER, and log in again)"
    )


def check_display() -> str:
    """Return the display on which the patch would open."""
    if sys.platform == "darwin":
        return "of macOS"
    if not os.environ.get("DISPLAY"):
        raise CheckError(
            "DISPLAY is not set, so the patch cannot be seen "
            "(log in to a desktop; without one: samplernn demo)"
        )
    return os.environ["DISPLAY"]


def model_folders() -> list[Path]:
    """Return the folders in `models/`, sorted by name; [] where the project is not installed."""
    try:
        return sorted(
            folder
            for folder in paths.models_folder().iterdir()
            if folder.is_dir() and folder != paths.presets_folder()
        )
    except (OSError, SampleRNNError):
        return []


def check_model(folder: Path) -> str:
    """Return the checkpoint in a model folder and the kind of network."""
    files = find_model(folder)
    return (
        f"{Path(files.prefix or files.folder).name}, {files.config.rnn_type}, "
        f"dim {files.config.dim}, {files.rate_text}"
    )


def check_models(names: list[str]) -> str:
    """Return the names of the models that can be loaded, given as a list of str."""
    if not names:
        raise CheckError(
            f"none in {paths.models_folder()} can be loaded "
            f"(in a checkout: git checkout models; else {_INSTALL})"
        )
    return f"{', '.join(names)} can be loaded"


CHECKS = (
    ("Python", check_python, True),
    ("TensorFlow", check_tensorflow, True),
    ("packages", check_packages, True),
    ("Pd", check_pd, True),
    ("loader", check_loader, True),
    ("original pyext", check_original_pyext, False),
    ("compiler", check_compiler, False),
    ("engine", check_engine, False),
    ("Pd header", check_header, False),
    ("audio", check_audio, False),
    ("priority", check_priority, False),
    ("display", check_display, False),
    ("worker", check_worker, True),
)
