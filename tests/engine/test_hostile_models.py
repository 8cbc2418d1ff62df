"""Models that anyone may have made: refused in one line, or played; never a crash."""

import dataclasses
import json
import os
import queue
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evil_packs import (
    CONFIG,
    evil_headers,
    evil_models,
    header_and_data,
    packed,
    small_pack,
    with_checksums,
)
from fuzz_properties import PROPERTIES, check_line
from golden import copy_checkpoint
from hypothesis import HealthCheck, given, settings
from places import PROJECT

from sopilib.engine import native
from sopilib.engine.cache import load_packed
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.load import load_generator
from sopilib.engine.pack import RECIPES, pack
from sopilib.engine.packed_file import read_packed, write_packed
from sopilib.engine.random_model import random_folded
from sopilib.errors import CheckpointError, ConfigError, SampleRNNError
from sopilib.generation.record_file import read_take
from sopilib.model.fit import check_index_fits
from sopilib.model.folder import find_model
from sopilib.protocol import messages
from sopilib.worker.session import Worker


def refusal(kind, use, *arguments):
    """Return the error of this kind that a call raises, None if it raises none."""
    try:
        use(*arguments)
    except kind as error:
        return error
    return None


def test_each_number_of_a_header_is_checked_though_the_checksums_are_right(tmp_path):
    path, names = tmp_path / "evil.float32.pack", []
    for name, header, data in evil_headers():
        path.write_bytes(with_checksums(header, data))
        error = refusal(CheckpointError, read_packed, path)
        assert error is not None, name
        check_line(error)
        names.append(name)
    assert len(names) > 200 and "width is 65" in names and "NaN in a bias" in names


def test_the_kernels_refuse_each_number_and_array_that_they_could_not_play():
    names = []
    for name, settings_, arrays in evil_models():
        for use in (native.check_model, lambda *model: native.Engine(*model, 1, 1, "")):
            error = refusal(ValueError, use, settings_, arrays)
            assert error is not None, name
            assert "\n" not in str(error) and len(str(error)) < 300
        names.append(name)
    assert len(names) > 1000 and "levels that fit no block of 16" in names


def test_the_kernels_play_what_is_left_when_nothing_is_evil():
    for precision in RECIPES:
        model = packed(precision)
        native.check_model(model.settings, model.arrays)
        generator = EngineGenerator(CONFIG, model, 1, threads=1)
        assert np.isfinite(generator.generate(np.ones((1, 50), np.float32))).all()


def test_a_model_of_huge_but_finite_weights_plays_valid_samples():
    model = packed("int8")
    arrays = {
        name: np.full_like(array, 3e38) if array.dtype == np.float32 else array
        for name, array in model.arrays.items()
    }
    generator = EngineGenerator(CONFIG, dataclasses.replace(model, arrays=arrays), 2, threads=1)
    audio = generator.generate(np.ones((2, 50), np.float32))
    assert np.isfinite(audio).all() and abs(audio).max() <= 1


def test_arrays_in_use_outlive_the_dict_that_they_came_in():
    model = packed()
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    engine = native.Engine(model.settings, arrays, 1, 1, "")
    before = engine.next_logits()
    arrays.clear()
    filler = [np.full(1000, 7, np.float32) for _ in range(1000)]
    np.testing.assert_array_equal(engine.next_logits(), before)
    assert filler


