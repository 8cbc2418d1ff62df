"""A take from a real Pure Data without a window, followed on its console.

Pd runs `pd/demo.pd`, which prints each status message of the class as a line
`demo: STATUS`, writes the take to the file that the message `demo-file` names,
prints `demo: saved FILE` and quits. What Pd says otherwise is kept, and shown when
something goes wrong.
"""

import queue
import re
import subprocess
import threading
from dataclasses import dataclass, field

from sopilib.errors import SampleRNNError
from sopilib.installation import paths

PD_FLAGS = ("-nogui", "-noprefs", "-nosound", "-stderr")
SIGN_OF_LIFE_S = 180  # TensorFlow's first import from a slow disk takes a minute
QUIT_S = 10
TAIL_LINES = 15
_DOCTOR = "samplernn doctor tells what is missing"


class DemoError(SampleRNNError):
    """The demo's take did not come about.

    Attributes:
        console: what Pd wrote on its console, list of lines.
    """

    def __init__(self, text, console=()):
        super().__init__(text)
        self.console = list(console)[-TAIL_LINES:]


@dataclass
class Take:
    """What Pd has said of the take so far.

    Attributes:
        model: name of the model.
        sample_rate: in Hz.
        num_samples: length, 0 while the take is being made.
        settings: rows of `info`, str by str.
        saved: whether the file has been written.
    """

    model: str = ""
    sample_rate: int = 0
    num_samples: int = 0
    settings: dict = field(default_factory=dict)
    saved: bool = False

    def follow(self, status):
        """Takes over what a status message says.

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


def _count(atom):
    """Returns a whole number that Pd has printed, 100000 and more perhaps as 1e+06."""
    return round(float(atom))


def make_take(patch_path, sound_path, on_status, sign_of_life_s=SIGN_OF_LIFE_S):
    """Runs the patch in a Pd without a window until it has saved its take.

    Args:
        patch_path: the patch, which keeps to the contract at the top of this module.
        sound_path: the sound file that Pd is to write.
        on_status: called with the words of each status message, list of str.
        sign_of_life_s: Pd is killed when it says nothing for that many seconds, or for
            `QUIT_S` once the take is saved.

    Returns:
        The `Take`, saved.

    Raises:
        DemoError: Pd reported an error, could not create an object, fell silent, or
            ended before the file was written.
        paths.NotInstalledError: there is no Pd.
    """
    console, take = [], Take()
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


def _start_pd(patch_path, sound_path):
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


def _pd_escaped(path):
    return re.sub(r"([\\ ,;$])", r"\\\1", str(path))


def _lines(process, limit_s):
    """Yields the lines of Pd's console until it ends; `limit_s()` is how long each may take."""
    lines = queue.SimpleQueue()

    def read():
        for line in process.stdout:
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


def _status(line):
    """Returns the words of a line `demo: WORD...`, [] for any other line."""
    prefix, _, status = line.partition("demo: ")
    return re.sub(r"\\(.)", r"\1", status).split() if not prefix else []
