"""Recordings as people have them: odd files, names, folders and levels, each told in a line."""

import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from sopilib.audio.files import read_audio
from sopilib.audio.recordings import read_recordings
from sopilib.audio.resample import BlockResampler, channel_mean, mix_to_mono, resample
from sopilib.errors import AudioError, SampleRNNError, printable

RATE = 8000


def tone(dur_s=1.0, rate=RATE, gain=0.4, frequency=220.0):
    t = np.arange(round(dur_s * rate)) / rate
    return (gain * np.sin(2 * np.pi * frequency * t) * (1.2 + np.sin(4 * np.pi * t)) / 2.2).astype(
        "f4"
    )


def write(path, audio, rate=RATE, **kind):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        soundfile.write(file, audio, rate, **{"format": "WAV", **kind})
    return path


def wav(samples, data_size, riff_size, after=b""):
    """Return the bytes of a mono WAV of 16 bits whose header states the given sizes."""
    pcm = (samples * 32767).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    data_size = len(pcm) if data_size is None else data_size
    head = struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
    return head + form + struct.pack("<4sI", b"data", data_size) + pcm + after


def lines(recording_set):
    return recording_set.left_out_lines() + recording_set.odd_lines()


@pytest.mark.parametrize("in_rate, out_rate", [(48000, 16000), (44100, 16000), (8000, 16000)])
@pytest.mark.parametrize("num_samples", [1, 300, 1000, 50_001])
def test_in_blocks_a_sound_is_resampled_as_the_whole_to_the_last_bit(
    in_rate, out_rate, num_samples
):
    audio = np.random.default_rng(0).uniform(-1, 1, num_samples).astype(np.float32)
    whole = resample(audio, in_rate, out_rate)
    for size in (777, 12_345, 100_000):
        resampler = BlockResampler(in_rate, out_rate)
        blocks = [resampler.push(audio[k : k + size]) for k in range(0, num_samples, size)]
        np.testing.assert_array_equal(np.concatenate([*blocks, resampler.finish()]), whole)


@pytest.mark.parametrize("num_channels", [1, 2, 3, 7, 8, 64])
def test_the_mean_of_channels_is_numpys_to_the_last_bit(num_channels):
    audio = np.random.default_rng(0).standard_normal((1001, num_channels)).astype(np.float32)
    np.testing.assert_array_equal(channel_mean(audio), audio.mean(axis=1))


def test_a_set_is_what_reading_mixing_resampling_and_one_gain_make_of_it(tmp_path):
    stereo = np.stack([tone(3, 44100), tone(3, 44100, 0.2, 330.0)], axis=1)
    write(tmp_path / "a.wav", stereo, 44100, subtype="PCM_16")
    write(tmp_path / "b.wav", tone(2), subtype="FLOAT")
    found = read_recordings([tmp_path], RATE)
    sounds = []
    for name in ("a.wav", "b.wav"):
        audio, rate = soundfile.read(tmp_path / name, dtype="float32", always_2d=True)
        sounds.append(resample(audio.mean(axis=1), rate, RATE))
    gain = 10 ** (-1 / 20) / max(float(np.abs(sound).max()) for sound in sounds)
    assert found.gain == gain and lines(found) == []
    for recording, sound in zip(found.recordings, sounds, strict=True):
        np.testing.assert_array_equal(np.asarray(recording.audio), sound * np.float32(gain))
        part = np.asarray(recording.audio[5000:9000][10:-10])
        np.testing.assert_array_equal(part, (sound * np.float32(gain))[5010:8990])


def test_names_print_on_one_line_whatever_bytes_are_in_them():
    name = os.fsdecode(b"mod\x85\nla\tnotte \xc3\xa9.wav")
    assert printable(name) == r"mod\x85\nla\tnotte é.wav"
    assert str(SampleRNNError(f"no {name}")) == r"no mod\x85\nla\tnotte é.wav"


