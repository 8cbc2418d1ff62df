"""`samplernn chunk`: any recordings in, equal chunks at one level out."""

import os

import numpy as np
import pytest
import soundfile

from sopilib.audio.prism_chunks import is_half_silent, prism_starts
from sopilib.audio.resample import resample
from sopilib.commands.chunk import chunk_starts
from sopilib.commands.main import main


def sine(num_samples, sample_rate, amplitude=0.5, frequency=200.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(num_samples) / sample_rate)


def run(output_dir, *flags):
    return main(["chunk", "--output_dir", str(output_dir), *map(str, flags)])


def chunks_in(folder):
    return [soundfile.read(path) for path in sorted(folder.glob("*.wav"))]


@pytest.mark.parametrize(
    "num_samples, length, hop, starts",
    [
        (99, 100, 80, []),
        (100, 100, 80, [0]),
        (180, 100, 80, [0, 80]),
        (181, 100, 80, [0, 80, 81]),
        (250, 100, 100, [0, 100, 150]),
    ],
)
def test_chunks_overlap_and_the_last_ends_with_the_recording(num_samples, length, hop, starts):
    assert chunk_starts(num_samples, length, hop) == starts


def test_formats_rates_and_channels_become_16_bit_mono_chunks_of_one_length(tmp_path, capsys):
    folder = tmp_path / "sounds"
    (folder / "more").mkdir(parents=True)
    stereo = np.stack([sine(44100, 44100), sine(44100, 44100)], axis=1)
    soundfile.write(folder / "stereo.flac", stereo, 44100)
    soundfile.write(folder / "more" / "mono.ogg", sine(48000, 48000), 48000)
    soundfile.write(folder / "more" / "slow.aiff", sine(8000, 8000), 8000)
    (folder / "notes.txt").write_text("no sound")
    out = tmp_path / "new" / "chunks"
    assert run(out, "--input", folder, "--chunk_length", 400, "--overlap", 100) == 0
    chunks = chunks_in(out)
    # a second is 0 to 400, 300 to 700, 600 to 1000 ms
    assert [(len(audio), rate, audio.ndim) for audio, rate in chunks] == [(6400, 16000, 1)] * 9
    assert soundfile.info(next(out.glob("*.wav"))).subtype == "PCM_16"
    assert "3 files, 3.0 s at 16000 Hz" in capsys.readouterr().out


def test_one_gain_brings_the_loudest_of_all_to_minus_1_dbfs(tmp_path):
    soundfile.write(tmp_path / "loud.wav", sine(8000, 16000, 0.5), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "soft.wav", sine(8000, 16000, 0.05), 16000, subtype="FLOAT")
    out = tmp_path / "chunks"
    assert (
        run(out, "--input", tmp_path / "loud.wav", tmp_path / "soft.wav", "--chunk_length", 500)
        == 1
    )
    assert run(out, "--input", tmp_path, "--chunk_length", 500, "--overlap", 0) == 0
    peaks = [np.abs(audio).max() for audio, _ in chunks_in(out)]
    assert peaks == pytest.approx([0.8913, 0.08913], abs=1e-3)


def test_silent_chunks_are_left_out_and_all_is_reported(tmp_path, capsys):
    sound = np.concatenate([sine(16000, 16000), np.zeros(16000), sine(16000, 16000)])
    soundfile.write(tmp_path / "a.wav", sound, 16000)
    soundfile.write(tmp_path / "b.wav", sine(1600, 16000), 16000)
    (tmp_path / "c.wav").write_bytes(b"RIFF")
    out = tmp_path / "chunks"
    assert run(out, "--input", tmp_path, "--chunk_length", 1000, "--overlap", 0) == 0
    report = capsys.readouterr().out
    assert "2 chunks of 1.000 s kept, 1 silent ones left out" in report
    assert f"silent: {tmp_path / 'a.wav'} at 1.000 s" in report
    assert "0.10 s is shorter than a chunk" in report
    assert f"cannot read {tmp_path / 'c.wav'}" in report
    assert (out / "chunks.txt").read_text() == report
    assert (out / "levels.png").read_bytes().startswith(b"\x89PNG")
    assert len(chunks_in(out)) == 2


