"""The checkpoint and config that a name stands for, in folders as users have them."""

import json

import pytest

from sopilib.errors import CheckpointError, ConfigError
from sopilib.model.folder import find_model


@pytest.fixture
def folder(tmp_path):
    """Return a model folder with checkpoints of steps 2 and 10, without content."""
    folder = tmp_path / "birds"
    folder.mkdir()
    (folder / "birds.config.json").write_text("{}")
    for step in (2, 10):
        (folder / f"model.ckpt-{step}.index").touch()
        (folder / f"model.ckpt-{step}.data-00000-of-00001").touch()
    return folder


def name_newest(folder, path):
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "{path}"\n')


def test_without_the_checkpoint_file_the_highest_step_is_taken(folder):
    files = find_model(folder)
    assert files.prefix == str(folder / "model.ckpt-10")
    assert files.name == "birds"
    assert files.folder == folder
    assert files.config_path == folder / "birds.config.json"
    assert files.config.dim == 1024


def test_the_config_that_the_fork_leaves_beside_its_run_folders_is_found(folder, tmp_path):
    run = folder.rename(tmp_path / "26.07.2020_20.48.51")
    beside = (run / "birds.config.json").rename(tmp_path / "birds.config.json")
    assert find_model(run).config_path == beside
    with pytest.raises(ConfigError, match="no config in"):
        find_model(run.rename(tmp_path / "run"))


def test_the_checkpoint_file_names_the_one_to_take(folder):
    name_newest(folder, "model.ckpt-2")
    assert find_model(folder).prefix == str(folder / "model.ckpt-2")


def test_a_folder_that_was_moved_still_names_its_checkpoint(folder):
    name_newest(folder, "/home/someone/logdir/model.ckpt-2")
    assert find_model(folder).prefix == str(folder / "model.ckpt-2")


def test_a_checkpoint_file_that_names_a_missing_one_is_passed_over(folder):
    name_newest(folder, "model.ckpt-99")
    assert find_model(folder).prefix == str(folder / "model.ckpt-10")


@pytest.mark.parametrize("suffix", ["", ".index", ".data-00000-of-00001"])
def test_a_prefix_and_the_path_of_either_file_are_accepted(folder, suffix):
    files = find_model(str(folder / "model.ckpt-2") + suffix)
    assert files.prefix == str(folder / "model.ckpt-2")
    assert files.name == "birds"


def test_relative_names_are_searched_in_order(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    assert find_model("birds", search=[other, tmp_path]).folder == folder
    (other / "birds").symlink_to(folder)
    assert find_model("birds", search=[other, tmp_path]).folder == other / "birds"


def test_the_current_folder_is_searched_by_default(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert find_model(".").name == "birds"
    assert find_model("model.ckpt-2").prefix == str(folder / "model.ckpt-2")


def test_nothing_of_that_name_says_where_was_looked(tmp_path):
    with pytest.raises(CheckpointError) as raised:
        find_model("fish", search=[tmp_path, tmp_path / "models"])
    message = str(raised.value)
    assert "'fish'" in message and f"{tmp_path}, {tmp_path / 'models'}" in message


def test_a_folder_without_a_checkpoint_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint in .*index"):
        find_model(tmp_path)


def test_a_missing_data_file_is_named(folder):
    (folder / "model.ckpt-10.data-00000-of-00001").unlink()
    with pytest.raises(CheckpointError, match="no model.ckpt-10.data-00000-of-00001"):
        find_model(folder)
    (folder / "model.ckpt-2.data-00000-of-00001").rename(
        folder / "model.ckpt-2.data-00000-of-00002"
    )
    with pytest.raises(CheckpointError, match="no model.ckpt-2.data-00001-of-00002"):
        find_model(folder / "model.ckpt-2")


def test_two_configs_are_both_named_and_one_can_be_chosen(folder):
    (folder / "cats.config.json").write_text('{"dim": 7}')
    with pytest.raises(ConfigError, match="birds.config.json.*--config") as raised:
        find_model(folder)
    assert "cats.config.json" in str(raised.value)
    assert find_model(folder, config_path="cats.config.json").config.dim == 7
    assert find_model(folder, config_path=folder / "cats.config.json").config.dim == 7


def test_no_config_and_a_missing_chosen_one_say_what_was_looked_for(folder):
    with pytest.raises(ConfigError, match="'cats.config.json'"):
        find_model(folder, config_path="cats.config.json")
    (folder / "birds.config.json").unlink()
    with pytest.raises(ConfigError, match=r"no \*\.config\.json"):
        find_model(folder)


@pytest.mark.parametrize(
    "config, args, rate",
    [
        ({}, None, 16000),
        ({}, "python train.py --dim 8", 16000),
        ({}, "python train.py --sample_rate 44100 --dim 8", 44100),
        ({}, "--sample_rate=22050", 22050),
        ({"sample_rate": 48000}, "--sample_rate 44100", 48000),
    ],
)
def test_the_sample_rate_is_the_configs_else_that_of_the_training(folder, config, args, rate):
    (folder / "birds.config.json").write_text(json.dumps(config))
    if args is not None:
        (folder / "args.txt").write_text(args)
    assert find_model(folder).config.sample_rate == rate