@pytest.mark.parametrize("property_", PROPERTIES, ids=lambda property_: property_.__name__)
def test_any_bytes_are_used_or_refused_in_one_line(property_):
    check = given(PROPERTIES[property_])(property_)
    few = settings(
        max_examples=40,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    few(check)()


# which pack belongs to which model


@pytest.fixture
def exported(tmp_path):
    """Return a folder with an exported model of random weights."""
    folder = tmp_path / "exported"
    folder.mkdir()
    write_config(folder, CONFIG)
    write_packed(folder / "exported.float32.pack", CONFIG, packed())
    return folder


def write_config(folder, config):
    (folder / "a.config.json").write_text(json.dumps(config.to_dict()))


@pytest.mark.parametrize(
    "changes",
    [
        {"rnn_type": "lstm"},
        {"dim": 128},
        {"num_rnn_layers": 1},
        {"frame_sizes": (2, 8)},
        {"skip_conn": False},
        {"q_levels": 24},
        {"q_type": "mu-law"},
        {"pre_emphasis": 0.5},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_weights_of_another_model_are_not_played(exported, changes):
    write_config(exported, dataclasses.replace(CONFIG, **changes))
    for precision in ("auto", "float32"):
        with pytest.raises(CheckpointError, match=f'"{next(iter(changes))}" is .* there') as error:
            load_generator(find_model(exported), 1, precision)
        check_line(error.value)


def test_a_pack_of_another_model_is_passed_over_for_the_right_one(exported, caplog):
    other = dataclasses.replace(CONFIG, rnn_type="lstm")
    write_packed(exported / "a.float32.pack", other, packed(rnn_type="lstm"))
    assert load_generator(find_model(exported), 1, "float32").config.rnn_type == "gru"
    assert "another model" in caplog.text and "exported.float32.pack is used" in caplog.text


def test_the_worker_sends_such_a_warning_as_a_notice(exported):
    other = dataclasses.replace(CONFIG, rnn_type="lstm")
    write_packed(exported / "a.float32.pack", other, packed(rnn_type="lstm"))
    events = []
    worker = Worker(queue.Queue(), events.append)
    worker.apply(messages.Load(str(exported), engine="native", precision="float32"))
    notice, loaded = events
    assert isinstance(notice, messages.Notice) and "another model" in notice.text
    assert isinstance(loaded, messages.Loaded)


def test_a_pack_under_the_name_of_another_precision_is_refused(exported):
    (exported / "exported.float32.pack").rename(exported / "exported.int8.pack")
    with pytest.raises(CheckpointError, match="holds float32 weights, not int8"):
        load_generator(find_model(exported), 1, "int8")


def test_another_rate_than_the_one_of_the_export_is_told(exported, caplog):
    config = dataclasses.replace(CONFIG, sample_rate=44100)
    write_packed(exported / "exported.float32.pack", config, packed())
    assert load_generator(find_model(exported), 1, "float32").config.sample_rate == 16000
    assert "exported at 44100 Hz and plays at 16000 Hz" in caplog.text


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Return the ModelFiles of a checkpoint, and what packs random weights in its place."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = find_model(copy_checkpoint("gru_mulaw", tmp_path / "model"))
    return files, lambda: pack(files.config, random_folded(files.config), "float32")


def failing():
    pytest.fail("packed again")


def only_pack(files):
    (path,) = files.folder.glob("*.float32.pack")
    return path


def test_a_pack_is_used_with_the_digest_of_its_checkpoint_alone(trained, caplog):
    files, make = trained
    first = load_packed(files, "float32", make)
    assert load_packed(files, "float32", failing).checkpoint == first.checkpoint
    header, data = header_and_data(only_pack(files).read_bytes())
    assert header["checkpoint"] == first.checkpoint and not caplog.text
    header["checkpoint"] = "0" * 64
    only_pack(files).write_bytes(with_checksums(json.dumps(header).encode(), data))
    assert load_packed(files, "float32", make).checkpoint == first.checkpoint
    assert "was not made from" in caplog.text
    assert load_packed(files, "float32", failing).checkpoint == first.checkpoint


def test_a_pack_of_the_version_before_is_used_as_its_name_says(trained, caplog):
    files, make = trained
    load_packed(files, "float32", make)
    header, data = header_and_data(only_pack(files).read_bytes())
    del header["checkpoint"]
    only_pack(files).write_bytes(with_checksums(json.dumps(header).encode(), data))
    load_packed(files, "float32", failing)
    assert not caplog.text


def test_a_pack_beside_a_checkpoint_that_it_was_not_made_from_is_named(trained, caplog):
    files, make = trained
    (files.folder / "other.float32.pack").write_bytes(small_pack())
    load_packed(files, "float32", make)
    load_packed(files, "float32", failing)
    assert caplog.text.count("other.float32.pack was not made from") == 2


def test_packs_of_the_other_checkpoints_of_a_training_are_no_news(trained, caplog):
    files, make = trained
    load_packed(files, "float32", make)
    later = Path(files.prefix).with_name("model.ckpt-2")
    for path in files.folder.glob("model.ckpt-1.*"):
        if path.suffix != ".pack":
            shutil.copy(path, path.with_name(path.name.replace("ckpt-1", "ckpt-2")))
    load_packed(dataclasses.replace(files, prefix=str(later)), "float32", make)
    load_packed(files, "float32", failing)
    assert not caplog.text and len(list(files.folder.glob("*.float32.pack"))) == 2


# nothing is allocated that the files do not justify

_MOST_MEMORY = 3 << 30
_COMMAND = (
    f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, 2 * ({_MOST_MEMORY},)); "
    "from sopilib.commands.main import main; sys.exit(main())"
)


def samplernn(*words):
    """Return (status, standard error) of the command line in little memory."""
    result = subprocess.run(
        [sys.executable, "-c", _COMMAND, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.returncode, result.stderr


def enlarge(folder):
    (config,) = folder.glob("*.config.json")
    values = {**json.loads(config.read_text()), "dim": 16384, "num_rnn_layers": 8}
    config.write_text(json.dumps(values))


def test_a_config_larger_than_its_checkpoint_is_refused_at_once(trained, tmp_path):
    files, _ = trained
    enlarge(files.folder)
    with pytest.raises(CheckpointError, match="does not fit .* expected .16, 16384"):
        load_generator(find_model(files.folder), 1)
    assert not list((tmp_path / "cache").rglob("precision-*"))


def test_a_config_larger_than_its_pack_is_refused_in_one_line_by_the_command(exported, tmp_path):
    enlarge(exported)
    status, told = samplernn(
        "generate", "--ckpt_dir", exported, "--dur", 0.01, "--output_path", tmp_path / "a.wav"
    )
    assert status == 1 and told.count("\n") == 1 and '"dim" is 64 there' in told


@pytest.mark.parametrize("size", [0, 3, 100])
def test_an_index_cut_short_is_refused(trained, size):
    files, _ = trained
    os.truncate(f"{files.prefix}.index", size)
    with pytest.raises(CheckpointError, match="damaged"):
        check_index_fits(files)


# files that are none


def make_pipe(path):
    os.mkfifo(path)


def link_to_zeros(path):
    path.symlink_to("/dev/zero")


def dangle(path):
    path.symlink_to("nowhere")


def write_deep(path):
    path.write_text('{"dim": ' + "[" * 500_000)


def write_closed_deep(path):
    path.write_text('{"x": ' + "[" * 40 + "]" * 40 + "}")


def write_digits(path):
    path.write_text('{"seq_len": ' + "7" * 5000 + "}")


def write_backslashes(path):
    path.write_text('{"x": "' + '\\"' * 400_000)


def write_too_much(path):
    path.write_text("{" + " " * (33 << 20) + "}")


def write_no_text(path):
    path.write_bytes(b"\xff\xfe\x00")


NO_FILES = (make_pipe, link_to_zeros, dangle, os.mkdir)
BAD_TEXTS = (
    write_deep,
    write_closed_deep,
    write_digits,
    write_backslashes,
    write_too_much,
    write_no_text,
)


@pytest.mark.parametrize("spoil", [*NO_FILES, *BAD_TEXTS], ids=lambda spoil: spoil.__name__)
def test_whatever_lies_in_a_model_folder_is_refused_or_passed_over(trained, spoil):
    files, _ = trained
    folder = files.folder
    for name in ("args.txt", "checkpoint", "take.json"):
        (folder / name).unlink(missing_ok=True)
        spoil(folder / name)
    (folder / "a.wav").write_text("no sound")  # so that records are looked at
    assert find_model(folder).prefix == files.prefix
    with pytest.raises(SampleRNNError) as error:
        read_take(folder / "take.json")
    check_line(error.value)
    files.config_path.unlink()
    spoil(files.config_path)
    with pytest.raises(ConfigError) as error:
        find_model(folder)
    check_line(error.value)


@pytest.mark.parametrize("spoil", NO_FILES, ids=lambda spoil: spoil.__name__)
def test_a_checkpoint_or_pack_that_is_no_file_is_refused(trained, exported, spoil):
    files, _ = trained
    data = next(files.folder.glob("*.data-*"))
    data.unlink()
    spoil(data)
    with pytest.raises(CheckpointError, match="damaged: there is no file"):
        load_generator(files, 1)
    Path(f"{files.prefix}.index").unlink()
    spoil(Path(f"{files.prefix}.index"))
    with pytest.raises(CheckpointError) as error:
        load_generator(find_model(files.folder), 1)
    check_line(error.value)
    (exported / "exported.float32.pack").unlink()
    spoil(exported / "exported.float32.pack")
    with pytest.raises(CheckpointError, match="cannot be read") as error:
        load_generator(find_model(exported), 1)
    check_line(error.value)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "..", "/", "é" * 150], ids=repr)
def test_a_list_of_checkpoints_with_a_name_that_is_none_is_passed_over(trained, name):
    files, _ = trained
    (files.folder / "checkpoint").write_text(f'model_checkpoint_path: "{name}"\n')
    assert find_model(files.folder).prefix == files.prefix


def test_a_sound_that_is_a_pipe_says_no_rate(trained):
    files, _ = trained
    os.mkfifo(files.folder / "a.wav")
    assert find_model(files.folder).rate_is_assumed


def test_the_sample_rate_is_none_of_a_number_that_is_too_long(trained):
    files, _ = trained
    (files.folder / "args.txt").write_text(f"--sample_rate {'2' * 5000} --sample_rate 22050")
    assert find_model(files.folder).config.sample_rate == 22050
    (files.folder / "args.txt").write_text(f"--sample_rate {'2' * 5000}")
    assert find_model(files.folder).rate_is_assumed
