"""Disks with too little space: what cannot fit is refused before, what fills up keeps the rest."""

import shutil

import pytest
import soundfile
from small_disk import fill, small_disk

from sopilib.album.work_folder import WorkFolder
from sopilib.commands import take_writing
from sopilib.commands.main import main

RATE = 16000
SIZE = 1_000_000
_PLENTY = shutil.disk_usage("/")._replace(free=1 << 40)
ALBUM = ["--dur", "0.5", "--best_of", "2", "--rng_seed", "7", "--processes", "1"]


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """Return the folder of a disk of SIZE bytes."""
    with small_disk(tmp_path / "disk", SIZE, monkeypatch):
        yield tmp_path / "disk"


@pytest.fixture
def real_disk(tmp_path, monkeypatch):
    """Return the folder of a disk of SIZE bytes that fills up."""
    with small_disk(tmp_path / "disk", SIZE, monkeypatch) as is_real:
        if not is_real:
            pytest.skip("nothing can be mounted here")
        yield tmp_path / "disk"


def album(out, *more):
    pytest.importorskip("pyloudnorm")
    return main(["album", "--out", str(out), *map(str, more)])


def error_of(capsys):
    """Return the one line of an error."""
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("samplernn: ")] == lines[-1:]
    return lines[-1]


def test_an_album_that_cannot_fit_is_refused_before_any_work(bells, disk, capsys):
    flags = ["--ckpt_dir", bells, *ALBUM, "--tracks", 200]
    assert album(disk / "new" / "night", *flags) == 1
    error = error_of(capsys)
    # 200 tracks and the two takes of the last one, 8000 bytes each
    assert f"{disk}/new/night: 1.62 MB are needed, " in error
    assert error.endswith("(free space, choose another --out, or make fewer or shorter tracks)")
    assert list(disk.iterdir()) == []


def test_an_album_that_fits_is_made_but_no_more_tracks_than_fit(bells, disk, capsys):
    out = disk / "night"
    assert album(out, "--ckpt_dir", bells, *ALBUM, "--tracks", 1) == 0
    before = (out / "album.json").read_bytes()
    assert album(out, "--tracks", 200) == 1
    assert "are needed" in error_of(capsys)
    assert (out / "album.json").read_bytes() == before
    assert album(out, "--tracks", 200, "--array", "2/200") == 0  # track 2 alone
    assert {path.name for path in out.glob("*.flac")} == {"01.flac", "02.flac"}


def test_a_disk_that_fills_up_in_the_middle_keeps_the_finished_tracks(
    bells, real_disk, monkeypatch, capsys
):
    out, drop = real_disk / "night", WorkFolder.drop

    def drop_and_fill(self, track):
        drop(self, track)
        if track == 2:
            fill(real_disk)

    monkeypatch.setattr(WorkFolder, "drop", drop_and_fill)
    flags = ["--ckpt_dir", bells, *ALBUM, "--tracks", 3]
    assert album(out, *flags) == 1
    error = error_of(capsys)
    assert error.endswith(
        "the disk is full; 2 of 3 tracks are finished (free space, then repeat the command)"
    )
    finished = {path.name: path.read_bytes() for path in out.glob("0[12].flac")}
    assert len(finished) == 2 and soundfile.info(out / "02.flac").frames == 8000
    (real_disk / "filler").unlink()
    assert album(out, *flags) == 0
    assert {name: (out / name).read_bytes() for name in finished} == finished
    assert soundfile.info(out / "03.flac").frames == 8000 and not (out / "unfinished").exists()


def test_a_long_take_that_cannot_fit_is_refused_also_when_it_is_resumed(
    bells, real_disk, tmp_path, monkeypatch, capsys
):
    def generate(*more):
        return main(["generate", *map(str, more)])

    monkeypatch.setattr(take_writing, "LONG_S", 1.0)
    flags = ["--ckpt_dir", bells, "--rng_seed", 3, "--output_path"]
    path = real_disk / "x.wav"
    assert generate(*flags, path, "--dur", 12) == 1
    assert "x.wav: 1.15 MB are needed" in error_of(capsys)
    assert list(real_disk.iterdir()) == []

    filler = fill(real_disk)
    with open(filler, "r+b") as file:
        file.truncate(SIZE - 100_000)
    monkeypatch.setattr("sopilib.audio.write.shutil.disk_usage", lambda path: _PLENTY)
    assert generate(*flags, path, "--dur", 2) == 1
    assert "x.part.wav: the disk is full; " in error_of(capsys)
    monkeypatch.undo()
    assert generate("--resume", path) == 1
    assert "are needed" in error_of(capsys) and (real_disk / "x.part.wav").exists()
    filler.unlink()
    assert generate("--resume", path) == 0
    assert generate(*flags, tmp_path / "x.wav", "--dur", 2) == 0
    assert path.read_bytes() == (tmp_path / "x.wav").read_bytes()


def test_a_radio_into_a_file_has_room_for_a_take(bells, disk, capsys):
    flags = ["--ckpt_dir", str(bells), "--dur", "20:40", "--out", str(disk / "x.wav")]
    assert main(["radio", *flags]) == 1
    assert "x.wav: 1.28 MB are needed" in error_of(capsys)
    assert list(disk.iterdir()) == []
