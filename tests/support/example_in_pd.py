"""Play a patch of pd/examples in a real Pd, listen to its loudspeakers, touch its controls.

The test plays a copy in which only the ends are other ones: what goes to `[dac~]` is recorded, the
microphone of `[adc~]` is an oscillator, a file dialogue answers with a file of the test, and what
the patch shows of the object's statuses goes to the console, too.
"""

import os
import re
import sys

import numpy as np
from live_patch import is_complete
from pd_host import PdHost, wave_samples, write_patch
from places import GRU, PROJECT

EXAMPLES = PROJECT / "pd" / "examples"
SAYS = "what-it-says"  # the part that all examples share
RATE = 16000  # of Pd and of the models
START_LIMIT_S = 60  # several models load on a busy machine
LATENCY_MS = 300  # the tests share the processor with others
PORT = 9000  # of the examples, for OSC
SAMPLES_A_LEVEL = 1024
LOUD = r"^level: ([4-9]\d|1\d\d)$"  # above -60 dB
ENDS = {
    "dac~ 1 2": "test-loudspeakers~",
    "adc~ 1": "test-microphone~",
    "savepanel": "test-savepanel",
    "list append": "test-status",
}

_PARTS = {
    "test-loudspeakers~.pd": (
        "#X obj 20 20 inlet~",
        "#X obj 120 20 inlet~",
        "#X obj 20 60 throw~ test-left",
        "#X obj 120 60 throw~ test-right",
        "#X connect 0 0 2 0",
        "#X connect 1 0 3 0",
    ),
    "test-microphone~.pd": (
        "#X obj 20 20 receive test-microphone",
        "#X obj 20 60 osc~ 220",
        "#X obj 20 100 *~ 0",
        "#X obj 20 140 outlet~",
        "#X connect 0 0 2 1",
        "#X connect 1 0 2 0",
        "#X connect 2 0 3 0",
    ),
    "test-savepanel.pd": (
        "#X obj 20 20 inlet",
        "#X obj 20 60 symbol",
        "#X obj 120 20 receive test-file",
        "#X obj 20 100 outlet",
        "#X connect 0 0 1 0",
        "#X connect 1 0 3 0",
        "#X connect 2 0 1 1",
    ),
    "test-status.pd": (
        "#X obj 20 20 inlet",
        "#X obj 20 60 list append",
        "#X obj 20 100 outlet",
        "#X obj 120 60 print status",
        "#X connect 0 0 1 0",
        "#X connect 0 0 3 0",
        "#X connect 1 0 2 0",
    ),
    "finger.pd": (
        r"#X obj 20 20 receive press-\$2",
        r"#X obj 20 60 send \$1",
        "#X connect 0 0 1 0",
    ),
    "probe.pd": (
        r"#X obj 20 20 receive \$1",
        r"#X obj 20 60 print \$2",
        "#X connect 0 0 1 0",
    ),
}


def _with_other_ends(name):
    """Return the text of a patch of the examples with the ends of the test."""
    text = (EXAMPLES / f"{name}.pd").read_text()
    for words, others in ENDS.items():
        text = re.sub(rf"^(#X obj \d+ \d+ ){re.escape(words)};", rf"\1{others};", text, flags=re.M)
    return text


