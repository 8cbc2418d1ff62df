"""`[samplernn~ -m]` in a Pd with signals of several channels, that of the package cypd.

Debian's Pd has none; the libpd in that package is a Pd 0.56, and a small host in C plays it.
"""

import importlib.util
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from pd_host import write_patch
from places import GRU, PROJECT
from stream_in_pd import assert_is_take

from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.folder import find_model

RATE = 16000
SOUNDING = 12800
VOICES = 3
LIMIT_S = 180

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="cypd has no wheel"
)


def libpd():
    """Return the path of the libpd in the package cypd."""
    folder = Path(importlib.util.find_spec("cypd").origin).parent
    return next(folder.glob("_libpd*.so"))


def libpython():
    found = sysconfig.get_config_vars("LIBDIR", "INSTSONAME")
    return Path(*found)


@pytest.fixture(scope="module")
def newer_pd(tmp_path_factory):
    """Return a function that plays a patch: float32 (channels, n), and the console."""
    folder = tmp_path_factory.mktemp("newer")
    host, source = folder / "newer_pd", PROJECT / "tests" / "support" / "newer_pd.c"
    subprocess.run(["cc", "-O1", "-Wall", "-o", host, source, "-ldl"], check=True)

    def play(channels, *lines):
        patch, output = write_patch(folder, *lines), folder / "output"
        numbers = map(str, (channels, RATE, SOUNDING))
        result = subprocess.run(
            [host, libpython(), libpd(), folder, patch.name, *numbers, output, PROJECT / "pd"],
            env={**os.environ, "SAMPLERNN_PYTHON": sys.executable},
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
        )
        assert result.returncode == 0, result.stderr
        return np.fromfile(output, np.float32).reshape(-1, channels).T, result.stderr

    return play


def test_the_voices_are_the_channels_of_one_outlet_each_as_by_itself(newer_pd):
    heard, console = newer_pd(
        2 * VOICES,
        "#X obj 20 20 loadbang",
        rf"#X msg 20 50 load {GRU} voices 3 precision float32 threads 1 \, rng 5",
        "#X obj 20 100 samplernn~ -m 0 3 400 trio",
        "#X obj 150 130 print status",
        "#X obj 150 160 route loaded",
        "#X obj 150 190 t b",
        "#X msg 150 220 1",
        "#X obj 20 180 snake~ out 3",
        "#X obj 20 220 dac~ 1 2 3",
        "#X obj 20 300 samplernn-voice~ trio 1",
        "#X obj 220 300 samplernn-voice~ trio 2",
        "#X obj 420 300 samplernn-voice~ trio 3",
        "#X obj 20 350 dac~ 4 5 6",
        "#X connect 0 0 1 0",
        "#X connect 1 0 2 0",
        "#X connect 2 1 3 0",
        "#X connect 2 1 4 0",
        "#X connect 4 0 5 0",
        "#X connect 5 0 6 0",
        "#X connect 6 0 2 0",
        "#X connect 2 0 7 0",
        *(f"#X connect 7 {voice} 8 {voice}" for voice in range(VOICES)),
        *(f"#X connect {9 + voice} 0 12 {voice}" for voice in range(VOICES)),
    )
    assert "status: multichannel on" in console
    assert "error" not in console
    channels, voices = heard[:VOICES], heard[VOICES:]
    np.testing.assert_array_equal(channels, voices)
    generator = make_generator(find_model(GRU), VOICES, precision="float32")
    request = TakeRequest(4, out_rate=RATE, rng_seed=5)
    for channel, expected in zip(channels, np.concatenate(list(Take(generator, request)), axis=1)):
        assert assert_is_take(channel, expected)[1] > SOUNDING // 2
