"""`samplernn sweep`: the temperatures in a text, and the files that are written."""

import struct

import pytest
import soundfile
from golden import copy_checkpoint

from sopilib.audio.spectrogram import draw_takes
from sopilib.commands.main import main
from sopilib.commands.sweep import parse_temperatures
from sopilib.errors import RequestError


@pytest.mark.parametrize(
    "text, temperatures",
    [
        ("0.6:1.2:0.1", [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]),
        ("0.6:1:0.3", [0.6, 0.9]),
        ("1:1:0.1", [1.0]),
        ("0:0.2:.1", [0.0, 0.1, 0.2]),
        ("0.9, 0.7,0.9", [0.9, 0.7]),
        ("0.85", [0.85]),
    ],
)
def test_a_text_stands_for_temperatures(text, temperatures):
    assert parse_temperatures(text) == temperatures


@pytest.mark.parametrize(
    "text, told",
    [
        ("0.6:1.2", "give FIRST:LAST:STEP"),
        ("a:b:c", "give FIRST:LAST:STEP"),
        ("0.6,,1", "give FIRST:LAST:STEP"),
        ("0.6:nan:0.1", "give FIRST:LAST:STEP"),
        ("1.2:0.6:0.1", "not below the first"),
        ("0.6:1.2:0", "a step of at least 0.000001"),
        ("0:1:1e-99999", "a step of at least 0.000001"),
        ("0:9e999999:1e-999999", "the temperature inf is out of range"),
        ("-1:1:0.5", "the temperature -1 is out of range"),
        ("0:1e-999999:1e-999999", "a step of at least 0.000001"),
        ("0:1:0.001", "are 1001 takes (give at most 48)"),
        ("-0.1,0.5", "the temperature -0.1 is out of range"),
    ],
)
def test_a_text_that_stands_for_none_is_told(text, told):
    with pytest.raises(RequestError) as raised:
        parse_temperatures(text)
    assert told in str(raised.value)


def test_a_take_and_its_record_for_each_temperature_and_one_picture(tmp_path):
    model = copy_checkpoint("gru_mulaw", tmp_path / "model")
    flags = ["--ckpt_dir", str(model), "--rng_seed", "3"]
    out = tmp_path / "new" / "sweep"
    sweep = ["sweep", *flags, "--temperature", "0.6:1:0.2", "--dur", "0.1"]
    assert main([*sweep, "--output_dir", str(out)]) == 0
    sounds = {path.name: path for path in out.glob("*.wav")}
    assert set(sounds) == {"t0.6.wav", "t0.8.wav", "t1.wav"}
    assert {soundfile.info(path).frames for path in sounds.values()} == {1600}
    assert {path.name for path in out.glob("*.json")} == {"t0.6.json", "t0.8.json", "t1.json"}
    assert (out / "sweep.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    alone = ["generate", *flags, "--dur", "0.1", "--temperature", "0.8"]
    assert main([*alone, "--output_path", str(tmp_path / "alone.wav")]) == 0
    assert (tmp_path / "alone.wav").read_bytes() == sounds["t0.8.wav"].read_bytes()
    assert main(["generate", "--from", str(out / "t1.json")]) == 0
    assert (out / "t1-again.wav").read_bytes() == sounds["t1.wav"].read_bytes()


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--temperature", "1:0:1"], "--temperature '1:0:1'"),
        (["--temperature", "1", "--dur", "0"], "the length 0 s"),
        (["--temperature", "1", "--rng_seed", "-1"], "the random seed -1"),
        (["--temperature", "1", "--output_dir", __file__], "cannot make the folder"),
    ],
)
def test_what_cannot_be_is_one_line(flags, told, tmp_path, capsys):
    model = copy_checkpoint("gru_mulaw", tmp_path / "model")
    flags = ["--output_dir", str(tmp_path / "none"), *flags]
    assert main(["sweep", "--ckpt_dir", str(model), "--dur", "0.01", *flags]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert told in error and error.startswith("samplernn: ")
    assert not (tmp_path / "none").exists()


def test_the_takes_of_two_models_do_not_mix_and_those_of_one_are_replaced(tmp_path, capsys):
    out = tmp_path / "sweep"

    def sweep(model, *flags):
        words = ["--ckpt_dir", str(model), "--dur", "0.01", "--output_dir", str(out), *flags]
        return main(["sweep", *words])

    first = copy_checkpoint("gru_mulaw", tmp_path / "a" / "model")
    second = copy_checkpoint("gru_mulaw", tmp_path / "b" / "model")
    assert sweep(first, "--temperature", "1") == 0
    assert sweep(first, "--temperature", "1,0.9") == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sweep(second, "--temperature", "0.5") == 1
    assert f"has takes of another model, {first}" in capsys.readouterr().err
    (out / "t0.7.wav").write_bytes(b"mine")
    assert sweep(first, "--temperature", "0.7") == 1
    (out / "t0.7.wav").unlink()
    (out / "sweep.png").write_bytes(b"mine")
    assert sweep(first, "--temperature", "0.7") == 1
    assert "sweep.png exists and is no plot of model" in capsys.readouterr().err
    (out / "sweep.png").write_bytes(before["sweep.png"])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sweep(second, "--temperature", "0.5", "--overwrite") == 0


def test_ten_takes_stand_in_two_rows(tmp_path):
    names = [str(k) for k in range(10)]
    draw_takes([[0.0] * 200] * 10, 16000, "ten", names, tmp_path / "ten.png")
    width, height = struct.unpack(">II", (tmp_path / "ten.png").read_bytes()[16:24])
    assert (width, height) == (2898, 1008)
