"""Rounding, packing, the file of a packed model and its cache."""

import dataclasses
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine_models import config_of, folded_model, packed_model
from golden import copy_checkpoint, golden_config, golden_variables, needs_tensorflow

import sopilib
from sopilib.engine import cache, measure
from sopilib.engine.cache import load_packed
from sopilib.engine.calibrate import state_moments
from sopilib.engine.fold import fold
from sopilib.engine.load import load_generator
from sopilib.engine.measure import choose_precision
from sopilib.engine.pack import RECIPES, pack
from sopilib.engine.packed_file import read_packed, write_packed
from sopilib.engine.random_model import random_folded
from sopilib.engine.rounding import bfloat16_bits, round_to_int4, round_to_int8
from sopilib.errors import CheckpointError, RequestError
from sopilib.model.folder import find_model


def int4_values(codes, scales):
    """Return what codes (rows, cols) and scale bits (rows, cols / 32) stand for."""
    scales = (scales.astype(np.uint32) << 16).view(np.float32)
    return (codes.astype(np.float32) - 8) * np.repeat(scales, 32, axis=1)


def test_int8_puts_the_widest_weight_of_a_row_on_127():
    codes, scales = round_to_int8(np.float32([[0.5, -1.27, 0.013], [0, 0, 0]]))
    assert codes.tolist() == [[50, -127, 1], [0, 0, 0]]
    np.testing.assert_allclose(scales, [0.01, 0])


def test_int4_puts_the_widest_weight_of_a_group_on_8_steps_and_clips_at_7():
    row = np.zeros((1, 64), np.float32)
    row[0, :4] = [-2.0, 0.5, 2.0, 0.1]  # steps of 0.25
    row[0, 32:35] = [4.0, -1.0, 0.2]  # steps of -0.5
    codes, scales = round_to_int4(row)
    assert codes[0, :5].tolist() == [0, 10, 15, 8, 8]
    assert codes[0, 32:36].tolist() == [0, 10, 8, 8]
    assert int4_values(codes, scales)[0, [0, 1, 2, 32, 33]].tolist() == [-2, 0.5, 1.75, 4, -1]


def test_int4_with_statistics_halves_the_error_of_products_with_inputs_that_go_together():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 64))
    inputs += 0.1 * rng.normal(size=(2000, 64))
    matrix = rng.normal(size=(50, 64)).astype(np.float32)
    errors = []
    for moment in (None, inputs.T @ inputs / len(inputs)):
        rounded = int4_values(*round_to_int4(matrix, moment))
        errors.append(np.square(inputs @ (matrix - rounded).T).mean())
    assert errors[1] < errors[0] / 2


def test_int4_with_the_statistics_of_silence_is_plain_rounding():
    matrix = np.random.default_rng(0).normal(size=(8, 32)).astype(np.float32)
    rounded, plain = round_to_int4(matrix, np.zeros((32, 32))), round_to_int4(matrix)
    for with_statistics, alone in zip(rounded, plain):
        np.testing.assert_array_equal(with_statistics, alone)


@pytest.mark.parametrize(
    "value, bits",
    [(1.0, 0x3F80), (-2.0, 0xC000), (0.0, 0), (1.00390625, 0x3F80), (1.01171875, 0x3F82)]
    + [(1.0040, 0x3F81), (3.389531e38, 0x7F7F)],
)
def test_bfloat16_rounds_to_nearest_even(value, bits):
    assert bfloat16_bits(np.float32([value])).tolist() == [bits]


def test_folding_leaves_out_no_bias():
    variables = golden_variables("lstm_linear_skip")
    biases = [name for name in variables if name.endswith("bias")]
    assert len(biases) == 11
    config = golden_config("lstm_linear_skip")
    before = packed_arrays(config, fold(config, variables.get))
    for name in biases:
        changed = {**variables, name: variables[name] + 1}
        after = packed_arrays(config, fold(config, changed.get))
        assert any(not np.array_equal(before[key], after[key]) for key in before), name


def packed_arrays(config, folded):
    return pack(config, folded, "float32").arrays


@pytest.mark.parametrize("precision, most_bytes", [("int8", 0.30), ("int4", 0.19)])
def test_packed_models_are_as_small_as_their_bits(precision, most_bytes):
    config = config_of(dim=256, frame_sizes=(16, 64), q_levels=16)
    folded = random_folded(config)
    sizes = [
        sum(array.nbytes for array in pack(config, folded, name).arrays.values())
        for name in ("float32", precision)
    ]
    assert sizes[1] / sizes[0] < most_bytes


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
def test_a_packed_file_gives_back_all_that_was_written(tmp_path, precision):
    config = golden_config("gru_linear_skip")
    packed = packed_model("gru_linear_skip", precision)
    write_packed(tmp_path / "a.pack", config, packed)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pack"]
    read_config, read = read_packed(tmp_path / "a.pack")
    assert read_config == config and read.settings == packed.settings
    assert list(read.arrays) == list(packed.arrays)
    for name, array in packed.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)
        assert read.arrays[name].ctypes.data % 64 == 0


