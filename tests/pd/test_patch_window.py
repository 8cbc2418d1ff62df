"""The patch in a window on a virtual screen, played with the mouse and checked in pixels."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from matplotlib.image import imread
from pd_host import write_patch
from places import PROJECT
from treble import treble_share

from sopilib.installation.models import Kind, ModelPlace, find_models
from sopilib.installation.paths import models_folder

PATCH = PROJECT / "pd" / "samplernn.pd"
START_LIMIT_S = 30
TAKE_LIMIT_S = 120
CLICK_AGAIN_S = 3
PD_RATE = 16000  # that of the model
LISTEN_S = 4


class Screen:
    """A virtual screen with Pd's window of the patch on it."""

    def __init__(self, folder):
        self.heard = folder / "heard.wav"
        self._write_recorder(folder)
        self._picture = folder / "window.png"
        self._console = folder / "pd.log"
        self._processes = []
        read_end, write_end = os.pipe()
        self._start(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1400x1000x24"],
            pass_fds=[write_end],
        )
        os.close(write_end)
        with os.fdopen(read_end) as display:
            number = display.readline().strip()
        self._env = {**os.environ, "DISPLAY": f":{number}", "SAMPLERNN_PYTHON": sys.executable}
        with self._console.open("wb") as console:
            self._start(
                [
                    "pd",
                    "-noprefs",
                    "-nosound",
                    "-stderr",
                    "-r",
                    str(PD_RATE),
                    "-path",
                    str(folder),
                    "-open",
                    str(PATCH),
                    "-send",
                    r"pd-samplernn.pd obj 20 900 recorder \$0-file-chosen",
                    "-send",
                    f"record-to symbol {self.heard}",
                ],
                env=self._env,
                stdout=console,
                stderr=console,
            )
        self._window = self._find_window()
        width, height = self._canvas_size()
        self._menu_height = self.picture().shape[0] - height
        assert self.picture().shape[1] == width

    def _write_recorder(self, folder):
        """Return an abstraction that makes the open page record its output to the file `heard`."""
        write_patch(
            folder,
            "#X obj 20 20 receive record-to",
            r"#X obj 20 50 send \$1",
            "#X connect 0 0 1 0",
            name="recorder.pd",
        )

    def _start(self, command, **options):
        self._processes.append(
            subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, **options)
        )

    def _run(self, *command):
        result = subprocess.run(
            command,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=START_LIMIT_S,
            check=True,
        )
        return result.stdout

    def _find_window(self):
        search = ("xdotool", "search", "--sync", "--onlyvisible", "--name", r"^samplernn\.pd")
        try:
            window = self._run(*search).split()[-1]
        except subprocess.TimeoutExpired:
            self.close()
            pytest.fail(f"Pd opens no window; its console: {self._console.read_text()}")
        time.sleep(1)  # Tk draws the canvas after it has mapped the window
        return window

    def _canvas_size(self):
        return [int(size) for size in PATCH.read_text().split(maxsplit=6)[4:6]]

    def click(self, pattern, right=8, down=8):
        """Click the object whose text in the patch file matches, some pixels into it."""
        x, y = re.search(
            rf"^#X (?:obj|msg) (\d+) (\d+) {pattern}", PATCH.read_text(), re.M
        ).groups()
        self._run(
            "xdotool",
            "mousemove",
            "--window",
            self._window,
            str(int(x) + right),
            str(int(y) + down + self._menu_height),
            "click",
            "1",
        )

    def click_model(self, name):
        """Click the place of a bundled model, which are the first on the page."""
        bundled = find_models([ModelPlace(models_folder(), Kind.BUNDLED)])
        number = 1 + [model.name for model in bundled].index(name)
        self.click(rf"bng .*\\\$0-slot-{number} ")

    def listen(self):
        """Return the last two seconds of the playback, float array (num_samples,).

        It waits `LISTEN_S` first, so that the result contains no earlier sound.
        """
        time.sleep(LISTEN_S)
        content = self.heard.read_bytes()
        content = content[content.index(b"data") + 8 :]
        samples = np.frombuffer(content, np.uint8)[: len(content) // 3 * 3].reshape(
            -1, 3
        )  # 24 bits
        return np.pad(samples, ((0, 0), (1, 0))).view("<i4")[-2 * PD_RATE :, 0] / 2**31

    def picture(self):
        """Return the window as float32 (height, width, 3), 0 <= x <= 1."""
        self._run("import", "-window", self._window, str(self._picture))
        return imread(self._picture)[:, :, :3]

    def pixels(self, x, y, width, height):
        """Return a part of the patch's window, its corner counted as in the patch file."""
        top = y + self._menu_height
        return self.picture()[top : top + height, x : x + width]

    def blue_pixels(self):
        """Return how many pixels have the colour of the waveform."""
        red, green, blue = np.moveaxis(self.picture(), 2, 0)
        return int(np.sum((blue > 0.7) & (red < 0.3) & (green < 0.6)))

    def close(self):
        for process in reversed(self._processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def screen(tmp_path):
    screen = Screen(tmp_path)
    yield screen
    screen.close()


def test_the_slider_of_the_temperature_is_heard_while_live(screen):
    screen.click_model("preludes")
    screen.click(r"tgl .*\\\$0-live ")
    deadline = time.monotonic() + TAKE_LIMIT_S
    while not np.any(screen.listen()):
        assert time.monotonic() < deadline, "no sound is heard"
    screen.click(r"hsl .*\\\$0-temperature ", right=345)
    wild = treble_share(screen.listen())
    screen.click(r"hsl .*\\\$0-temperature ", right=150)
    tame = treble_share(screen.listen())
    assert wild > 0.1
    assert tame < wild / 5


def test_a_click_on_load_and_one_on_generate_draw_a_waveform(screen):
    flat = screen.blue_pixels()
    assert flat > 300  # the line of the empty array
    screen.click_model("preludes")
    deadline = time.monotonic() + TAKE_LIMIT_S
    while screen.blue_pixels() < 4 * flat:
        assert time.monotonic() < deadline, "no waveform appears"
        screen.click(r"bng .*\\\$0-generate ")
        time.sleep(CLICK_AGAIN_S)