class ExampleInPd(PdHost):
    """A Pd with one example, switched on as it opens.

    Args:
        name: of the patch, without `.pd`.
        folder: in which the copy and the recordings are written.
        bundled: play the bundled models, where their sound matters; else a small one, which
            plays live on a busy machine, too.
        port: at which it listens for OSC.
        rate: of Pd, in Hz.
    """

    def __init__(self, name, folder, *, bundled=False, port=PORT, rate=RATE):
        self._name, self._place, self._rate = name, folder, rate
        self._fingers, self._num_recordings = set(), 0
        text = _with_other_ends(name).replace(f" {PORT};", f" {port};")
        if not bundled:
            text = re.sub(
                r"(samplernn~|load|--ckpt_dir) (preludes|voce|marimba|tabla)\b", rf"\1 {GRU}", text
            )
        (folder / f"{name}.pd").write_text(text)
        (folder / f"{SAYS}.pd").write_text(_with_other_ends(SAYS))
        for file, lines in _PARTS.items():
            write_patch(folder, *lines, name=file)
        patch = write_patch(
            folder,
            f"#X obj 20 20 {name}",
            "#X obj 20 60 catch~ test-left",
            "#X obj 220 60 catch~ test-right",
            "#X obj 20 140 writesf~ 2",
            "#X obj 120 100 receive to-file",
            "#X obj 320 100 +~",
            "#X obj 320 140 env~ 2048 1024",
            "#X obj 320 180 int",
            "#X obj 320 220 print level",
            "#X obj 420 20 receive pd-dsp-stopped",
            "#X obj 420 60 print audio-off",
            "#X connect 9 0 10 0",
            "#X connect 1 0 3 0",
            "#X connect 2 0 3 1",
            "#X connect 4 0 3 0",
            "#X connect 1 0 5 0",
            "#X connect 2 0 5 1",
            "#X connect 5 0 6 0",
            "#X connect 6 0 7 0",
            "#X connect 7 0 8 0",
        )
        env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
        paths = ("-path", str(folder), "-path", str(PROJECT / "pd"))
        super().__init__(patch, args=(*paths, "-r", str(rate)), env=env, time_limit_s=240)
        for name in ("message", "on"):  # where the examples' messages to their objects go
            self.press(name, "latency", LATENCY_MS)

    def _add(self, *words):
        self.send(f"pd-{self._name}.pd", "obj", 20, 1000, *words)

    def press(self, name, *atoms):
        """Send to a control or name `$0-NAME` of the example what a touch would; a bang alone."""
        if name not in self._fingers:
            self._fingers.add(name)
            self._add("finger", f"$0-{name}", name)
        self.send(f"press-{name}", *atoms)

    def probe(self, name):
        """Start printing what `$0-NAME` receives as `NAME: ...`."""
        self._add("probe", f"$0-{name}", name)

    def message(self, pattern, timeout_s=START_LIMIT_S):
        """Wait for a message to the object, after `probe("message")`."""
        return self.wait_for(rf"^message: {pattern}$", timeout_s)

    def status(self, pattern, timeout_s=START_LIMIT_S):
        return self.wait_for(rf"^status: {pattern}$", timeout_s)

    def listen(self, seconds):
        """Return the next seconds of the loudspeakers in which they sound, float32 (n, 2).

        Silence does not count, so that a machine that is too slow at the moment only takes longer.
        """
        self.start_recording()
        for _ in range(round(seconds * self._rate / SAMPLES_A_LEVEL) + 1):
            self.wait_for(LOUD, START_LIMIT_S)
        sound = self.recorded()
        return sound[np.any(sound != 0, axis=1)]

    def start_recording(self):
        """Start recording the loudspeakers."""
        self._num_recordings += 1
        self._file = self._place / f"heard-{self._num_recordings}.wav"
        self.send("to-file", "open", "-bytes", 4, "-wave", self._file)
        self.send("to-file", "start")
        self.sync()
        self._matched_until = len(self.console)

    def recorded(self):
        """End the recording and return it, float32 (n, 2)."""
        self.send("to-file", "stop")
        self.sync()
        while not is_complete(self._file):  # Pd writes it in a thread of its own
            self.sync()
        return np.frombuffer(wave_samples(self._file), np.float32).reshape(-1, 2)


def level_db(sound):
    """Return the level of a sound, 0 dB for a square wave of full scale."""
    return 10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-20)


def brightness(sound, above_hz):
    """Return the part of a sound's power that lies above a frequency."""
    power = np.abs(np.fft.rfft(np.mean(sound, axis=1))) ** 2
    first = round(above_hz * len(sound) / RATE)
    return power[first:].sum() / power.sum()
