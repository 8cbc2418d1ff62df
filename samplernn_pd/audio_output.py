"""The class `audio_output` for pyext: whether Pd plays into a sound card.

Where Pd finds no sound card, its audio can be on all the same: it counts time by the clock, and
patches run in silence. Pd tells no patch about it, so this class asks the program around it. It
answers with `audio on`, `audio off` or, where the user wants no sound card (`pd -nosound`) or
this Pd does not say, with `audio unknown`.
"""

import ctypes
from typing import Protocol

# Pd's settings are ints, fewer than these: the API, then for input and for output each the
# number of devices, four devices, the number of channel counts and four of them
_NUM_SETTINGS = 1024
_NUM_OUTPUTS = 11


class AudioOfPd(Protocol):
    """Pd's own functions, as `ctypes` finds them in the running program."""

    def audio_isopen(self) -> int:
        """Return whether a sound card is open."""
        ...

    def sys_get_audio_settings(self, settings: ctypes.Array[ctypes.c_int]) -> None:
        """Write Pd's audio settings."""
        ...


def running_pd() -> AudioOfPd | None:
    """Return the functions of the program that this Python runs in; None if it cannot tell."""
    try:
        program = ctypes.CDLL(None)
        return program if program.audio_isopen and program.sys_get_audio_settings else None
    except (AttributeError, OSError, TypeError):
        return None


def state_of_audio(program: AudioOfPd | None) -> str:
    """Return 'on', 'off' where a sound card is wanted and not open, or 'unknown'."""
    if program is None:
        return "unknown"
    if program.audio_isopen():
        return "on"
    settings = (ctypes.c_int * _NUM_SETTINGS)()
    program.sys_get_audio_settings(settings)
    return "off" if settings[_NUM_OUTPUTS] else "unknown"


try:
    import pyext
except ModuleNotFoundError:  # outside Pd
    pass
else:

    class audio_output(pyext._class):
        """`[pyext samplernn_pd audio_output]`: a bang into the second inlet asks."""

        _inlets = 1
        _outlets = 1

        def bang_1(self) -> None:
            """Answer with `audio on`, `audio off` or `audio unknown`."""
            self._outlet(1, "audio", [state_of_audio(running_pd())])