@pytest.mark.parametrize("name", [b"mod\x85.wav", b"x" * 251 + b".wav", b"new\nline.wav"])
def test_recordings_of_any_name_are_cut(name, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    with open(os.fsencode(tmp_path / "set") + b"/" + name, "wb") as file:
        soundfile.write(file, sine(16000, 16000), 16000, format="WAV")
    out = tmp_path / "chunks"
    assert run(out, "--input", tmp_path / "set", "--chunk_length", 500, "--overlap", 0) == 0
    assert "2 chunks of 0.500 s kept" in capsys.readouterr().out
    assert len(list(out.glob("*.wav"))) == 2 and (out / "chunks.txt").is_file()


def test_the_old_form_with_one_input_file_works(tmp_path):
    soundfile.write(tmp_path / "in.wav", sine(16000 * 9, 16000), 16000)
    out = tmp_path / "chunks"
    flags = ["--input_file", tmp_path / "in.wav", "--chunk_length", 8000, "--overlap", 1000]
    assert run(out, *flags) == 0
    # the second chunk would reach beyond the end, 9 s: PRiSM drops it
    assert [(path.name, soundfile.info(path).frames) for path in out.iterdir()] == [
        ("in_chunk_1.wav", 128000)
    ]


def names_and_frames(folder):
    return {path.name: soundfile.info(path).frames for path in folder.iterdir()}


def test_prisms_flags_cut_as_prism_does(tmp_path, capsys):
    left, right = sine(44100 * 4, 44100, 0.1), sine(44100 * 4, 44100, 0.2, 300.0)
    sound = np.stack([left, right], axis=1)
    sound[44100 : 44100 + 30000] = 0  # more than half of the second chunk without a break
    soundfile.write(tmp_path / "in.wav", sound, 44100, subtype="PCM_16")
    out = tmp_path / "chunks"
    assert run(out, "--input_file", tmp_path / "in.wav", "--chunk_length", 1000) == 0
    # no overlap; the fourth ends with the file, so it is dropped; numbers count the silent one
    assert names_and_frames(out) == {"in_chunk_1.wav": 44100, "in_chunk_3.wav": 44100}
    chunk, rate = soundfile.read(out / "in_chunk_3.wav")
    assert (rate, chunk.shape) == (44100, (44100, 2))
    np.testing.assert_allclose(chunk, sound[88200:132300], atol=1e-4)
    assert "2 chunks kept, 1 silent ones left out" in capsys.readouterr().out


def test_prisms_flags_overlap_and_add_to_the_chunks_of_other_files(tmp_path):
    out = tmp_path / "chunks"
    for name in ("a", "b"):  # as the course's script does, a call for each file
        soundfile.write(tmp_path / f"{name}.wav", sine(32000, 16000), 16000)
        flags = ["--input_file", tmp_path / f"{name}.wav", "--chunk_length", 1000]
        assert run(out, *flags, "--overlap", 500) == 0
    assert sorted(names_and_frames(out)) == [f"{n}_chunk_{k}.wav" for n in "ab" for k in (1, 2)]


def test_prisms_chunks_at_another_rate_are_stretches_of_the_resampled_file(tmp_path):
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, (44100 * 30, 2)).astype(np.float32)  # more than two blocks
    soundfile.write(tmp_path / "in.wav", sound, 44100, subtype="FLOAT")
    flags = ["--input_file", tmp_path / "in.wav", "--chunk_length", 7000, "--overlap", 500]
    assert run(tmp_path / "chunks", *flags, "--sample_rate", 16000) == 0
    whole = np.stack([resample(channel, 44100, 16000) for channel in sound.T], axis=1)
    for number, start in enumerate((0, 104000, 208000, 312000), start=1):
        chunk, rate = soundfile.read(tmp_path / "chunks" / f"in_chunk_{number}.wav")
        assert rate == 16000
        np.testing.assert_allclose(chunk, whole[start : start + 112000], atol=1e-4)
    assert len(names_and_frames(tmp_path / "chunks")) == 4


