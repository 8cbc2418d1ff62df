"""The class `samplernn` for pyext: Pd's side of the instrument.

Messages to inlet 1 go to `Instrument`; status messages leave by outlet 0 (Python's
outlet 1). The class looks at the thread itself to see whether a handler runs on Pd's own
thread, because the original pyext sets `_isthreaded` in every handler. On Pd's thread no
handler waits: the `poll` of a metro delivers the worker's events. On the thread of a
detached object without polls, the handler itself delivers events until its load or take
is done.
"""

import collections
import sys
import sysconfig
import threading
import time
from pathlib import Path

import pyext

from samplernn_pd.arrays import PdArrays
from samplernn_pd.instrument import Instrument

Atom = int | float | str

_DEFAULT_SAMPLE_RATE = 44100
_POLLS_WITHIN_S = 1.0
_HINT_AFTER_S = 5.0  # without polls: a large patch may start them late, a busy Pd pause them
_PUMP_WAIT_S = 0.02
_PUMP_LIMIT_S = 0.02  # the time after which a deleted object is noticed
# in `sys.path`, these are not folders of Pd
_OF_PYTHON = {
    "",
    "site-packages",
    "dist-packages",
    "lib-dynload",
    *(Path(sysconfig.get_path(name)).name for name in ("stdlib", "platstdlib")),
    f"python{sys.version_info[0]}{sys.version_info[1]}.zip",
}
_NO_POLLS = (
    "nothing is delivered without polls (connect [metro 20] to a message poll to this inlet, "
    "or create the object with @detach 1)"
)


class samplernn(pyext._class):
    """`[pyext samplernn_pd samplernn]`: SampleRNN in Pd. Messages: see the help patch."""

    _inlets = 1
    _outlets = 1

    def __init__(self, *args: object) -> None:
        self._pd_thread = threading.get_ident()
        self._made_at = time.monotonic()
        self._last_poll = -_POLLS_WITHIN_S
        self._has_asked_for_polls = False
        self._told_folder: str | None = None
        # (selector, atoms), not yet handled by any thread
        self._messages: collections.deque[tuple[str, list[Atom]]] = collections.deque()
        self._handling = threading.RLock()  # held by the thread that uses the instrument
        self._pumping = threading.Lock()
        self._instrument = Instrument(self, Path(__file__).resolve().parent.parent)
        if args:
            self.print(f"samplernn: creation arguments {args} are not used")

    def _anything_1(self, selector: object, *atoms: object) -> None:
        if str(selector) == "poll":
            self._last_poll = time.monotonic()
            self._has_asked_for_polls = False
        self._messages.append((str(selector), [_plain(atom) for atom in atoms]))
        self._handle_messages()
        if not self._on_pd_thread and not self._has_polls:
            self._pump()

    def _del(self) -> None:
        self._instrument.close()

    @property
    def _on_pd_thread(self) -> bool:
        return threading.get_ident() == self._pd_thread

    def _handle_messages(self) -> None:
        """Handle the waiting messages in order.

        If another thread uses the instrument, Pd's thread leaves its message to it: that
        thread may itself be waiting for Pd.
        """
        while self._messages and self._handling.acquire(blocking=not self._on_pd_thread):
            try:
                while self._messages:
                    self._handle(*self._messages.popleft())
            finally:
                self._handling.release()

    def _handle(self, selector: str, atoms: list[Atom]) -> None:
        if not self._lacks_polls:
            self._instrument.receive(selector, atoms)
            return
        self._instrument.poll()  # deliver what has arrived so far
        self._instrument.receive(selector, atoms)
        unpolled_s = time.monotonic() - max(self._made_at, self._last_poll)
        is_hint_due = unpolled_s > _HINT_AFTER_S and not self._has_asked_for_polls
        if is_hint_due and self._instrument.busy:
            self._has_asked_for_polls = True
            self._instrument.error(_NO_POLLS)

    @property
    def _has_polls(self) -> bool:
        return time.monotonic() - self._last_poll < _POLLS_WITHIN_S

    @property
    def _lacks_polls(self) -> bool:
        return self._on_pd_thread and not self._has_polls

    def _pump(self) -> None:
        """Deliver until nothing is running. One handler at a time does this for all."""
        if not self._pumping.acquire(blocking=False):
            return
        try:
            while self._instrument.busy and not self._shouldexit:
                self._instrument.wait(_PUMP_WAIT_S)
                with self._handling:
                    self._instrument.poll(_PUMP_LIMIT_S)
                self._handle_messages()
        finally:
            self._pumping.release()

    # The interface of the host

    arrays = PdArrays()

    def missing_polls(self) -> str | None:
        """Return an error text if nothing is delivered because polls are missing, else None."""
        if not self._lacks_polls:
            return None
        self._has_asked_for_polls = True
        return _NO_POLLS

    @property
    def patch_folder(self) -> str:
        """The folder of the patch that holds the object, or another that it has told."""
        return self._told_folder or str(self._canvas_dir)

    @patch_folder.setter
    def patch_folder(self, folder: str) -> None:
        self._told_folder = folder

    @property
    def search_folders(self) -> list[str]:
        """The folders of Pd's search path and of `declare -path` that this pyext tells Python."""
        return [folder for folder in sys.path if Path(folder).name not in _OF_PYTHON]

    @property
    def sample_rate(self) -> int:
        """Pd's sample rate in Hz, if this pyext can tell it."""
        samplerate = getattr(pyext, "_samplerate", None)
        return int(samplerate()) if samplerate else _DEFAULT_SAMPLE_RATE

    def send(self, selector: str, *atoms: Atom) -> None:
        """Send a status message; atoms are int, float or str."""
        self._outlet(1, selector, list(atoms))

    def print(self, text: str) -> None:
        """Write a line to Pd's console; the original pyext treats it as a printf format."""
        print(text.replace("%", " percent"), file=sys.stderr)


def _plain(atom: object) -> Atom:
    return atom if isinstance(atom, (int, float)) else str(atom)