def spoiled_files(good):
    """Yield names and contents of invalid packed files, derived from a valid one."""
    yield "empty", b""
    yield "short", good[:10]
    yield "no magic", b"X" + good[1:]
    yield "another version", good[:8] + struct.pack("<I", 99) + good[12:]
    yield "endless header", good[:12] + struct.pack("<I", 0xFFFFFFFF) + good[16:]
    yield "header changed", good[:40] + b"?" + good[41:]
    yield "data changed", good[:-9] + bytes([good[-9] ^ 1]) + good[-8:]
    yield "half", good[: len(good) // 2]
    yield "more", good + bytes(64)


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    path = tmp_path / "a.pack"
    write_packed(path, golden_config("gru_mulaw"), packed_model("gru_mulaw"))
    for name, content in spoiled_files(path.read_bytes()):
        bad = tmp_path / name
        bad.write_bytes(content)
        with pytest.raises(CheckpointError, match="delete it, or export") as error:
            read_packed(bad)
        assert "\n" not in str(error.value)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_packed(tmp_path / "missing")


@pytest.fixture
def model_folder(tmp_path, monkeypatch):
    """Return a copy of a fixture checkpoint, and a user's cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    copy_checkpoint("gru_mulaw", folder)
    return folder


def made(times):
    """Return a `make` for load_packed that counts its calls in the list `times`."""

    def make():
        times.append(1)
        return packed_model("gru_mulaw")

    return make


def packs(folder):
    return sorted(path.name for path in Path(folder).glob("*.pack"))


def test_the_second_load_makes_nothing(model_folder):
    files, times = find_model(model_folder), []
    first = load_packed(files, "float32", made(times))
    second = load_packed(files, "float32", made(times))
    assert len(times) == 1 and len(packs(model_folder)) == 1
    np.testing.assert_array_equal(first.arrays["hidden2"], second.arrays["hidden2"])


def test_a_checkpoint_or_config_that_changed_is_packed_anew_and_the_old_file_goes(model_folder):
    files, times = find_model(model_folder), []
    load_packed(files, "float32", made(times))
    load_packed(files, "int8", made(times))
    old = packs(model_folder)
    index = Path(files.prefix + ".index")
    index.write_bytes(index.read_bytes() + b"\0")
    load_packed(files, "float32", made(times))
    assert len(times) == 3
    assert len(packs(model_folder)) == 2 and packs(model_folder) != old
    other = dataclasses.replace(files, config=dataclasses.replace(files.config, q_type="linear"))
    load_packed(other, "float32", made(times))
    assert len(times) == 4


PLAYING = {"temperature": 1.2, "noise_shaping": 0.1, "gain_db": -3.0}


def test_how_a_model_is_played_packs_nothing_anew(model_folder):
    files, times = find_model(model_folder), []
    load_packed(files, "float32", made(times))
    before = packs(model_folder)
    played = dataclasses.replace(files, config=dataclasses.replace(files.config, **PLAYING))
    load_packed(played, "float32", made(times))
    assert len(times) == 1 and packs(model_folder) == before


def test_the_statistics_of_int4_are_those_of_the_model_as_trained():
    config = golden_config("gru_mulaw")
    folded = folded_model("gru_mulaw")
    plain = state_moments(config, folded)
    played = state_moments(dataclasses.replace(config, **PLAYING), folded)
    np.testing.assert_array_equal(played[0][0], plain[0][0])


def test_a_damaged_cache_is_made_anew(model_folder):
    files, times = find_model(model_folder), []
    load_packed(files, "float32", made(times))
    path = model_folder / packs(model_folder)[0]
    path.write_bytes(path.read_bytes()[:5000])
    load_packed(files, "float32", made(times))
    load_packed(files, "float32", made(times))
    assert len(times) == 2


@pytest.fixture
def only_cache(monkeypatch, tmp_path):
    """Let files be written into the user's cache alone, also for root."""

    def write(path, *rest):
        if not Path(path).is_relative_to(tmp_path / "cache"):
            raise PermissionError(13, "Permission denied")
        write_packed(path, *rest)

    monkeypatch.setattr(cache, "write_packed", write)


def test_models_of_one_name_in_several_folders_keep_their_files_in_the_users_cache(
    only_cache, model_folder, tmp_path
):
    times = []
    (tmp_path / "two").mkdir()
    other = shutil.copytree(model_folder, tmp_path / "two" / "model")
    index = next(other.glob("*.index"))
    index.write_bytes(index.read_bytes() + b"\0")
    for _ in range(2):
        for folder in (model_folder, other):
            load_packed(find_model(folder), "float32", made(times))
    assert len(times) == 2 and len(packs(tmp_path / "cache" / "samplernn")) == 2


def test_a_name_with_brackets_finds_its_outdated_file(model_folder):
    for path in list(model_folder.glob("model.ckpt-1*")):
        path.rename(path.with_name(path.name.replace("model.ckpt-1", "m[1].ckpt-1")))
    (model_folder / "checkpoint").unlink()
    files, times = find_model(model_folder), []
    load_packed(files, "float32", made(times))
    index = Path(files.prefix + ".index")
    index.write_bytes(index.read_bytes() + b"\0")
    load_packed(files, "float32", made(times))
    assert len(times) == 2 and len(packs(model_folder)) == 1


def test_where_the_model_folder_cannot_be_written_the_users_cache_is_used(
    only_cache, model_folder, tmp_path
):
    files, times = find_model(model_folder), []
    for _ in range(2):
        load_packed(files, "float32", made(times))
    assert len(times) == 1
    assert packs(model_folder) == [] and len(packs(tmp_path / "cache" / "samplernn")) == 1


_LOAD_AND_PLAY = """
import sys
import numpy as np
from sopilib.engine.load import load_generator
from sopilib.model.folder import find_model

generator = load_generator(find_model(sys.argv[1]), 1, sys.argv[2])
print(generator.generate(np.ones((1, 5), np.float32)).tolist())
print("tensorflow" in sys.modules)
"""


def test_a_model_that_was_played_before_needs_no_tensorflow(model_folder):
    needs_tensorflow()
    files = find_model(model_folder)
    for precision in ("float32", "int8", "int4"):
        first = load_generator(files, 1, precision).generate(np.ones((1, 5), np.float32))
        root = os.path.dirname(sopilib.__path__[0])
        result = subprocess.run(
            [sys.executable, "-c", _LOAD_AND_PLAY, str(model_folder), precision],
            env={**os.environ, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.splitlines() == [str(first.tolist()), "False"]


def test_auto_takes_the_most_exact_precision_for_a_model_that_any_machine_plays(
    model_folder, monkeypatch
):
    monkeypatch.setattr(measure, "_UNDISTURBED", 0.0)  # ignore other work of the machine
    config = golden_config("gru_mulaw")
    assert choose_precision(config, 1, threads=1) == "float32"
    kept = list((model_folder.parent / "cache" / "samplernn").glob("precision-*.json"))
    assert len(kept) == 1 and kept[0].read_text() == '"float32"'
    kept[0].write_text('"int4"')
    assert choose_precision(config, 1, threads=1) == "int4"  # it is not measured twice
    assert choose_precision(dataclasses.replace(config, **PLAYING), 1, threads=1) == "int4"
    kept[0].write_text("{")
    assert choose_precision(config, 1, threads=1) == "float32"


def test_auto_does_not_keep_what_it_measured_while_the_machine_was_busy(model_folder):
    config = golden_config("gru_mulaw")
    slow = dataclasses.replace(config, dim=64, num_rnn_layers=16, sample_rate=384_000)
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(4 * os.cpu_count())]
    try:
        assert choose_precision(slow, 1, threads=1) in RECIPES
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert not list((model_folder.parent / "cache").rglob("precision-*.json"))


def test_auto_answers_also_for_a_model_that_no_precision_plays_live(model_folder):
    config = golden_config("gru_mulaw")
    slow = dataclasses.replace(config, dim=64, num_rnn_layers=16, sample_rate=384_000)
    assert choose_precision(slow, 64) in RECIPES


def test_an_unknown_precision_is_refused(model_folder):
    with pytest.raises(RequestError, match="no precision 'int2' .choose from auto, float32"):
        load_generator(find_model(model_folder), 1, "int2")


def test_folded_weights_are_those_of_the_checkpoint():
    folded = folded_model("gru_mulaw")
    assert folded.table.shape == (4, 256, 24) and folded.upsample.shape == (4, 24, 24)
    upper = folded.tiers[1]
    assert upper.conditioning is None and upper.inputs.shape == (72, 16)
    assert folded.tiers[0].conditioning.shape == (4, 72, 24)
