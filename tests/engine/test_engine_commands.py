"""Benchmark, export and score through the engine."""

import argparse
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from engine_models import engine_generator
from exported_model import write_exported
from golden import CHECKPOINTS, copy_checkpoint, needs_tensorflow

import sopilib
from sopilib.audio.write import write_audio
from sopilib.commands import bench
from sopilib.commands.main import main
from sopilib.engine import load
from sopilib.engine.engine import PARTS
from sopilib.engine.export import export_model
from sopilib.engine.load import load_generator, loadable_precisions
from sopilib.errors import CheckpointError, RequestError
from sopilib.evaluation.engine_score import score_files
from sopilib.model.folder import find_model
from sopilib.model.quantize import dequantize

JSON_KEYS = {
    "samples_per_second",
    "times_real_time",
    "first_chunk_ms",
    "load_s",
    "resident_mb",
    "read_floor_times_real_time",
    "precision",
    "threads",
    "isa",
}


@pytest.fixture(autouse=True)
def user_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def files(tmp_path):
    """Return ModelFiles of a copy of a fixture checkpoint."""
    needs_tensorflow()
    copy_checkpoint("gru_linear_skip", tmp_path / "model")
    return find_model(tmp_path / "model")


def benched(capsys, *arguments):
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    assert bench.run(parser.parse_args(arguments)) == 0
    return capsys.readouterr().out


def exported(files, *precisions):
    """Return ModelFiles of an exported model, as for a machine that has nothing else."""
    folder = files.folder.parent / "exported"
    paths = export_model(files, precisions, folder)
    assert sorted(paths) == sorted(folder.iterdir())
    return dataclasses.replace(files, folder=folder, prefix=None, config_path=paths[0])


SMALL = ("--dim", "32", "--num_rnn_layers", "1", "--frame_sizes", "4", "8", "--precision", "int8")


def test_bench_prints_its_keys_as_json(capsys):
    found = json.loads(benched(capsys, *SMALL, "--num_seqs", "3", "--threads", "1", "--json"))
    assert set(found) >= JSON_KEYS
    assert found["precision"] == "int8" and found["threads"] == 1
    assert found["samples_per_second"] == pytest.approx(3 * 16000 * found["times_real_time"])
    assert found["read_floor_times_real_time"] > 0
    assert found["resident_mb"] > 10 and 0 < found["load_s"] < 10


@pytest.mark.parametrize("threads", [1, 2])
def test_bench_tells_where_the_time_of_a_sample_goes(capsys, threads):
    flags = (*SMALL, "--threads", str(threads), "--profile")
    parts = json.loads(benched(capsys, *flags, "--json"))["profile_us"]
    assert tuple(parts) == PARTS
    working = [us for part, us in parts.items() if part != "meetings"]
    assert min(working) > 0
    assert re.findall(r"^(.*?)  +[\d.]+ us a sample, \d+%$", benched(capsys, *flags), re.M) == [
        *PARTS
    ]


def test_a_profile_advances_as_generating_does():
    profiled, generated = engine_generator("gru_linear_skip"), engine_generator("gru_linear_skip")
    temperature = np.ones((2, 50), np.float32)
    profiled.profile(50)
    generated.generate(temperature)
    np.testing.assert_array_equal(profiled.generate(temperature), generated.generate(temperature))


def test_bench_of_a_trained_model_makes_as_much_as_asked(capsys, files):
    output = benched(capsys, "--ckpt_dir", str(files.folder), "--dur", "0.1")
    lines = dict(line.split(maxsplit=1) for line in output.splitlines())
    assert set(lines) >= JSON_KEYS and lines["precision"] == "float32"


@pytest.mark.parametrize("flag", ["--ckpt_dir", "--checkpoint_path"])
def test_bench_finds_a_bundled_model_by_its_name_from_any_folder(
    capsys, tmp_path, monkeypatch, flag
):
    monkeypatch.chdir(tmp_path)
    output = benched(capsys, flag, "preludes", "--dur", "0.1", "--precision", "int8")
    assert re.search(r"^precision +int8$", output, flags=re.M)


def test_bench_plays_an_exported_model_in_the_precision_that_it_has(capsys, tmp_path):
    folder = write_exported(tmp_path / "bells")
    output = benched(capsys, "--ckpt_dir", str(folder), "--dur", "0.1")
    assert re.search(r"^precision +int8$", output, flags=re.M)


@pytest.mark.parametrize("dur", ["0", "-1", "nan"])
def test_bench_refuses_a_length_that_is_none(capsys, dur):
    with pytest.raises(RequestError, match="--dur"):
        benched(capsys, *SMALL, "--dur", dur)


_PLAY = """
import sys
sys.modules["tensorflow"] = None  # importing it fails
from pathlib import Path
import numpy as np
from sopilib.model.config import load_config
from sopilib.engine.load import load_generator
from sopilib.model.folder import ModelFiles

config_path = Path(sys.argv[1])
files = ModelFiles("model", config_path.parent, None, config_path, load_config(config_path))
print(load_generator(files, 1).generate(np.ones((1, 5), np.float32)).tolist())
"""


