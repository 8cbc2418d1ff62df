"""A real Pd that plays and records a stream, and the checks of a recording.

The worker of a busy machine may fall behind: then the sound fades out and in again. A
recording is therefore compared, stretch by stretch, with a take generated in one piece.
The stretches must follow each other in it without a sample lost or repeated.
"""

from pathlib import Path

import numpy as np
from class_in_pd import LOAD_LIMIT_S, ClassInPd
from pd_host import wave_samples

from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.folder import find_model

RATE = 44100
FADE = 221  # samples, 5 ms and one
SILENT = 64  # samples of 0 that no sound has by itself
REPORTS_PER_S = 5


class Recorder:
    """Records the input of a `[writesf~]` in a Pd."""

    def __init__(self, pd, path, receiver="to-file"):
        self._pd, self._path, self._receiver = pd, Path(path), receiver
        pd.send(receiver, "open", "-wave", "-bytes", 4, path)
        pd.send(receiver, "start")

    def stop(self):
        """Return the recording, float32 (num_samples,)."""
        self._pd.send(self._receiver, "stop")
        self._pd.send("pd", "dsp", 0)
        while not self._is_complete():  # Pd writes it in a thread of its own
            self._pd.sync()
        return np.frombuffer(wave_samples(self._path), np.float32)

    def _is_complete(self):
        content = self._path.read_bytes()
        start = content.find(b"data") + 8
        return 0 < int.from_bytes(content[start - 4 : start], "little") == len(content) - start


class StreamInPd(ClassInPd):
    """A Pd with the class in it and a ring that is played and recorded; DSP is on."""

    def __init__(self, patch="stream.pd", loader=()):
        super().__init__(patch, loader)
        self.send("pd", "dsp", 1)

    def load_model(self, folder, voices=1, precision="float32"):
        self.message(f"load {folder} voices {voices} precision {precision}")
        self.status(f"loaded {Path(folder).name} 16000 {voices}", LOAD_LIMIT_S)

    def begin(self, message="stream ring 400"):
        self.message("rng 5")
        self.message(message)
        self.status("stream on")

    def end(self):
        self.message("stream")
        self.status("stream off")

    def let_play(self, seconds):
        """Wait for this many reports of the stream."""
        for _ in range(round(REPORTS_PER_S * seconds)):
            self.status("streaming .*")

    def count(self, status):
        """Return how often a status has been sent so far."""
        self.sync()
        return self.console.count(f"status: {status}")


def whole_take(folder, dur_s, voices=1, out_rate=RATE, precision="float32", **fields):
    """Return the take (n,) that a stream with random seed 5 begins with."""
    generator = make_generator(find_model(folder), voices, precision=precision)
    request = TakeRequest(dur_s, **{"out_rate": out_rate, "rng_seed": 5, **fields})
    return np.concatenate(list(Take(generator, request)), axis=1).sum(axis=0)


def stretches(recording):
    """Return the sound in a recording between silences, a list of float32 (n,)."""
    is_zero = np.concatenate([[True], recording == 0, [True]])
    edges = np.flatnonzero(np.diff(is_zero))
    begins, ends = edges[::2], edges[1::2]
    is_gap = begins[1:] - ends[:-1] >= SILENT
    begins = begins[np.concatenate([[True], is_gap])]
    ends = ends[np.concatenate([is_gap, [True]])]
    return [recording[a:b] for a, b in zip(begins, ends)]


def assert_is_take(recording, take):
    """Assert that a recording is the take from its beginning, up to fades.

    Returns:
        How many stretches it has and how many samples.
    """
    parts, place = stretches(recording), 0
    for part in parts:
        expected = take[place : place + len(part)]
        inside = slice(FADE, len(part) - FADE)
        np.testing.assert_allclose(part[inside], expected[inside], atol=1e-5)
        assert np.all(np.abs(part) <= np.abs(expected) + 1e-5)  # in the fades, too
        place += len(part) + 1  # a fade's last sample is 0
    return len(parts), place


def largest_step(sound):
    return np.abs(np.diff(sound)).max()
