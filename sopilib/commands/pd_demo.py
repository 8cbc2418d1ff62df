"""Generate a take in a real Pure Data without a window and follow its console.

Pd runs `pd/demo.pd`, which prints each status message of the class as a line
`demo: STATUS`, writes the take to the file that the message `demo-file` names,
prints `demo: saved FILE` and quits. The other lines of the console are kept and shown
if something goes wrong.
"""

import queue
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sopilib.errors import SampleRNNError
from sopilib.installation import paths

PD_FLAGS = ("-nogui", "-noprefs", "-nosound", "-stderr")
SIGN_OF_LIFE_S = 180  # TensorFlow's first import from a slow disk takes a minute
QUIT_S = 10
TAIL_LINES = 15
_DOCTOR = "samplernn doctor says what is missing"


class DemoError(SampleRNNError):
    """Pd generated no take.

    Attributes:
        console: the last lines of Pd's console, list of str.
    """

    def __init__(self, text: str, console: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.console = list(console)[-TAIL_LINES:]


@dataclass
class Take:
    """What Pd has reported about the take so far.

    Attributes:
        model: name of the model.
        sample_rate: in Hz.
        num_samples: length, 0 while the take is running.
        settings: rows of `info`, from key to values.
        saved: whether Pd has written the file.
    """

    model: str = ""
    sample_rate: int = 0
    num_samples: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    saved: bool = False

    def follow(self, status: list[str]) -> None:
        """Note what a status message reports.

        Args:
            status: its words, such as `["loaded", "preludes", "16000", "1"]`.

        Raises:
            DemoError: it is `error TEXT...`.
        """
        match status:
            case ["loaded", *name, sample_rate, _]:
                self.model, self.sample_rate = " ".join(name), _count(sample_rate)
            case ["generated", _, sample_rate, length]:
                self.sample_rate, self.num_samples = _count(sample_rate), _count(length)
            case ["info", key, *values]:
                self.settings[key] = " ".join(values)
            case ["saved", *_]:
                self.saved = True
            case ["error", *text]:
                raise DemoError(" ".join(text))


def _count(atom: str) -> int:
    """Return a whole number that Pd printed; Pd may print 1000000 as 1e+06."""
    return round(float(atom))


def make_take(
    patch_path: Path,
    sound_path: Path,
    on_status: Callable[[list[str]], object],
    sign_of_life_s: float = SIGN_OF_LIFE_S,
) -> Take:
    """Run the patch in a Pd without a window until it has saved its take.

    Args:
        patch_path: a patch that behaves as this module's docstring says.
        sound_path: the sound file that Pd writes.
        on_status: called with the words of each status message, list of str.
        sign_of_life_s: Pd is killed if it prints nothing for this many seconds, or for
            `QUIT_S` seconds once the take is saved.

    Returns:
        The `Take`, saved.

    Raises:
        DemoError: Pd reported an error, could not create an object, printed nothing, or
            ended before it wrote the file.
        paths.NotInstalledError: there is no Pd.
    """
    console: list[str] = []
    take = Take()
    process = _start_pd(patch_path, sound_path)
    try:
        for line in _lines(process, lambda: QUIT_S if take.saved else sign_of_life_s):
            status = _status(line)
            if status[:1] != ["progress"]:
                console.append(line)
            if status:
                take.follow(status)
                on_status(status)
            elif "couldn't create" in line:
                raise DemoError(f"Pd could not create an object of {patch_path.name} ({_DOCTOR})")
        if not take.saved:
            raise DemoError(f"Pd ended before the take was saved ({_DOCTOR})")
    except DemoError as error:
        raise DemoError(str(error), console) from None
    finally:
        process.kill()
        process.wait()
    return take


def _start_pd(patch_path: Path, sound_path: Path) -> "subprocess.Popen[str]":
    message = "demo-file symbol " + _pd_escaped(sound_path)
    command = [
        paths.pd_program(),
        *PD_FLAGS,
        *paths.pd_search_path(),
        "-send",
        message,
        str(patch_path),
    ]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _pd_escaped(path: Path) -> str:
    return re.sub(r"([\\ ,;$])", r"\\\1", str(path))


def _lines(process: "subprocess.Popen[str]", limit_s: Callable[[], float]) -> Iterator[str]:
    """Yield the lines of Pd's console until Pd ends; wait `limit_s()` seconds for each."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=limit_s())
        except queue.Empty:
            raise DemoError(f"no sign of life from Pd for {limit_s()} s ({_DOCTOR})") from None
        if line is None:
            return
        yield line


def _status(line: str) -> list[str]:
    """Return the words of a line `demo: WORD...`, [] for any other line."""
    prefix, _, status = line.partition("demo: ")
    return re.sub(r"\\(.)", r"\1", status).split() if not prefix else []
