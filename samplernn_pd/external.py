"""The class `samplernn` as pyext sees it: Pd's side of the instrument.

Messages to inlet 1 go to `Instrument`; status messages leave by outlet 0 (Python's
outlet 1). The instrument's worker is never waited for on Pd's thread: a metro sends
`poll`. In a detached object without polls the handler itself delivers what arrives
until its load or take is done.
"""

import sys
import threading
import time
from pathlib import Path

import pyext

from samplernn_pd.arrays import PdArrays
from samplernn_pd.instrument import Instrument

_DEFAULT_SAMPLE_RATE = 44100
_POLLS_WITHIN_S = 1.0
_PUMP_WAIT_S = 0.02
_PUMP_LIMIT_S = 0.05


class samplernn(pyext._class):  # noqa: N801  (the name that patches use)
    """`[pyext samplernn_pd samplernn]`: SampleRNN in Pd. Messages: see the help patch."""

    _inlets = 1
    _outlets = 1

    def __init__(self, *args):
        self._last_poll = 0.0
        self._pumping = threading.Lock()
        self._instrument = Instrument(self, Path(__file__).resolve().parent.parent)
        if args:
            self.print(f"samplernn: creation arguments {args} are not used")

    def _anything_1(self, selector, *atoms):
        selector = str(selector)
        if selector == "poll":
            self._last_poll = time.monotonic()
        self._instrument.receive(selector, [_plain(atom) for atom in atoms])
        if self._isthreaded and not self._has_polls():
            self._pump()

    def _del(self):
        self._instrument.close()

    def _has_polls(self):
        return time.monotonic() - self._last_poll < _POLLS_WITHIN_S

    def _pump(self):
        """Delivers until nothing is going on. One handler at a time does it for all."""
        if not self._pumping.acquire(blocking=False):
            return
        try:
            while self._instrument.busy and not self._shouldexit:
                self._instrument.wait(_PUMP_WAIT_S)
                self._instrument.poll(_PUMP_LIMIT_S)
        finally:
            self._pumping.release()

    # What the instrument asks of its host

    arrays = PdArrays()

    @property
    def patch_folder(self):
        """The folder of the patch that holds the object."""
        return str(self._canvas_dir)

    @property
    def sample_rate(self):
        """Pd's sample rate in Hz, as far as the pyext at hand can tell."""
        samplerate = getattr(pyext, "_samplerate", None)
        return int(samplerate()) if samplerate else _DEFAULT_SAMPLE_RATE

    def send(self, selector, *atoms):
        """Sends a status message; atoms are int, float or str."""
        self._outlet(1, selector, list(atoms))

    def print(self, text):
        """Writes a line to Pd's console, which the original pyext takes for a printf format."""
        print(text.replace("%", " percent"), file=sys.stderr)


def _plain(atom):
    return atom if isinstance(atom, (int, float)) else str(atom)
