"""From recordings to a playing model: one command, then `load` in a real Pd."""

import os
import re
import subprocess
import sys

import numpy as np
import soundfile
from class_in_pd import LOAD_LIMIT_S, PROJECT, ClassInPd

TRAIN = (
    "import sys; from sopilib.commands.main import main; sys.exit(main(['train', *sys.argv[1:]]))"
)


def write_stereo(path, dur_s, pitch_hz):
    t = np.arange(round(dur_s * 44_100)) / 44_100
    sides = [0.5 * np.sin(2 * np.pi * pitch_hz * t), 0.3 * np.sin(3 * np.pi * pitch_hz * t)]
    soundfile.write(path, np.stack(sides, axis=1), 44_100)


def test_two_stereo_recordings_become_a_model_that_pd_plays(tmp_path):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    write_stereo(sounds / "low.wav", 3.1, 220)
    write_stereo(sounds / "high.wav", 4.7, 440)
    flags = ["--data_dir", str(sounds), "--preset", "live-small", "--num_epochs", "2"]
    trained = subprocess.run(
        [sys.executable, "-c", TRAIN, *flags],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert trained.returncode == 0, trained.stderr
    run = tmp_path / trained.stdout.splitlines()[-1]
    with ClassInPd() as pd:
        pd.message(f"load {run}")
        pd.status(rf"loaded {re.escape(run.name)} 16000 1", LOAD_LIMIT_S)
        pd.message("generate --dur 0.5 --out sound1")
        pd.status("generated sound1 16000 8000")
        assert np.ptp(pd.samples("sound1")) > 0.01
