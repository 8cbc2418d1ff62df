"""Long takes are kept on disk: killed at any moment they resume to the same samples."""

import json
import os
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from sopilib.audio.growing_wav import GrowingWav
from sopilib.audio.wav_header import HEADER_BYTES, wav_header
from sopilib.commands import take_writing
from sopilib.commands.main import main
from sopilib.engine.load import load_generator
from sopilib.errors import AudioError
from sopilib.generation import unfinished_take
from sopilib.generation.take import Take, TakeRequest, request_again
from sopilib.generation.take_state import read_state, state_bytes
from sopilib.generation.temperature import Curve, Envelope
from sopilib.model.folder import find_model

FLAGS = ["--precision", "float32", "--threads", "1"]


@pytest.fixture
def generate(checkpoint, tmp_path, monkeypatch):
    """Return a function that runs `generate` in an empty folder; each take counts as long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(take_writing, "LONG_S", 0.0)
    monkeypatch.setattr(unfinished_take, "STATE_S", 0.0)

    def run(name, *more):
        flags = ["--ckpt_dir", str(checkpoint), *FLAGS, "--output_path", name]
        return main(["generate", *flags, *map(str, more)])

    return run


class Killed(Exception):
    """Stands for a kill: nothing in the program expects it."""


def kill_after(monkeypatch, num_samples):
    """End the next take as a kill would, when more than `num_samples` are on disk."""
    append = GrowingWav.append

    def append_or_die(self, audio):
        append(self, audio)
        if self.num_samples > num_samples:
            raise Killed

    monkeypatch.setattr(GrowingWav, "append", append_or_die)
    return lambda: monkeypatch.setattr(GrowingWav, "append", append)


def noise(num_samples):
    return np.random.default_rng(0).uniform(-0.5, 0.5, num_samples).astype(np.float32)


def test_a_growing_file_is_valid_after_each_piece(tmp_path):
    sound = noise(3 * 700).reshape(3, 700)
    with GrowingWav(tmp_path / "x.wav", 22050, 3) as wav:
        for begin in range(0, 700, 100):
            read, rate = soundfile.read(tmp_path / "x.wav", dtype="float32", always_2d=True)
            assert rate == 22050
            np.testing.assert_array_equal(read, sound[:, :begin].T)
            wav.append(sound[:, begin : begin + 100])
        with pytest.raises(AudioError, match="another process is writing"):
            GrowingWav(tmp_path / "x.wav", 22050, 3)
    with open(tmp_path / "x.wav", "ab") as file:
        file.write(b"half")  # of a frame
    with GrowingWav(tmp_path / "x.wav", 22050, 3) as wav:
        assert wav.shape == (3, 700)
        wav.cut(650)
        np.testing.assert_array_equal(np.concatenate(list(wav.blocks())), sound[:, :650].T)
        (second,) = [wav.sounds(3)[1][600:700]]
        np.testing.assert_array_equal(second, sound[1:2, 600:650].T)
    assert (tmp_path / "x.wav").stat().st_size == HEADER_BYTES + 650 * 12


def test_a_growing_file_is_put_on_the_disk_where_there_is_no_fdatasync(tmp_path, monkeypatch):
    synced = []
    monkeypatch.delattr(os, "fdatasync", raising=False)
    monkeypatch.setattr(os, "fsync", synced.append)
    with GrowingWav(tmp_path / "x.wav", 22050, 1) as wav:
        wav.sync()
    assert len(synced) == 1


def test_a_growing_file_passes_four_gigabytes(tmp_path):
    path, num_samples = tmp_path / "x.wav", 700_000_000
    with open(path, "wb") as file:
        file.write(wav_header(num_samples, 48000, 2))
        file.truncate(HEADER_BYTES + 8 * num_samples)  # a hole, which takes no space
    info = soundfile.info(path)
    assert (info.frames, info.channels, info.samplerate) == (num_samples, 2, 48000)
    with open(path, "rb") as file:
        assert file.read(4) == b"RF64"
    with GrowingWav(path, 48000, 2) as wav:
        assert wav.num_samples == num_samples
        wav.cut(1000)
    assert path.read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize("out_rate", [None, 22050])
def test_a_take_continues_from_a_saved_state(out_rate, checkpoint):
    request = TakeRequest(
        dur_s=0.25,
        out_rate=out_rate,
        temperature=(Envelope((0.7, 1.1), (0.2,)), Curve([0.5, 1.1, 0.3])),
        seed_audio=noise(500),
        rng_seed=11,
        ramp=(1.2, 0.1),
    )
    whole = Take(load_generator(find_model(checkpoint), 2, "float32", 1), request)
    audio = np.concatenate(list(whole), axis=1)
    generator = load_generator(find_model(checkpoint), 2, "float32", 1)
    stopped, kept = Take(generator, request), []
    assert stopped.save_state() is None
    for chunk in stopped:
        kept.append(chunk)
        if sum(part.shape[1] for part in kept) > 500:
            break
    content = state_bytes(stopped.save_state())
    other = load_generator(find_model(checkpoint), 2, "float32", 1)
    resumed = Take(other, request)
    resumed.restore_state(read_state(content, other.save_state()), [part.T for part in kept])
    np.testing.assert_array_equal(np.concatenate([*kept, *resumed], axis=1), audio)
    assert resumed.record.sha256 == whole.record.sha256
    assert resumed.record.num_made == whole.record.num_made
    like = other.save_state()
    assert read_state(content[:-40], like) is None
    for place in range(0, len(content), 29):
        read_state(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :], like)


def test_a_repeated_take_continues_with_the_changes_of_its_record(checkpoint):
    take = Take(
        load_generator(find_model(checkpoint), 1, "float32", 1), TakeRequest(dur_s=0.2, rng_seed=3)
    )
    for chunk in take:
        if chunk.shape[1]:
            take.temperature.set([0.5 if take.record.num_made < 900 else 1.5])
    record = take.record
    assert len(record.turns) > 2
    generator = load_generator(find_model(checkpoint), 1, "float32", 1)
    again, kept = Take(generator, request_again(record)), []
    for chunk in again:
        kept.append(chunk)
        if again.record.num_made > 1000:
            break
    state = again.save_state()
    other = Take(generator, request_again(record))
    other.restore_state(state, [part.T for part in kept])
    list(other)
    assert other.record.sha256 == record.sha256 and other.record.turns == record.turns


@pytest.mark.parametrize("more", [[], ["--num_seqs", 2, "--sample_rate", 22050, "--seed", "s.wav"]])
def test_a_killed_take_resumes_to_the_same_files(more, generate, tmp_path, monkeypatch, capsys):
    soundfile.write(tmp_path / "s.wav", noise(300), 16000)
    more = [*more, "--dur", 0.2, "--rng_seed", 7]
    assert generate("whole.wav", *more) == 0
    for num_samples in (0, 500, 1500):
        restore = kill_after(monkeypatch, num_samples)
        with pytest.raises(Killed):
            generate("x.wav", *more)
        restore()
        assert soundfile.info("x.part.wav").frames > num_samples
        assert not (tmp_path / "x.json").exists()
    assert main(["generate", "--resume", "x.wav", "--threads", "1"]) == 0
    assert "x.part.wav: resuming at 0." in capsys.readouterr().err
    assert list(tmp_path.glob("*.part.*")) == []
    for path in {*tmp_path.glob("whole*.wav")} - {tmp_path / "whole.seed.wav"}:
        other = path.with_name(path.name.replace("whole", "x"))
        assert other.read_bytes() == path.read_bytes()
    records = [json.loads((tmp_path / name).read_text()) for name in ("whole.json", "x.json")]
    assert records[0]["takes"][0]["sha256"] == records[1]["takes"][0]["sha256"]
    assert main(["generate", "--from", "x.json"]) == 0


def test_a_take_from_a_record_resumes_too(generate, tmp_path, monkeypatch, capsys):
    assert generate("x.wav", "--dur", 0.2) == 0
    restore = kill_after(monkeypatch, 500)
    with pytest.raises(Killed):
        main(["generate", "--from", "x.json"])
    restore()
    assert main(["generate", "--from", "x.json"]) == 0
    assert "x-again.part.wav: resuming at 0." in capsys.readouterr().err
    assert (tmp_path / "x-again.wav").read_bytes() == (tmp_path / "x.wav").read_bytes()


def test_an_unfinished_take_is_not_lost_to_another_command(generate, tmp_path, monkeypatch, capsys):
    restore = kill_after(monkeypatch, 500)
    with pytest.raises(Killed):
        generate("x.wav", "--dur", 0.2)
    restore()
    before = (tmp_path / "x.part.wav").read_bytes()
    assert generate("x.wav", "--dur", 0.1) == 1
    error = capsys.readouterr().err
    assert "x.part.wav is an unfinished take of another command (finish it with samplernn" in error
    assert (tmp_path / "x.part.wav").read_bytes() == before
    assert generate("x.wav", "--dur", 0.1, "--overwrite") == 0
    assert soundfile.info("x.wav").frames == 1600 and list(tmp_path.glob("*.part.*")) == []


def test_files_that_are_no_parts_stay(generate, tmp_path, capsys):
    (tmp_path / "x.part.wav").write_bytes(b"mine")
    assert generate("x.wav", "--dur", 0.1) == 1
    assert "x.part.wav exists and is no part" in capsys.readouterr().err
    assert (tmp_path / "x.part.wav").read_bytes() == b"mine"
    assert main(["generate", "--resume", "y.wav"]) == 1
    assert "no unfinished take y.part.json" in capsys.readouterr().err


def test_a_damaged_state_begins_again_to_the_same_samples(generate, tmp_path, monkeypatch):
    assert generate("whole.wav", "--dur", 0.2, "--rng_seed", 2) == 0
    for damage in (b"", b"PK\x03\x04" + bytes(60)):
        restore = kill_after(monkeypatch, 500)
        with pytest.raises(Killed):
            generate("x.wav", "--dur", 0.2, "--rng_seed", 2)
        restore()
        (tmp_path / "x.part.state").write_bytes(damage)
        assert generate("x.wav", "--dur", 0.2, "--rng_seed", 2) == 0
        assert (tmp_path / "x.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def test_lost_samples_are_noticed(generate, tmp_path, monkeypatch):
    assert generate("whole.wav", "--dur", 0.2, "--rng_seed", 2) == 0
    restore = kill_after(monkeypatch, 500)
    with pytest.raises(Killed):
        generate("x.wav", "--dur", 0.2, "--rng_seed", 2)
    restore()
    content = bytearray((tmp_path / "x.part.wav").read_bytes())
    content[HEADER_BYTES : HEADER_BYTES + 40] = bytes(40)  # as a power cut may leave them
    (tmp_path / "x.part.wav").write_bytes(content)
    assert main(["generate", "--resume", "x.wav"]) == 0
    assert (tmp_path / "x.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def test_a_full_disk_keeps_what_was_generated(generate, tmp_path, monkeypatch, capsys):
    append = GrowingWav.append

    def full(self, audio):
        if self.num_samples > 500:
            raise OSError(28, os.strerror(28))
        append(self, audio)

    monkeypatch.setattr(GrowingWav, "append", full)
    assert generate("x.wav", "--dur", 0.2) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "x.part.wav: the disk is full; 0.0" in error and "--resume x.wav)" in error
    monkeypatch.setattr(GrowingWav, "append", append)
    assert main(["generate", "--resume", "x.part.wav"]) == 0
    assert soundfile.info("x.wav").frames == 3200


def test_a_process_killed_by_the_system_leaves_files_that_resume(generate, checkpoint, tmp_path):
    more = ["--dur", "60", "--rng_seed", "5", "--sample_rate", "1000"]
    assert generate("whole.wav", *more) == 0
    part = tmp_path / "x.part.wav"
    command = [sys.executable, "-c", "from sopilib.commands.main import main; main()"]
    flags = ["generate", "--ckpt_dir", str(checkpoint), *FLAGS, *more, "--output_path", "x.wav"]
    for seconds in (5, 15):
        process = subprocess.Popen([*command, *flags], stderr=subprocess.DEVNULL, cwd=tmp_path)
        while process.poll() is None and not _holds(part, seconds):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert soundfile.info(part).frames >= seconds * 1000
    assert main(["generate", "--resume", "x.wav"]) == 0
    assert (tmp_path / "x.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def _holds(path, seconds):
    """Return whether the header of a growing file at 1000 Hz says so many seconds."""
    try:
        header = path.read_bytes()[:HEADER_BYTES]
    except OSError:
        return False
    return len(header) == HEADER_BYTES and struct.unpack("<I", header[-4:])[0] >= seconds * 4000