def test_an_exported_model_plays_the_same_without_tensorflow(files):
    expected = load_generator(files, 1, "int8").generate(np.ones((1, 5), np.float32))
    copy = exported(files, "int8")
    shutil.rmtree(files.folder)
    result = subprocess.run(
        [sys.executable, "-c", _PLAY, str(copy.config_path)],
        env={**os.environ, "PYTHONPATH": os.path.dirname(sopilib.__path__[0])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines() == [str(expected.tolist())]


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_temperature_of_the_checkpoint_is_1_of_the_export(files, tmp_path, precision):
    export_model(files, [precision], tmp_path / "warm", temperature=1.25)
    warm = find_model(tmp_path / "warm")
    temperatures = np.full((1, 300), 1.25, np.float32)
    expected = load_generator(files, 1, precision).generate(temperatures)
    found = load_generator(warm, 1, precision).generate(np.ones((1, 300), np.float32))
    assert np.mean(found[:, :50] == expected[:, :50]) > 0.95  # rounding may change a level
    unlike = load_generator(files, 1, precision).generate(np.ones((1, 300), np.float32))
    assert not np.array_equal(expected[:, :50], unlike[:, :50])


def test_the_temperature_of_an_export_stands_in_its_config(files, tmp_path):
    warm = dataclasses.replace(files, config=dataclasses.replace(files.config, temperature=1.1))
    export_model(warm, ["int8"], tmp_path / "hot", temperature=1.1)
    assert find_model(tmp_path / "hot").config.temperature == 1.21
    with pytest.raises(RequestError, match=r"--temperature 9.5 \(give 0.0909091 to 9.09091 "):
        export_model(warm, ["int8"], tmp_path / "lava", temperature=9.5)
    assert not (tmp_path / "lava").exists()


@pytest.mark.parametrize("temperature", ["0", "0.05", "11"])
def test_a_temperature_that_no_config_may_have_is_not_exported(
    files, tmp_path, capsys, temperature
):
    words = ["--ckpt_dir", str(files.folder), "--temperature", temperature]
    assert main(["export", *words, "--output_dir", str(tmp_path / "new")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"samplernn: --temperature {temperature} (give 0.1 to 10 " in line
    assert not (tmp_path / "new").exists()


def test_a_precision_that_was_not_exported_is_told_but_auto_takes_what_there_is(files):
    copy = exported(files, "int4", "int8")
    assert loadable_precisions(copy) == ("int8", "int4")
    assert loadable_precisions(files) == ("float32", "int8", "int4")
    with pytest.raises(CheckpointError, match="holds no float32 weights .export"):
        load_generator(copy, 1, "float32")
    audio = load_generator(copy, 1, "auto").generate(np.ones((1, 300), np.float32))
    expected = load_generator(copy, 1, "int8").generate(np.ones((1, 300), np.float32))
    np.testing.assert_array_equal(audio, expected)


def test_where_there_is_one_precision_no_time_goes_into_choosing(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "choose_precision", lambda *_: pytest.fail("it measures"))
    bells = find_model(write_exported(tmp_path / "bells"))
    assert load_generator(bells, 1, "auto").precision == "int8"


def test_an_export_replaces_an_older_one_and_nothing_else(files):
    folder = exported(files, "int8").folder
    names = sorted(path.name for path in folder.iterdir())
    export_model(files, ["int8"], folder)
    assert sorted(path.name for path in folder.iterdir()) == names
    (config,) = folder.glob("*.config.json")
    (packed,) = folder.glob("*.pack")
    config.write_text(config.read_text().replace('"dim"', '// mine\n"dim"'))
    export_model(files, ["int8"], folder)
    assert "// mine" in config.read_text()
    for path in (packed, config):
        path.write_text('{"dim": 32}')
        with pytest.raises(CheckpointError, match=f"{path.name} .*--overwrite"):
            export_model(files, ["int8"], folder)
        assert path.read_text() == '{"dim": 32}'
    export_model(files, ["int8"], folder, overwrite=True)
    load_generator(find_model(folder), 1, "int8")
    packed.unlink()
    os.mkfifo(packed)  # a pipe that nobody writes
    with pytest.raises(CheckpointError, match="is no packed model"):
        export_model(files, ["int8"], folder)


def test_an_export_that_cannot_be_written_is_told(files):
    with pytest.raises(CheckpointError, match="cannot write .*model.ckpt-2.index: "):
        export_model(files, ["int8"], files.prefix + ".index")


def test_an_exported_model_is_not_exported_again(tmp_path, capsys):
    folder = write_exported(tmp_path / "bells")
    words = ["export", "--ckpt_dir", str(folder), "--output_dir", str(tmp_path / "again")]
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{folder} is exported already (copy it, or give the checkpoint" in line
    assert not (tmp_path / "again").exists()


def test_the_score_is_the_likelihood_that_the_golden_logits_give(tmp_path):
    files = find_model(CHECKPOINTS / "gru_mulaw")
    with np.load(CHECKPOINTS / "gru_mulaw" / "golden.npz") as golden:
        levels, logits = golden["samples"][0, 16:], golden["logits"][0].astype(np.float64)
    path = tmp_path / "sound.wav"
    write_audio(path, dequantize(levels, "mu-law", 256), 16000)
    nats = np.log(np.exp(logits).sum(axis=-1)) - logits[np.arange(len(levels)), levels]
    generator = engine_generator("gru_mulaw", num_seqs=1)
    for _ in range(2):  # it starts from the same state each time
        bits, num_samples = score_files(generator, [path, path])
        assert num_samples == 2 * len(levels) and files.config.sample_rate == 16000
        assert bits == pytest.approx(nats.mean() / np.log(2), abs=1e-3)
