"""The outputs of `samplernn train` besides checkpoints: previews and summaries; presets."""

import json
import shlex

import numpy as np
import pytest
import soundfile
from training_runs import CONFIG, write_sounds

from sopilib.commands.main import main
from sopilib.installation.paths import presets_folder
from sopilib.model.config import load_config
from sopilib.model.folder import find_model
from sopilib.model.quiet_tensorflow import tf

PRESETS = (
    "gru-linear-skip",
    "live-large",
    "live-medium",
    "live-small",
    "lstm-linear-skip",
    "prism",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a folder in which `samplernn train` has run on two stereo files at 44.1 kHz."""
    folder = tmp_path_factory.mktemp("trained")
    sounds = write_sounds(folder / "sounds", durs_s=(1.5, 1.0))
    for path in sounds.iterdir():
        audio, _ = soundfile.read(path)
        soundfile.write(path, np.stack([np.repeat(audio, 44), np.repeat(audio, 44)], 1), 44100)
    (folder / "my.config.json").write_text(json.dumps(CONFIG.to_dict()))
    flags = ["--config_file", folder / "my.config.json", "--logdir_root", folder / "logdir"]
    flags += ["--id", "bells", "--num_epochs", 2, "--batch_size", 4, "--output_file_dur", 0.5]
    flags += ["--temperature", 0.9, 1, "--max_generate_per_epoch", 2, "--log_every", 1]
    flags += ["--seed", sounds / "0.wav", "--seed_offset", 4410]
    assert main(["train", "--data_dir", str(sounds), *map(str, flags)]) == 0
    return folder


def run_folder(folder):
    (run,) = (folder / "logdir" / "bells").iterdir()
    return run


def test_the_run_folder_loads_without_flags(trained):
    files = find_model(run_folder(trained))
    assert files.config == CONFIG
    assert files.prefix.endswith("model.ckpt-2")
    assert main(["info", "--ckpt_dir", str(run_folder(trained))]) == 0


def test_the_arguments_are_kept(trained):
    words = shlex.split((run_folder(trained) / "args.txt").read_text())
    assert words[-2:] == ["--sample_rate", "1000"]


def test_each_checkpoint_has_takes_and_plots_at_each_temperature(trained):
    previews = run_folder(trained) / "previews"
    names = {f"epoch_000{n}_t{t}_{k}" for n in (1, 2) for t in ("0.9", "1") for k in (0, 1)}
    assert {path.stem for path in previews.glob("*.wav")} == names
    assert {path.stem for path in previews.glob("*.png")} == names
    for path in previews.glob("*.wav"):
        info = soundfile.info(path)
        assert (info.frames, info.samplerate) == (500, 1000)
    takes = {path.read_bytes() for path in previews.glob("*.wav")}
    assert len(takes) == len(names)


def test_tensorboard_finds_losses_sounds_and_plots(trained):
    found = {"train": {}, "validation": {}}
    for part, plugins in found.items():
        (path,) = (run_folder(trained) / part).iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                plugins[value.tag] = value.metadata.plugin_data.plugin_name or plugins[value.tag]
    scalars = ("bits_per_sample", "accuracy", "learning_rate", "samples_per_s")
    assert {tag for tag, plugin in found["train"].items() if plugin == "scalars"} == set(scalars)
    assert set(found["train"].values()) == {"scalars", "audio", "images"}
    assert found["validation"] == {"bits_per_sample": "scalars", "accuracy": "scalars"}


def test_training_continues_without_previews_that_cannot_be_written(trained, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way of the folder")
    flags = ["--config_file", trained / "my.config.json", "--logdir_root", tmp_path]
    flags += ["--num_epochs", 1, "--batch_size", 4, "--output_dir", tmp_path / "file"]
    assert main(["train", "--data_dir", str(trained / "sounds"), *map(str, flags)]) == 0
    assert "no preview: cannot write" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--seed", "none.wav"], "no sound file none.wav"),
        (["--seed_offset", "5"], "--seed_offset 5 without --seed"),
        (["--output_file_dur", "0"], "--output_file_dur 0"),
    ],
)
def test_invalid_preview_flags_are_refused_before_training_starts(
    flags, told, trained, tmp_path, capsys
):
    flags = ["--data_dir", str(trained / "sounds"), "--logdir_root", str(tmp_path), *flags]
    assert main(["train", *flags]) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_config_to_train_with(name):
    config = load_config(presets_folder() / f"{name}.config.json")
    assert config.seq_len % config.big_frame_size == 0
    assert f"`{name}`" in (presets_folder() / "README.md").read_text()


def test_there_are_no_other_presets():
    names = {path.name for path in presets_folder().glob("*.json")}
    suffixes = ("config.json", "training.json")
    assert names == {f"{name}.{suffix}" for name in PRESETS for suffix in suffixes}


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--preset", "huge"], "no preset 'huge' (choose from gru-linear-skip, live-large"),
        (["--preset", "prism", "--config_file", "x.config.json"], "give one of them"),
        (["--config_file", "none.config.json"], "none.config.json"),
        (["--resume", "False", "--resume_from", "model.ckpt-1"], "give one of them"),
        (["--batch_size", "0"], "--batch_size 0"),
        (["--temperature", "-1"], "temperature -1"),
        (["--max_generate_per_epoch", "0"], "--max_generate_per_epoch 0"),
    ],
)
def test_invalid_flags_are_a_one_line_error(flags, told, tmp_path, capsys):
    command = ["train", "--data_dir", str(tmp_path), "--logdir_root", str(tmp_path / "logdir")]
    assert main([*command, *flags]) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert not (tmp_path / "logdir").exists()


def test_a_segment_that_is_no_multiple_of_the_big_frame_is_refused(tmp_path, capsys):
    path = tmp_path / "odd.config.json"
    path.write_text(json.dumps({**CONFIG.to_dict(), "seq_len": 30}))
    assert main(["train", "--data_dir", str(tmp_path), "--config_file", str(path)]) == 1
    assert '"seq_len" is 30 (set it to a multiple' in capsys.readouterr().err
