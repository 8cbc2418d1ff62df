"""A radio: takes without end, joined without clicks, failing ones left out, into any reader."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import wave

import numpy as np
import pytest
import soundfile
from exported_model import write_exported
from samplernn_process import start_samplernn

from sopilib.audio.endless_sound import encoder
from sopilib.audio.loudness import loudness_lufs
from sopilib.audio.resample import resample
from sopilib.audio.wav_header import endless_header
from sopilib.commands import radio_output
from sopilib.commands.main import main
from sopilib.generation.crossfade import envelope, joined
from sopilib.generation.generator import make_generator
from sopilib.generation.radio_takes import MOST_FAILURES, PEAK, Programme
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.takes_ahead import TakesAhead
from sopilib.model.folder import find_model

RATE = 4000
FADE_S = 0.25
# below 0.02 a model of random weights repeats a rough wave, above it makes noise
SOME_FAIL = ("--temperature", "0:0.04")
FLAGS = ("--crossfade", FADE_S, "--dur", "1:2", "--threads", 1, "--precision", "int8")
TOLD = re.compile(r"take (\d+): (\w+), rng_seed (\d+), temperature (\S+), (\S+) s, (.*)")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [
        write_exported(folder / "bells", None, RATE),
        write_exported(folder / "reeds", None, 2000),
    ]


class Heard:
    """What a listener to a fifo heard: bytes, until enough of them came."""

    def __init__(self, path, num_bytes):
        os.mkfifo(path)
        self._path, self._num_bytes = path, num_bytes
        self.content = b""
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()

    def _run(self):
        with open(self._path, "rb") as file:
            self.content = file.read(self._num_bytes)


def heard(fifo, models, num_samples, *flags):
    """Return the first samples of a radio, float32, and what it printed stays to be read."""
    words = ["radio", "--ckpt_dir", *models, "--out", fifo, "--format", "f32le", *FLAGS, *flags]
    with Heard(fifo, 4 * num_samples) as listener:
        assert main([str(word) for word in words]) == 0
    return np.frombuffer(listener.content, "<f4")


def told(capsys):
    """Return (number, model, seed, temperature, seconds, rest) of each line about a take."""
    return [
        (int(n), name, int(seed), float(t), float(dur_s), rest)
        for n, name, seed, t, dur_s, rest in TOLD.findall(capsys.readouterr().err)
    ]


def as_generated(model, seed, temperature, dur_s, rate):
    """Return the take that `generate` makes with these values, at `rate`."""
    files = find_model(model)
    generator = make_generator(files, 1, precision="int8", threads=1)
    request = TakeRequest(dur_s=dur_s, temperature=(temperature,), rng_seed=seed)
    sound = np.concatenate(list(Take(generator, request)), axis=1)[0]
    gain = min(1.0, PEAK / np.abs(sound).max())
    return gain * resample(sound, files.config.sample_rate, rate)


def crossfaded(sounds, num_fade):
    """Return sounds joined by sines and cosines, plainly written."""
    rise = np.sin(np.pi / 2 * (np.arange(num_fade) + 0.5) / num_fade)
    starts = np.cumsum([0, *(len(sound) - num_fade for sound in sounds)])
    whole = np.zeros(starts[-1] + num_fade)
    for start, sound in zip(starts, sounds):
        faded = sound.astype(float)
        faded[:num_fade] *= rise
        faded[-num_fade:] *= rise[::-1]
        whole[start : start + len(sound)] += faded
    return whole[: starts[-1]]


class Sound:
    """A sound in blocks of a length."""

    def __init__(self, samples, size):
        self._samples, self._size = samples, size
        self.num_samples = len(samples)

    def blocks(self):
        for begin in range(0, self.num_samples, self._size):
            yield self._samples[begin : begin + self._size]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_sounds_are_joined_alike_in_any_blocks(size):
    random = np.random.default_rng(0)
    sounds = [random.uniform(-1, 1, n).astype(np.float32) for n in (64, 101, 300, 65)]
    whole = np.concatenate(list(joined([Sound(sound, size) for sound in sounds], 32)))
    np.testing.assert_allclose(whole, crossfaded(sounds, 32), atol=1e-6)
    assert len(whole) == 64 + 101 + 300 + 65 - 4 * 32


def test_the_powers_of_a_crossfade_add_up_to_one():
    falls, rises = envelope(900, 1000, 1000, 100), envelope(0, 100, 5000, 100)
    np.testing.assert_allclose(falls**2 + rises**2, 1, atol=1e-6)
    assert (envelope(100, 900, 1000, 100) == 1).all()


READERS = {
    "wave": [sys.executable, "-c", "import sys, wave; file = wave.open(sys.stdin.buffer); "
             "sys.stdout.buffer.write(file.readframes(10**6))"],
    "sox": ["sox", "-t", "wav", "-", "-t", "raw", "-"],
    "ffmpeg": ["ffmpeg", "-v", "quiet", "-i", "-", "-f", "s16le", "-"],
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_a_header_without_a_length_is_read_from_a_pipe(reader):
    if not shutil.which(READERS[reader][0]):
        pytest.skip(f"{reader} is not installed")
    samples = encoder("wav")(np.sin(np.arange(20000) / 10))
    content = endless_header(22050) + samples
    assert subprocess.run(READERS[reader], input=content, capture_output=True).stdout == samples


def test_a_header_says_the_length_once_it_is_known(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(endless_header(22050, 3) + encoder("wav")(np.array([0.5, -1, 2])))
    with wave.open(str(path)) as file:
        assert (file.getnframes(), file.getframerate()) == (3, 22050)
    np.testing.assert_allclose(soundfile.read(path)[0], [0.5, -1, 1], atol=1e-4)
    assert endless_header(16000, 2**31) == endless_header(16000)


def test_a_radio_joins_the_takes_that_generate_makes(models, tmp_path, capsys):
    rate = 5000
    flags = ("--out_sr", rate, "--rng_seed", 5, "--temperature", "0.9:1.1", "--accept", "noise")
    sound = heard(tmp_path / "a", models, 3 * rate, *flags)
    takes = told(capsys)
    assert len(sound) == 3 * rate
    assert [(number, name) for number, name, *_ in takes[:3]] == [
        (1, "bells"), (2, "reeds"), (3, "bells"),
    ]  # fmt: skip
    assert all(0.9 <= t <= 1.1 and 1 <= dur_s <= 2 for *_, t, dur_s, _ in takes)
    assert len({seed for _, _, seed, *_ in takes}) == len(takes)
    parts = [
        as_generated(models[number % 2 == 0], seed, t, dur_s, rate)
        for number, _, seed, t, dur_s, _ in takes
    ]
    expected = crossfaded(parts, round(FADE_S * rate))
    num_samples = min(len(sound), len(expected))
    np.testing.assert_allclose(sound[:num_samples], expected[:num_samples], atol=1e-5)
    np.testing.assert_array_equal(heard(tmp_path / "b", models, 3 * rate, *flags), sound)
    other = heard(tmp_path / "c", models, 2 * rate, *flags, "--rng_seed", 6)
    assert not np.array_equal(other, sound[: 2 * rate])


def test_failing_takes_are_left_out_before_they_are_heard(models, tmp_path, capsys):
    sound = heard(tmp_path / "a", models[:1], 3 * RATE, *SOME_FAIL, "--rng_seed", 1)
    takes = told(capsys)
    kept = [take for take in takes if take[-1].endswith("times real time")]
    left_out = [take for take in takes if "left out: noise at " in take[-1]]
    assert len(kept) >= 2 and len(left_out) >= 2
    assert sorted(kept + left_out) == sorted(takes)
    parts = [as_generated(models[0], seed, t, dur_s, RATE) for _, _, seed, t, dur_s, _ in kept]
    expected = crossfaded(parts, round(FADE_S * RATE))
    num_samples = min(len(sound), len(expected))
    np.testing.assert_allclose(sound[:num_samples], expected[:num_samples], atol=1e-5)


def test_a_model_whose_takes_all_fail_is_one_line(models, tmp_path, capsys):
    words = ["radio", "--ckpt_dir", models[0], "--out", tmp_path / "x.wav", *FLAGS, "--dur", 2]
    assert main([str(word) for word in words]) == 1
    *lines, last = capsys.readouterr().err.splitlines()
    assert last.startswith(f"samplernn: {MOST_FAILURES} takes of bells in a row failed (")
    assert sum("left out: noise" in line for line in lines) == MOST_FAILURES


def test_loudness_is_what_was_asked_for(models, tmp_path):
    flags = ("--accept", "noise", "--loudness", -30, "--rng_seed", 1)
    sound = heard(tmp_path / "a", models[:1], 4 * RATE, *flags)
    body = sound[round(FADE_S * RATE) :]
    assert loudness_lufs(body, RATE) == pytest.approx(-30, abs=1)


def test_drawn_values_are_the_same_in_every_run():
    programme = Programme(7, (0.8, 1.2), (10.0, 20.0), 4.0, 16000)
    draws = [programme.draw(number) for number in (1, 2, 3)]
    assert draws == [programme.draw(number) for number in (1, 2, 3)]
    assert [draw.number for draw in draws] == [1, 2, 3]
    fixed = Programme(7, (1.0, 1.0), (10.005, 10.005), 4.0, 16000).draw(1)
    assert (fixed.temperature, fixed.rng_seed) == (1.0, draws[0].rng_seed)
    assert fixed.dur_s >= 10.005  # two crossfades fit


class Count:
    """Endless takes, counted."""

    def __init__(self):
        self.num_made = 0

    def __iter__(self):
        while True:
            self.num_made += 1
            yield self.num_made


def test_takes_are_made_two_ahead_and_no_more():
    takes, stopped = Count(), threading.Event()
    with TakesAhead(takes, stopped) as ahead:
        playing = iter(ahead)
        for number in (1, 2, 3):
            assert next(playing) == number
            deadline = time.monotonic() + 30
            while takes.num_made < number + 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.15)  # for one too many
            assert takes.num_made == number + 2
    assert stopped.is_set()


def test_an_error_while_takes_are_made_is_raised_where_they_are_played():
    def takes():
        yield 1
        raise MemoryError

    with TakesAhead(takes(), threading.Event()) as ahead, pytest.raises(MemoryError):
        list(ahead)


def test_in_real_time_it_neither_runs_ahead_nor_catches_up(monkeypatch):
    now, slept = [100.0], []

    class Time:
        monotonic = staticmethod(lambda: now[0])

        @staticmethod
        def sleep(seconds):
            slept.append(seconds)
            now[0] += seconds

    monkeypatch.setattr(radio_output, "time", Time)
    clock = radio_output.Clock(8000)
    for _ in range(50):
        clock.wait(800)
    assert now[0] - 100 == pytest.approx(5 - 0.1 - 1, abs=1e-6)  # one second ahead of the end
    now[0] += 60  # the reader stalls
    slept.clear()
    for _ in range(30):
        clock.wait(800)
    assert sum(slept) == pytest.approx(3 - 0.1 - 1, abs=1e-6)


@pytest.mark.parametrize(
    "flags, text",
    [
        (("--dur", "3:2"), "--dur 3:2 is reversed ("),
        (("--dur", "1", "--crossfade", "0.6"), "--dur 1: two crossfades of 0.6 s"),
        (("--temperature", "0:1:2"), "'1:2' is not a number"),
        (("--dur", "0"), "--dur 0 ("),
        (("--out", "there.wav"), "there.wav exists ("),
        (("--out", "no/x.wav"), "no folder"),
        (("--out", "x.flac"), "x.flac: a radio writes WAV or raw samples ("),
    ],
)
def test_what_cannot_be_is_one_line(flags, text, models, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.wav").write_bytes(b"mine")
    words = ["radio", "--ckpt_dir", models[0], "--out", "x.wav", *FLAGS, *flags]
    try:
        status = main([str(word) for word in words])
    except SystemExit as end:
        status = end.code
    error = capsys.readouterr().err
    assert status in (1, 2) and error.count("\n") == 1 and text in error
    assert [path.name for path in tmp_path.iterdir()] == ["there.wav"]
    assert (tmp_path / "there.wav").read_bytes() == b"mine"


def start(models, *flags, **options):
    """Start a radio of its own process whose takes hold."""
    words = ["radio", "--ckpt_dir", *models, *FLAGS, "--accept", "noise", *flags]
    return start_samplernn(*words, **{"stdout": None, **options})


def test_a_reader_that_ends_ends_the_radio_without_a_word(models):
    process = start(models[:1], stdout=subprocess.PIPE)
    content = process.stdout.read(10_000)
    process.stdout.close()
    told = process.stderr.read().decode()
    assert process.wait() == 0
    assert content[:44] == endless_header(RATE)
    assert "Traceback" not in told and "samplernn:" not in told and "Broken" not in told


def test_ctrl_c_completes_the_file(models, tmp_path):
    path = tmp_path / "x.wav"
    process = start(models[:1], "--out", path)
    while not path.exists() or path.stat().st_size < 10_000:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    told = process.stderr.read().decode()
    assert process.wait() == 130
    assert "Traceback" not in told
    with wave.open(str(path)) as file:
        assert 44 + 2 * file.getnframes() == path.stat().st_size
