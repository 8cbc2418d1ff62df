"""The page says that there is no sound card; the class asks Pd, whatever card the machine has."""

import ctypes
import os
import subprocess
import sys

import pytest
from pd_host import write_patch
from places import PROJECT

from samplernn_pd.audio_output import running_pd, state_of_audio

NO_JACK = {**os.environ, "JACK_NO_START_SERVER": "1", "JACK_DEFAULT_SERVER": "none-of-this-name"}
LIMIT_S = 60


class Audio:
    """Pd's functions as they answer with a card open or not, wanted or not."""

    def __init__(self, is_open, num_outputs):
        self._is_open, self._num_outputs = is_open, num_outputs

    def audio_isopen(self):
        return self._is_open

    def sys_get_audio_settings(self, settings):
        devices = [0, -1, -1, -1]
        settings[:21] = [5, 1, *devices, 1, 2, 0, 0, 0, self._num_outputs, *devices, 1, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("audio", "state"),
    [
        (Audio(1, 1), "on"),
        (Audio(0, 1), "off"),
        (Audio(0, 0), "unknown"),
        (None, "unknown"),
    ],
)
def test_the_state_follows_from_what_is_open_and_what_is_wanted(audio, state):
    assert state_of_audio(audio) == state


def test_a_program_that_is_not_pd_says_nothing():
    assert isinstance(ctypes.CDLL(None), ctypes.CDLL)
    assert running_pd() is None


def console_of_the_page(folder, *args):
    """Return the console of a Pd on the page until 2 s after its audio was switched on."""
    patch = write_patch(
        folder,
        "#X obj 20 20 loadbang",
        "#X obj 20 50 delay 2500",
        r"#X msg 20 80 \; pd quit",
        "#X obj 200 20 samplernn",
        "#X obj 200 60 print status",
        "#X connect 0 0 1 0",
        "#X connect 1 0 2 0",
        "#X connect 3 0 4 0",
    )
    command = ["pd", "-nogui", "-noprefs", "-stderr", *args, "-path", str(PROJECT / "pd")]
    dsp = ("-send", "pd dsp 1")
    result = subprocess.run(
        [*command, *dsp, str(patch)],
        env={**NO_JACK, "SAMPLERNN_PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
    )
    return result.stdout


def test_the_page_says_that_there_is_no_sound_card(tmp_path):
    console = console_of_the_page(tmp_path, "-jack")  # with a server of a name that no one has
    assert console.count("status: notice no sound card: nothing is heard (choose one ") == 1


def test_the_page_is_quiet_where_no_sound_card_is_wanted(tmp_path):
    console = console_of_the_page(tmp_path, "-nosound")
    assert "status: models" in console
    assert "sound card" not in console
