"""`samplernn generate` leaves what is not its own, and loses no take."""

import shlex

import pytest
import soundfile

from sopilib.commands import take_output
from sopilib.commands.main import main
from sopilib.errors import AudioError


@pytest.fixture
def generate(checkpoint, tmp_path, monkeypatch):
    """Return a function that runs `generate` in an empty folder with an output path and flags."""
    monkeypatch.chdir(tmp_path)
    flags = ["--ckpt_dir", str(checkpoint), "--precision", "float32", "--dur", "0.01"]

    def run(name, *more):
        return main(["generate", *flags, "--output_path", str(name), *map(str, more)])

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_command_replaces_its_own_take_and_no_other_file(generate, tmp_path, capsys):
    assert generate("x.wav", "--rng_seed", 1) == generate("x.wav", "--rng_seed", 2) == 0
    (tmp_path / "notes.json").write_text("mine")
    before = contents(tmp_path)
    assert generate("notes.wav") == generate("x.flac") == generate("x", "--num_seqs", 2) == 1
    for error in capsys.readouterr().err.splitlines()[-3:]:
        assert error.startswith("samplernn: ") and error.endswith("or give --overwrite)")
    assert contents(tmp_path) == before
    assert generate("notes.wav", "--overwrite") == 0
    assert "samplernn_take" in (tmp_path / "notes.json").read_text()


def test_what_a_take_is_made_from_is_never_replaced(generate, checkpoint, tmp_path, capsys):
    (config,) = checkpoint.glob("*.config.json")
    before = config.read_bytes()
    assert generate("seed.wav") == 0
    flags = ["--seed", "seed.wav", "--overwrite"]
    for name in ("seed.wav", config.with_suffix(".wav")):
        assert generate(name, *flags) == 1
        assert "is what the take is made from (choose another" in capsys.readouterr().err
    assert main(["generate", "--from", "seed.json", "--output_path", "seed.wav"]) == 1
    assert generate("take.wav", *flags) == 0
    assert generate("take.wav", "--seed", "take.seed.wav") == 1
    assert config.read_bytes() == before


def test_the_printed_command_is_for_the_shell(generate, tmp_path, capsys):
    for name in ("a b.wav", "it's.wav", "./-x.wav"):
        assert generate(name) == 0
        line = capsys.readouterr().out.splitlines()[-1]
        command = line.partition(".json: ")[2].removesuffix(" generates the same take again")
        assert main(shlex.split(command)[1:]) == 0
    assert (tmp_path / "-x-again.wav").exists()


def test_a_name_that_was_taken_meanwhile_is_not_replaced(generate, tmp_path, monkeypatch, capsys):
    conflicts = iter([None, "x.wav exists"])
    (tmp_path / "x.wav").write_bytes(b"mine")
    monkeypatch.setattr(take_output, "conflict", lambda files: next(conflicts))
    assert generate("x.wav") == 0
    assert (tmp_path / "x.wav").read_bytes() == b"mine"
    assert soundfile.info(tmp_path / "x-2.wav").frames == 160
    captured = capsys.readouterr()
    assert "x.wav exists: saved as x-2.wav" in captured.err and "x-2.wav: 0.01 s" in captured.out


def test_a_take_that_cannot_be_saved_any_more_goes_elsewhere(
    generate, tmp_path, monkeypatch, capsys
):
    save, spare = take_output.save_take, tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr(take_output.tempfile, "tempdir", str(spare))

    def full(sounds, *rest):
        if sounds[0].parent != spare:
            raise AudioError(f"cannot write {sounds[0]}: the disk is full (free space)")
        save(sounds, *rest)

    monkeypatch.setattr(take_output, "save_take", full)
    assert generate("x.wav") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"the disk is full; the take is saved as {spare}/x.wav (move it)" in error
    assert soundfile.info(spare / "x.wav").frames == 160
    assert not (tmp_path / "x.wav").exists()


@pytest.mark.parametrize(
    "name, told",
    [
        ("no/x.wav", "no folder no"),
        ("takes/", "cannot write takes/: that is a folder"),
        (".", "cannot write .: that is a folder"),
        ("/", "cannot write /: that is a folder"),
        ("y" * 251 + ".wav", ".json: the name is too long"),
        ("x.mp3", "sample rates of"),
    ],
)
def test_what_cannot_be_written_is_told_before_a_long_take(name, told, generate, tmp_path, capsys):
    assert generate(name, "--dur", 3000, "--sample_rate", 96000) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
