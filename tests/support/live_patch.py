"""Record the abstraction `[samplernn~]` in a patch of its own in a real Pd."""

import os
import sys
from pathlib import Path

import numpy as np
from class_in_pd import LOAD_LIMIT_S, ClassInPd
from pd_host import PdHost, wave_samples, write_patch
from places import GRU, PROJECT

MODEL_RATE = 16000
LATENCY_MS = 300  # the tests share the processor with others


class LivePatch(PdHost):
    """A Pd with one `[samplernn~ ARGUMENTS]`, its signal recorded, its status printed.

    Args:
        folder: in which the patch is written; not that of samplernn~.
        arguments: of the object.
        extra: further lines of the patch.
        sample_rate: of Pd, in Hz.
        loader: as the fixture of that name.
        time_limit_s: as of `PdHost`, and its other options.
    """

    def __init__(
        self,
        folder,
        arguments="",
        extra=(),
        sample_rate=MODEL_RATE,
        loader=(),
        time_limit_s=240,
        **options,
    ):
        patch = write_patch(
            folder,
            "#X obj 20 20 receive to-samplernn",
            f"#X obj 20 60 samplernn~ {arguments}",
            "#X obj 20 100 writesf~ 1",
            "#X obj 200 100 print status",
            "#X obj 300 20 receive to-file",
            "#X obj 300 60 array define take 64",
            "#X connect 0 0 1 0",
            "#X connect 1 0 2 0",
            "#X connect 1 1 3 0",
            "#X connect 4 0 2 0",
            *extra,
        )
        self._file = Path(folder) / "heard.wav"
        env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
        super().__init__(
            patch,
            args=(*loader, "-path", str(PROJECT / "pd"), "-r", str(sample_rate)),
            env=env,
            time_limit_s=time_limit_s,
            **options,
        )

    worker_pids = ClassInPd.worker_pids

    def message(self, *atoms):
        self.send("to-samplernn", *atoms)

    def status(self, pattern, timeout_s=LOAD_LIMIT_S):
        return self.wait_for(rf"^status: {pattern}$", timeout_s)

    def load(self, *words):
        """Load the fixture, with further words of `load`."""
        self.message("latency", LATENCY_MS)
        self.message("load", GRU, *words)
        self.status("loaded gru_mulaw 16000 1")

    def start_recording(self):
        self.send("to-file", "open", "-bytes", 4, "-wave", self._file)
        self.send("to-file", "start")
        self.send("pd", "dsp", 1)

    def recorded(self):
        """End the recording and return it, float32 (num_samples,)."""
        self.send("to-file", "stop")
        self.send("pd", "dsp", 0)
        self.sync()
        while not is_complete(self._file):  # Pd writes it in a thread of its own
            self.sync()
        return np.frombuffer(wave_samples(self._file), np.float32)

    def let_play(self, num_reports):
        """Wait until the stream has reported `num_reports` times, about 5 a second."""
        for _ in range(num_reports):
            self.status("streaming .*")

    def statuses(self):
        """Return all statuses so far except those with numbers, a list of str."""
        self.sync()
        lines = [
            line.removeprefix("status: ")
            for line in self.console.splitlines()
            if line.startswith("status: ")
        ]
        return [
            line for line in lines if line.split()[0] not in ("streaming", "progress", "latency")
        ]


def is_complete(path):
    """Return whether the WAVE file is as long as its header says."""
    content = path.read_bytes()
    start = content.find(b"data") + 8
    return 0 < int.from_bytes(content[start - 4 : start], "little") == len(content) - start