@pytest.mark.parametrize(
    "dur_ms, length_ms, overlap_ms, starts",
    [
        (7999, 8000, 0, []),
        (8000, 8000, 0, []),
        (8001, 8000, 0, [0]),
        (24000, 8000, 0, [0, 8000]),
        (24001, 8000, 0, [0, 8000, 16000]),
        (20000, 8000, 1000, [0, 7000]),
    ],
)
def test_prism_drops_the_chunk_that_reaches_the_end(dur_ms, length_ms, overlap_ms, starts):
    assert prism_starts(dur_ms, length_ms, overlap_ms) == starts


@pytest.mark.parametrize("silent_ms, is_left_out", [(400, False), (500, True), (900, True)])
def test_prism_leaves_a_chunk_out_that_is_silent_for_half_of_it(silent_ms, is_left_out):
    audio = sine(16000, 16000).astype(np.float32)[:, np.newaxis]
    audio[160 : 160 + silent_ms * 16] = 1e-4  # -80 dBFS
    assert is_half_silent(audio, 16000) == is_left_out


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--chunk_length", 0], "--chunk_length 0"),
        (["--overlap", 8000], "--overlap 8000"),
        (["--sample_rate", 7], "--sample_rate 7"),
        (["--chunk_length", 9000], "no chunk was written"),
    ],
)
def test_invalid_flags_are_a_one_line_error(flags, told, tmp_path, capsys):
    soundfile.write(tmp_path / "in.wav", sine(16000, 16000), 16000)
    assert run(tmp_path / "chunks", "--input", tmp_path / "in.wav", *flags) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_a_missing_input_is_refused(tmp_path, capsys):
    assert run(tmp_path / "chunks", "--input", tmp_path / "none") == 1
    assert "no file or folder" in capsys.readouterr().err


def test_new_chunks_are_not_mixed_with_older_ones(tmp_path, capsys):
    soundfile.write(tmp_path / "in.wav", sine(16000, 16000), 16000)
    flags = ["--input", tmp_path, "--chunk_length", 500, "--overlap", 0]
    assert run(tmp_path / "chunks", *flags) == 0
    capsys.readouterr()
    assert run(tmp_path / "chunks", *flags) == 1
    assert "has chunks in it" in capsys.readouterr().err
    assert len(chunks_in(tmp_path / "chunks")) == 2


def test_after_no_chunk_a_shorter_length_may_use_the_same_folder(tmp_path, capsys):
    soundfile.write(tmp_path / "in.wav", sine(16000, 16000), 16000)
    flags = ["--input", tmp_path / "in.wav", "--overlap", 0]
    assert run(tmp_path / "chunks", *flags, "--chunk_length", 2000) == 1
    captured = capsys.readouterr()
    assert "a shorter --chunk_length may help" in captured.err
    assert "is shorter than a chunk" in captured.out and not list((tmp_path / "chunks").iterdir())
    assert run(tmp_path / "chunks", *flags, "--chunk_length", 500) == 0


def test_a_pipe_with_the_name_of_a_chunk_is_a_one_line_error(tmp_path, capsys):
    soundfile.write(tmp_path / "in.wav", sine(16000, 16000), 16000)
    (tmp_path / "chunks").mkdir()
    os.mkfifo(tmp_path / "chunks" / "0000_in_00000.wav")
    flags = ["--input", tmp_path / "in.wav", "--chunk_length", 500, "--overlap", 0]
    assert run(tmp_path / "chunks", *flags) == 1
    error = capsys.readouterr().err
    assert "0000_in_00000.wav exists (choose" in error and error.count("\n") == 1


def test_an_unwritable_report_is_a_one_line_error(tmp_path, capsys):
    soundfile.write(tmp_path / "in.wav", sine(16000, 16000), 16000)
    (tmp_path / "chunks" / "levels.png").mkdir(parents=True)
    flags = ["--input", tmp_path / "in.wav", "--chunk_length", 500, "--overlap", 0]
    assert run(tmp_path / "chunks", *flags) == 1
    error = capsys.readouterr().err
    assert "cannot write the report" in error and error.count("\n") == 1
