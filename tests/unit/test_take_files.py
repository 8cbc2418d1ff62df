"""Which files a take may replace: those of an earlier take of its name, and no others."""

import dataclasses
import json
import os

import numpy as np
import pytest
import soundfile

from sopilib.errors import AudioError, RecordError
from sopilib.generation.record import ModelRecord, TakeRecord
from sopilib.generation.record_file import save_take
from sopilib.generation.take_files import TakeFiles, conflict, first_free, names_for, seeds_of

MODEL = ModelRecord(
    "bells", "/m/model.ckpt-1", "0" * 64, "/m/c.json", "0" * 64, 16000, "native", "int8", 1
)
TAKE = TakeRecord(0.01, 16000, 5, (1.0,), (), 160, 160, "1" * 64)
SEEDED = dataclasses.replace(TAKE, seed_audio=np.full(40, 0.25, np.float32))


def sound(value=0.1, num_seqs=1):
    return np.full((num_seqs, 160), value, np.float32)


def save(path, take=TAKE, num_files=1, value=0.1):
    """Save a take as the user names it; return its files."""
    files = TakeFiles.at(path, num_files, seeds_of(take))
    model = dataclasses.replace(MODEL, num_seqs=num_files)
    save_take(files.sounds, files.record, sound(value, num_files), model, take)
    return files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_take_replaces_an_earlier_one_with_all_its_files(tmp_path):
    save(tmp_path / "x.wav", SEEDED)
    files = TakeFiles.at(tmp_path / "x.wav")
    assert conflict(files) is None
    save(tmp_path / "x.wav", value=0.3)
    assert names(tmp_path) == ["x.json", "x.wav"]
    assert soundfile.read(tmp_path / "x.wav")[0][0] == pytest.approx(0.3, abs=1e-4)


def test_a_take_replaces_one_whose_record_has_no_digest(tmp_path):
    files = save_without_digest(tmp_path / "x.wav")
    assert conflict(files) is None
    values = json.loads(files.record.read_text())
    del values["takes"][0]["num_samples"]
    files.record.write_text(json.dumps(values))
    assert conflict(files).endswith("x.wav was changed after it was saved")


def test_a_take_knows_each_of_its_sounds(tmp_path):
    files = save(tmp_path / "x.wav", num_files=2)
    first, second = files.sounds
    first.write_bytes(second.read_bytes() + b"\0")
    assert conflict(files) == f"{first} was changed after it was saved"


def test_several_voices_replace_as_many_and_more_but_not_fewer(tmp_path):
    save(tmp_path / "x.wav", num_files=2)
    assert conflict(TakeFiles.at(tmp_path / "x.wav", 2)) is None
    assert conflict(TakeFiles.at(tmp_path / "x.wav", 3)) is None
    assert conflict(TakeFiles.at(tmp_path / "x.wav")).endswith("is the record of x_0.wav, x_1.wav")


def put(folder, name, content=b"mine"):
    (folder / name).write_bytes(content)


def put_sound(folder, name, num_samples=100):
    soundfile.write(folder / name, np.zeros(num_samples), 16000)


def save_without_digest(path):
    """Save a take with a record as earlier versions wrote it; return its files."""
    files = save(path)
    values = json.loads(files.record.read_text())
    del values["sound_sha256"]
    files.record.write_text(json.dumps(values))
    return files


def edit(path):
    """Write a sound of the same length, a second after its record."""
    put_sound(path.parent, path.name, 160)
    time_ns = path.with_suffix(".json").stat().st_mtime_ns + 10**9
    os.utime(path, ns=(time_ns, time_ns))