def test_files_with_any_name_are_read(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    names = [b"mod\x85.wav", b"new\nline.wav", b"-dash.wav", b"x" * 251 + b".wav", b" .wav "]
    for name in names:
        write(tmp_path / os.fsdecode(os.path.join(folder, name)), tone())
    found = read_recordings([tmp_path], RATE)
    assert {os.fsencode(r.path.name) for r in found.recordings} == set(names)
    assert read_audio(os.fsdecode(folder + b"/mod\x85.wav"))[1] == RATE


@pytest.mark.parametrize("subtype", ["GSM610", "IMA_ADPCM", "MS_ADPCM", "G721_32", "ULAW"])
def test_files_in_which_one_cannot_seek_are_read(subtype, tmp_path):
    container = "AU" if subtype.startswith("G721") else "WAV"
    path = write(tmp_path / "a.wav", tone(), format=container, subtype=subtype)
    assert len(read_audio(path)[0]) >= 7900
    assert len(read_audio(path, last_s=0.5)[0]) == 4000
    assert len(read_recordings([path], RATE).recordings) == 1


def test_content_decides_what_is_a_sound_and_each_reason_is_one_line(tmp_path):
    for name in ("field.bwf", "timit.sph", "noextension", "x.wav.bak", ".trash/deleted.wav"):
        write(tmp_path / name, tone())
    write(tmp_path / "__MACOSX" / "a.wav", tone())
    for k in range(12):
        (tmp_path / f"{k}.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(3000))
    (tmp_path / "notes.txt").write_text("no sound")
    (tmp_path / "broken.wav").write_text("<html>404 not found</html>")
    found = read_recordings([tmp_path], RATE)
    assert [r.path.name for r in found.recordings] == [
        *("field.bwf", "noextension", "timit.sph", "x.wav.bak")
    ]
    broken = f"left out: cannot read {tmp_path}/broken.wav as sound: Format not recognised"
    assert lines(found) == [
        f"{broken} (convert it to WAV)",
        "12 files not read: .m4a (convert to WAV or FLAC)",
        "1 file without sound: .txt",
        "2 hidden or system entries skipped: .trash, __MACOSX",
    ]


def test_a_folder_of_unreadable_formats_alone_says_so(tmp_path):
    (tmp_path / "b.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(3000))
    with pytest.raises(AudioError, match=r"1 file not read: \.m4a \(convert to WAV or FLAC\)"):
        read_recordings([tmp_path], RATE)


def test_links_are_followed_and_each_file_is_used_once(tmp_path):
    write(tmp_path / "elsewhere" / "e.wav", tone())
    folder = tmp_path / "set"
    write(folder / "own.wav", tone())
    for link, target in {
        "again.wav": "own.wav",
        "more": "../elsewhere",
        "loop": "../set",
        "dangling.wav": "nowhere.wav",
    }.items():
        (folder / link).symlink_to(target)
    found = read_recordings([folder], RATE)
    assert sorted(r.path.resolve().name for r in found.recordings) == ["e.wav", "own.wav"]
    assert lines(found) == ["1 file found again by a link, used once"]


def test_a_folder_that_may_not_be_read_is_told(tmp_path):
    write(tmp_path / "a.wav", tone())
    locked = tmp_path / "locked"
    write(locked / "b.wav", tone())
    for folder in (*tmp_path.parents[:3], tmp_path):
        folder.chmod(0o755)
    locked.chmod(0)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)
        found = read_recordings([tmp_path], RATE)
    finally:
        if is_root:
            os.seteuid(0)
        locked.chmod(0o755)
    assert [r.path.name for r in found.recordings] == ["a.wav"]
    (line,) = lines(found)
    assert f"cannot read the folder {locked}: Permission denied" in line


@pytest.mark.parametrize("data_size, riff_size", [(0, 0), (0, 36), (4000, 4036), (2**32 - 1,) * 2])
def test_an_unfinished_wav_is_read_to_its_end(data_size, riff_size, tmp_path):
    path = tmp_path / "power_cut.wav"
    path.write_bytes(wav(tone(), data_size, riff_size))
    audio, _ = read_audio(path)
    np.testing.assert_allclose(audio[:, 0], tone(), atol=1e-4)
    told = lines(read_recordings([path], RATE))
    by_libsndfile = data_size == 2**32 - 1  # which takes that for "to the end" itself
    expected = f"the header of {path} was never finished: it is read to its end"
    assert told == ([] if by_libsndfile else [expected])


@pytest.mark.parametrize(
    "after", [b"TAG" + bytes(125), bytes(8192), b"LIST" + struct.pack("<I", 6000) + b"x" * 6000]
)
def test_what_follows_the_samples_is_not_taken_for_sound(after, tmp_path):
    path = tmp_path / "tagged.wav"
    path.write_bytes(wav(tone(), None, 36 + 16000, after))
    assert len(read_audio(path)[0]) == RATE


@pytest.mark.parametrize("rate", [1, 999, 768_000, 2_000_000_000])
def test_a_rate_that_no_recording_has_is_refused(rate, tmp_path):
    header = bytearray(wav(tone(), None, 36 + 16000))
    header[24:28] = struct.pack("<I", rate)
    (tmp_path / "a.wav").write_bytes(header)
    with pytest.raises(AudioError, match=f"states a sample rate of {rate} Hz"):
        read_audio(tmp_path / "a.wav")


def level_db(recording):
    return 20 * np.log10(np.sqrt(np.mean(np.square(np.asarray(recording.audio)))))


@pytest.mark.parametrize("spikes", [[200.0], [1e6] * 50, [3e38] * 100, [np.nan], [-np.inf, 5e9]])
def test_damaged_samples_are_cut_down_and_leave_the_others_as_loud(spikes, tmp_path):
    write(tmp_path / "good.wav", tone(20), subtype="FLOAT")
    plain = read_recordings([tmp_path], RATE)
    audio = tone(20, frequency=330.0)
    audio[5000 : 5000 + len(spikes)] = spikes
    write(tmp_path / "spiked.wav", audio, subtype="FLOAT")
    found = read_recordings([tmp_path], RATE)
    assert abs(level_db(found.recordings[0]) - level_db(plain.recordings[0])) < 0.5
    assert np.abs(np.asarray(found.recordings[1].audio)).max() < 0.9
    number = f"{len(spikes)} damaged sample{'s' * (len(spikes) > 1)}"
    assert lines(found) == [
        f"{tmp_path}/spiked.wav: {number}, cut down to the loudest of the others"
    ]


def test_a_file_of_a_few_samples_is_used(tmp_path):
    write(tmp_path / "ten.wav", np.linspace(-0.5, 0.5, 10))
    (recording,) = read_recordings([tmp_path], RATE).recordings
    assert len(recording.audio) == 10


def test_a_file_that_is_damaged_all_over_is_left_out(tmp_path):
    write(tmp_path / "good.wav", tone())
    write(tmp_path / "nan.wav", np.full(8000, np.nan), subtype="FLOAT")
    found = read_recordings([tmp_path], RATE)
    assert [r.path.name for r in found.recordings] == ["good.wav"]
    assert "nan.wav holds NaN or infinity" in lines(found)[0]


def test_another_full_scale_is_brought_to_one(tmp_path):
    write(tmp_path / "a.wav", tone(2), subtype="FLOAT")
    write(tmp_path / "b.wav", tone(2) * 8388607, subtype="FLOAT")
    found = read_recordings([tmp_path], RATE)
    assert level_db(found.recordings[0]) == pytest.approx(level_db(found.recordings[1]), abs=0.01)
    assert "b.wav: its full scale is not 1, so it is divided by 8388608" in lines(found)[0]


def test_floating_point_somewhat_above_full_scale_is_as_it_was(tmp_path):
    write(tmp_path / "a.wav", tone(2, gain=3.0), subtype="FLOAT")
    found = read_recordings([tmp_path], RATE)
    assert lines(found) == [] and found.gain == pytest.approx(0.891 / 3.0, rel=0.05)


def test_a_constant_offset_is_removed_so_that_a_pause_is_one(tmp_path):
    audio = np.concatenate([tone(2), np.zeros(RATE * 3), tone(2)]) + 0.3
    write(tmp_path / "dc.wav", audio, subtype="FLOAT")
    found = read_recordings([tmp_path], RATE)
    assert np.abs(np.asarray(found.recordings[0].audio)[2 * RATE : 5 * RATE]).max() < 1e-3
    assert lines(found) == [f"{tmp_path}/dc.wav: a constant offset of +0.3 is removed"]


def test_a_sound_with_deep_waves_keeps_them(tmp_path):
    audio = tone(4) + 0.3 * np.sin(2 * np.pi * 1.3 * np.arange(4 * RATE) / RATE)
    write(tmp_path / "waves.wav", audio)
    assert lines(read_recordings([tmp_path], RATE)) == []


def test_channels_that_cancel_are_not_mixed(tmp_path):
    left = tone(2)
    write(tmp_path / "inverted.wav", np.stack([left, -0.99 * left], axis=1))
    found = read_recordings([tmp_path], RATE)
    assert found.gain_db < 10
    assert "channels cancel each other, channel 1 is used" in lines(found)[0]
    np.testing.assert_array_equal(mix_to_mono(np.stack([left, -left], axis=1)), left)
    other = tone(2, frequency=331.0)  # unrelated: softer by the mean, as it was
    np.testing.assert_array_equal(mix_to_mono(np.stack([left, other], 1)), (left + other) / 2)


def test_noise_alone_and_silence_are_told(tmp_path):
    hiss = 1e-4 * np.random.default_rng(0).standard_normal(RATE * 2)
    write(tmp_path / "hiss.wav", hiss, subtype="PCM_16")
    write(tmp_path / "silent.wav", np.zeros(RATE))
    write(tmp_path / "dc.wav", np.full(RATE, 0.5))
    found = read_recordings([tmp_path], RATE)
    told = lines(found)
    for line, name in zip(told, ("dc.wav", "silent.wav")):
        assert f"{name} holds only silence" in line
    assert "hiss.wav is the loudest" in told[2] and "amplified by 6" in told[2]


MEMORY_TEST = """
import resource, sys
import numpy as np
from sopilib.audio.recordings import read_recordings
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
read_recordings([sys.argv[1]], 8000)
before = peak()
(recording,) = read_recordings([sys.argv[2]], 8000).recordings
length = sum(len(np.asarray(recording.audio[k : k + 8000])) for k in range(0, 8000 * 300, 8000))
print(length, peak() - before)
"""


MEMORY_TEST_OF_FILES = """
import resource, sys
from pathlib import Path
from sopilib.audio.mono_file import mono_file_blocks
from sopilib.audio.prism_chunks import write_prism_chunks
short, long, folder = map(Path, sys.argv[1:])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
def read(path):
    chunks = list(write_prism_chunks(path, 16000, 0, folder, 8000))
    return sum(map(len, mono_file_blocks(path, 8000))), len(chunks)
read(short)
before = peak()
print(*read(long), peak() - before)
"""


@pytest.fixture(scope="module")
def long_and_short(tmp_path_factory):
    """Return the paths of a recording of a second and of one of 115 MB as float32."""
    folder = tmp_path_factory.mktemp("long")
    write(folder / "short.wav", tone())
    second = np.stack([tone(1, 48000)] * 2, axis=1)
    with soundfile.SoundFile(folder / "long.wav", "w", 48000, 2, "PCM_16") as file:
        for _ in range(300):
            file.write(second)
    return str(folder / "short.wav"), str(folder / "long.wav")


def numbers_of(script, *words):
    """Return what a script prints, a list of int."""
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(map(int, done.stdout.split()))


def test_a_long_recording_takes_no_more_memory_than_some_blocks(long_and_short):
    num_samples, grown_mb = numbers_of(MEMORY_TEST, *long_and_short)
    assert num_samples == 300 * 8000
    assert grown_mb < 80


def test_to_score_and_to_cut_as_prism_does_takes_no_more_memory_than_some_blocks(
    long_and_short, tmp_path
):
    num_samples, num_chunks, grown_mb = numbers_of(
        MEMORY_TEST_OF_FILES, *long_and_short, str(tmp_path)
    )
    assert (num_samples, num_chunks) == (300 * 8000, 18)
    assert grown_mb < 80


@pytest.mark.parametrize("dur_s, channels, subtype", [(3, 1, "PCM_16"), (80, 2, "PCM_24")])
def test_a_flac_file_that_breaks_off_is_used_up_to_there(
    dur_s, channels, subtype, tmp_path, caplog
):
    """The longer one breaks off after the first block that is read."""
    sound = np.stack([tone(dur_s)] * channels, axis=1) + 0.01
    whole = write(tmp_path / "whole.flac", sound, format="FLAC", subtype=subtype)
    path = tmp_path / "broken.flac"
    path.write_bytes(whole.read_bytes()[: round(0.9 * whole.stat().st_size)])
    audio, _ = read_audio(path)
    assert 0.8 * len(sound) < len(audio) < 0.95 * len(sound)
    np.testing.assert_allclose(audio, sound[: len(audio)], atol=1e-4)
    expected = f"{path} breaks off after {len(audio) / RATE:.1f} s: it is read up to there"
    assert caplog.messages == [expected]
    found = read_recordings([path], RATE)
    assert lines(found)[0] == expected
    (recording,) = found.recordings
    assert len(np.asarray(recording.audio)) == len(audio)


@pytest.mark.parametrize("last_s", [0.2, 60])
def test_of_a_flac_file_that_breaks_off_the_end_is_there_for_a_seed(last_s, tmp_path):
    whole = write(tmp_path / "whole.flac", tone(3), format="FLAC")
    path = tmp_path / "broken.flac"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    audio, _ = read_audio(path)
    end, _ = read_audio(path, last_s)
    np.testing.assert_array_equal(end, audio[-round(last_s * RATE) :])


def test_a_flac_file_without_a_whole_block_is_left_out(tmp_path):
    write(tmp_path / "a.wav", tone())
    whole = write(tmp_path / "whole.flac", tone(3), format="FLAC")
    (tmp_path / "broken.flac").write_bytes(whole.read_bytes()[:200])
    told = lines(read_recordings([tmp_path], RATE))
    assert [line for line in told if "broken.flac as sound: " in line] == told
