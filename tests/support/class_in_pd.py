"""A real Pd with the class in it, a real worker and a real checkpoint, for tests.

Patches: `class-polled.pd` sends `poll` from a metro; `class-detached.pd` is of the
older kind, `@detach 1` and no polls. Both print status messages as `status: ...`.
"""

import os
import sys
from pathlib import Path

import numpy as np
from pd_host import PdHost
from places import GRU, PATCHES, PROJECT

LOAD_LIMIT_S = 60
TAKE_LIMIT_S = 60


class ClassInPd(PdHost):
    """A Pd with the class from the packages in the folder `library`.

    `loader` is as the fixture of that name.
    """

    def __init__(self, patch="class-polled.pd", loader=(), library=PROJECT, **options):
        env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
        paths = ("-path", str(library), "-path", str(PROJECT / "pd"))
        super().__init__(
            PATCHES / patch, args=(*loader, *paths), env=env, time_limit_s=240, **options
        )

    def message(self, text):
        """Send a message, typed as one would in a message box."""
        self.send("samplernn", *(_atom(word) for word in text.split()))

    def status(self, pattern, timeout_s=TAKE_LIMIT_S):
        """Wait for a status message that matches to its end."""
        return self.wait_for(rf"^status: {pattern}$", timeout_s)

    def load(self, voices=1):
        self.message(f"load {GRU} voices {voices}")
        self.status(f"loaded gru_mulaw 16000 {voices}", LOAD_LIMIT_S)

    def begin_long_take(self):
        """Begin a take of two minutes into `sound1` and return once it has begun."""
        self.message("length 120")
        self.message("generate sound1")
        self.status("progress .*")

    def worker_pids(self):
        """Return the process IDs of the children of Pd that run a worker."""
        return [pid for pid in _children(self.pid) if "sopilib.worker" in _command(pid)]

    def samples(self, name):
        return np.array(self.array(name))


def _atom(word):
    try:
        return float(word)
    except ValueError:
        return word


def _children(parent):
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if _parent(pid) == parent]


def _parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