FOREIGN = {
    "a sound": (lambda folder: put_sound(folder, "x.wav"), "x.wav exists"),
    "another file of that name": (lambda folder: put(folder, "x.wav"), "x.wav exists"),
    "notes": (lambda folder: put(folder, "x.json"), "x.json exists and is not the record"),
    "a config": (
        lambda folder: put(folder, "x.json", b'{"dim": 16}'),
        "x.json exists and is not the record",
    ),
    "a folder": (lambda folder: (folder / "x.json").mkdir(), "x.json exists"),
    "a pipe": (lambda folder: os.mkfifo(folder / "x.json"), "x.json exists"),
    "a broken link": (lambda folder: (folder / "x.wav").symlink_to("gone"), "x.wav exists"),
    "deep JSON": (lambda folder: put(folder, "x.json", b"[" * 100_000), "x.json exists"),
    "a long number": (lambda folder: put(folder, "x.json", b"1" * 5000), "x.json exists"),
    "a seed": (lambda folder: put_sound(folder, "x.seed.wav"), "x.seed.wav exists"),
    "the take of another sound": (
        lambda folder: save(folder / "x.flac"),
        "x.json is the record of x.flac",
    ),
    "a take that was cut": (
        lambda folder: (save(folder / "x.wav"), put_sound(folder, "x.wav", 90)),
        "x.wav was changed after it was saved",
    ),
    "a take that became something else": (
        lambda folder: (save(folder / "x.wav"), put(folder, "x.wav")),
        "x.wav was changed after it was saved",
    ),
    "a take that was edited": (
        lambda folder: (save(folder / "x.wav"), put_sound(folder, "x.wav", 160)),
        "x.wav was changed after it was saved",
    ),
    "an edited take whose record is of an earlier version": (
        lambda folder: (save_without_digest(folder / "x.wav"), edit(folder / "x.wav")),
        "x.wav was changed after it was saved",
    ),
    "a seed that was edited": (
        lambda folder: (save(folder / "x.wav", SEEDED), put_sound(folder, "x.seed.wav", 40)),
        "x.seed.wav was changed after it was saved",
    ),
    "a seed beside a take without": (
        lambda folder: (save(folder / "x.wav"), put_sound(folder, "x.seed.wav")),
        "x.seed.wav exists",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_ours_is_told_and_the_next_name_is_free(kind, tmp_path):
    place, told = FOREIGN[kind]
    place(tmp_path)
    files = TakeFiles.at(tmp_path / "x.wav", seeds=[0])
    assert told in conflict(files)
    before = contents(tmp_path)
    free = first_free(tmp_path / "x.wav", seeds=[0])
    assert free == TakeFiles.at(tmp_path / "x-2.wav", seeds=[0])
    assert conflict(free) is None
    save(free.sounds[0], SEEDED)
    assert before.items() <= contents(tmp_path).items()


def test_a_record_cannot_name_files_of_others_as_its_own(tmp_path):
    """A record from elsewhere that names the seed and the sound of someone."""
    put_sound(tmp_path, "song.wav", 160)
    files = save(tmp_path / "x.wav")
    values = json.loads(files.record.read_text())
    values["takes"][0]["seed"] = {"from": None, "file": "song.wav", "sha256": "0" * 64}
    values["takes"].append({"seed": {"file": "../x.wav", "sha256": 3}})
    values["takes"].append("?")
    files.record.write_text(json.dumps(values))
    before = (tmp_path / "song.wav").read_bytes()
    save(tmp_path / "x.wav")
    assert (tmp_path / "song.wav").read_bytes() == before


def test_a_seed_that_was_replaced_by_another_sound_stays(tmp_path):
    save(tmp_path / "x.wav", SEEDED)
    put_sound(tmp_path, "x.seed.wav", 40)
    before = (tmp_path / "x.seed.wav").read_bytes()
    save(tmp_path / "x.wav")
    assert (tmp_path / "x.seed.wav").read_bytes() == before


def test_a_take_takes_a_name_of_its_own_unless_it_may_replace_an_earlier_one(tmp_path):
    path = tmp_path / "x.wav"
    assert names_for(path, TAKE, replaces=False) == (TakeFiles.at(path), None)
    save(path)
    other = dataclasses.replace(TAKE, sha256="2" * 64)
    assert names_for(path, other, replaces=True) == (TakeFiles.at(path), None)
    assert names_for(path, TAKE, replaces=False) == (TakeFiles.at(path), None)  # the same one
    free = TakeFiles.at(tmp_path / "x-2.wav")
    assert names_for(path, other, replaces=False) == (free, f"{path} is an earlier take")
    path.unlink()
    assert names_for(path, other, replaces=False)[0] == free
    put_sound(tmp_path, "x.wav", 160)
    put(tmp_path, "x.json")
    told = names_for(path, other, replaces=True)
    assert told == (free, f"{tmp_path / 'x.json'} exists and is not the record of a take")


def test_a_take_never_replaces_the_sound_that_it_was_primed_with(tmp_path):
    path = tmp_path / "x.wav"
    save(path)
    seeded = dataclasses.replace(SEEDED, seed_name=str(path), sha256="2" * 64)
    files, reason = names_for(path, seeded, replaces=True)
    assert files.sounds[0].name == "x-2.wav" and reason == f"{path} is the seed of the take"


def test_free_names_count_up(tmp_path):
    for name in ("x.wav", "x-2.json", "x-3.seed.wav"):
        put(tmp_path, name)
    assert first_free(tmp_path / "x.wav", seeds=[0]).record.name == "x-4.json"
    assert first_free(tmp_path / "y.wav").record.name == "y.json"


@pytest.mark.parametrize("name, kind", [("x.wav", AudioError), ("x.json", RecordError)])
def test_a_file_that_cannot_be_written_leaves_the_old_take(name, kind, tmp_path, monkeypatch):
    save(tmp_path / "x.wav", SEEDED)
    before = contents(tmp_path)
    from sopilib import new_files

    check = new_files._check_place

    def refuse(place):
        if place.name == name:
            raise PermissionError(13, "Permission denied")
        check(place)

    monkeypatch.setattr(new_files, "_check_place", refuse)
    with pytest.raises(kind, match=f"cannot write .*{name}: Permission denied"):
        save(tmp_path / "x.wav", SEEDED, value=0.3)
    assert contents(tmp_path) == before


def test_names_that_are_not_utf8_are_kept_in_a_record_that_is(tmp_path):
    name = os.fsdecode(b"mod\x85")
    files = save(tmp_path / f"{name}.wav", SEEDED)
    assert json.loads(files.record.read_bytes().decode("utf-8"))["sound"] == [f"{name}.wav"]
    assert conflict(files) is None
