"""Play the patch as the abstraction `[samplernn]` in a real Pd without its window.

The test writes a probe, an abstraction, and puts it into the open patch. The probe prints
the messages to one of the patch's own `$0-` names, such as the text of the dark line.
"""

import os
import sys

from pd_host import PdHost, write_patch
from places import GRU, PROJECT

LOAD_LIMIT_S = 60
TAKE_LIMIT_S = 60


class PatchInPd(PdHost):
    """A Pd with `[samplernn]`; it prints the outlet's messages as `status: ...`.

    Args:
        folder: in which the patch is written.
        loader: as the fixture of that name.
    """

    def __init__(self, folder, loader=()):
        patch = write_patch(
            folder,
            "#X obj 20 20 receive to-samplernn",
            "#X obj 20 60 samplernn",
            "#X obj 20 100 print status",
            "#X connect 0 0 1 0",
            "#X connect 1 0 2 0",
        )
        write_patch(
            folder,
            r"#X obj 20 20 receive \$1",
            r"#X obj 20 60 print \$2",
            "#X connect 0 0 1 0",
            name="probe.pd",
        )
        env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
        paths = (*loader, "-path", str(PROJECT / "pd"), "-path", str(folder))
        super().__init__(patch, args=paths, env=env, time_limit_s=240)

    def message(self, text):
        """Send words, typed as one would in a message box, to the inlet."""
        self.send("to-samplernn", *(_atom(word) for word in text.split()))

    def status(self, pattern, timeout_s=TAKE_LIMIT_S):
        return self.wait_for(rf"^status: {pattern}$", timeout_s)

    def probe(self, name):
        """Start printing the messages to `$0-NAME` as `NAME: ...`."""
        self.send("pd-samplernn.pd", "obj", 20, 900, "probe", f"$0-{name}", name)

    def load(self):
        self.message(f"load {GRU}")
        self.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)

    def generate(self, length_s):
        """Generate a take into the array on the screen."""
        self.message(f"length {length_s}")
        self.message("generate")
        self.status(rf"generated \S+ 16000 {round(length_s * 16000)}")


def _atom(word):
    try:
        return float(word)
    except ValueError:
        return word
