"""Sound files are written block by block, and what a format cannot hold is refused before."""

import errno
import os
import resource
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from sopilib.audio import write
from sopilib.audio.write import check_format, check_sound_paths, write_audio, write_new_audio
from sopilib.errors import AudioError

FORMATS = sorted(soundfile.available_formats())


def noise(num_samples, num_channels=1):
    shape = (num_samples, num_channels)
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


def refused(call, *arguments):
    """Return the text of the AudioError that a call raises, None without one."""
    try:
        call(*arguments)
    except AudioError as error:
        return str(error)
    return None


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_format_is_written_as_it_was_given_or_refused_before(suffix, tmp_path):
    for rate in (8000, 16000, 22050, 44100, 48000, 96000, 192_000, 384_000):
        path = tmp_path / f"x.{suffix.lower()}"
        refusal = refused(check_format, path, rate, 1, 3000)
        if refusal is not None:
            assert refusal.startswith(f"cannot write {path}: ") and "\n" not in refusal
            assert refused(write_audio, path, noise(3000), rate) == refusal
            assert list(tmp_path.iterdir()) == []
            continue
        write_audio(path, noise(3000), rate)
        info = soundfile.info(path)
        assert (info.samplerate, info.frames, info.channels) == (rate, 3000, 1)
        path.unlink()


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg", "mp3"])
def test_the_formats_that_people_use_have_the_usual_rates(suffix):
    for rate in (16000, 22050, 44100, 48000):
        check_format(f"x.{suffix}", rate)


@pytest.mark.parametrize(
    "name, rate, channels, samples, told",
    [
        ("x.ogg", 200_001, 1, 1, "OGG has no rate of 200001 Hz"),
        ("x.mp3", 96_000, 1, 1, "sample rates of"),
        ("x.htk", 44_100, 1, 1, "HTK has no rate of 44100 Hz"),
        ("x.mp3", 16_000, 3, 1, "cannot write x.mp3"),
        ("x.aiff", 384_000, 1, 5 * 3600 * 384_000, "13.8 GB, AIFF holds at most 4.29 GB"),
        ("x.sds", 16_000, 1, 2**21, "SDS holds at most 2097151 samples"),
        ("x.raw", 16_000, 1, 1, "'.raw' is not a sound file format"),
        ("x", 16_000, 1, 1, "'' is not a sound file format"),
    ],
)
def test_what_a_format_cannot_hold_is_told(name, rate, channels, samples, told):
    with pytest.raises(AudioError) as raised:
        check_format(name, rate, channels, samples)
    assert told in str(raised.value)


@pytest.mark.parametrize("largest, form", [(20_044, b"RIFF"), (19_999, b"RF64")])
def test_wav_beyond_its_limit_becomes_rf64(largest, form, tmp_path, monkeypatch):
    check_format("x.wav", 384_000, 1, 5 * 3600 * 384_000)
    monkeypatch.setattr(write, "_LARGEST_32_BIT", largest)
    path, sound = tmp_path / "x.wav", noise(5000, 2)
    write_audio(path, sound, 16000)
    assert path.read_bytes()[:4] == form
    read, rate = soundfile.read(path, dtype="float32")
    assert (rate, len(read)) == (16000, 5000)
    np.testing.assert_allclose(read, sound, atol=1 / 32768)


def test_ogg_of_three_minutes_is_written(tmp_path):
    """In one block libsndfile ends the process here."""
    length = 180 * 16000
    write_audio(tmp_path / "x.ogg", np.tile(noise(16000), (180, 1)), 16000)
    assert soundfile.info(tmp_path / "x.ogg").frames == length


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "w64"])
def test_a_full_disk_is_told_and_leaves_the_old_file(suffix, tmp_path):
    path = tmp_path / f"x.{suffix}"
    write_audio(path, noise(100), 16000)
    old = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(AudioError, match="larger than this disk or account allows"):
            write_audio(path, noise(100_000), 16000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_the_reason_of_the_system_is_told_not_that_of_the_library(tmp_path, monkeypatch):
    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def seek(self, offset=0, whence=0):
            return 0

        tell = seek
        read = write

    with pytest.raises(OSError) as raised:
        write.write_sound(Full(), "x.wav", noise(10), 16000)
    assert raised.value.errno == errno.ENOSPC


def test_too_little_space_is_told_before(tmp_path, monkeypatch):
    paths = [tmp_path / f"x_{k}.wav" for k in range(3)]
    check_sound_paths(paths, 16000, 1000)
    monkeypatch.setattr(write.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5000))
    with pytest.raises(AudioError, match="0.006 MB are needed, 0.005 MB are free"):
        check_sound_paths(paths, 16000, 1000)
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_is_written_again_but_not_over_another_file(tmp_path):
    path = tmp_path / "bell_chunk_1.wav"
    for _ in range(2):
        write_new_audio(path, noise(100), 16000)
    path.write_bytes(b"mine")
    with pytest.raises(AudioError, match="bell_chunk_1.wav exists"):
        write_new_audio(path, noise(100), 16000)
    assert path.read_bytes() == b"mine"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(AudioError, match="bell_chunk_1.wav exists"):
        write_new_audio(path, noise(100), 16000)
