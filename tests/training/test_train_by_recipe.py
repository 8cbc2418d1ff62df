"""`samplernn train --preset NAME --hours H`: from recordings to a folder that plays."""

import dataclasses
import functools
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from places import PROJECT
from training_runs import STEADY, write_sounds

from sopilib.commands import train, train_recipe
from sopilib.commands.main import main
from sopilib.model.checkpoint import load_model
from sopilib.model.folder import find_model
from sopilib.model.network import named_variables
from sopilib.training.history import read_history
from sopilib.training.recipe_progress import locked_training
from sopilib.training.state import load_state, save_state

SHORT = STEADY.seq_len // 2
RECIPE = {
    "settings": {
        "batch_size": 4,
        "learning_rate": 0.01,
        "lr_schedule": "cosine",
        "warmup_steps": 1000,
        "max_checkpoints": None,
        "early_stopping_patience": 1000,
        "log_every": 1,
    },
    "stages": [
        {"name": "with noise", "share": 0.6, "seq_len": SHORT, "settings": {"input_noise": 0.15}},
        {"name": "clean", "share": 0.4, "learning_rate_factor": 0.5},
    ],
    "pre_emphasis": 0.5,
    "checkpoints": 1,
    "finish": {"share": 0.2, "dur": 1, "temperatures": [0.9]},
}
TICK_S = 0.02
HOURS = 0.01
# generates where TensorFlow cannot be imported
GENERATE = """
import sys
sys.modules["tensorflow"] = None
from sopilib.commands.main import main
sys.exit(main(["generate", *sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets")
    (folder / "tiny.config.json").write_text(json.dumps(STEADY.to_dict()))
    (folder / "tiny.training.json").write_text(json.dumps(RECIPE))
    (folder / "bare.config.json").write_text(json.dumps(STEADY.to_dict()))
    return folder


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("data") / "sounds", durs_s=(2.0, 1.0))


class Clock:
    """Seconds that advance with each look at them; at some number of looks, calls something."""

    def __init__(self, number=None, function=None):
        self.number, self.function = number, function
        self.num_looks = 0

    def __call__(self):
        self.num_looks += 1
        if self.num_looks == self.number:
            self.function()
        return TICK_S * self.num_looks


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def trained(presets, sounds, logdir, clock, *flags, hours=HOURS, preset="tiny"):
    """Run the command with a clock; return its exit status."""
    words = ["--data_dir", sounds, "--logdir_root", logdir, "--preset", preset, *flags]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sopilib.commands.arguments.paths.presets_folder", lambda: presets)
        patch.setattr(train_recipe, "presets_folder", lambda: presets)
        by_clock = functools.partial(train_recipe.train_by_recipe, clock=clock)
        patch.setattr(train, "train_by_recipe", by_clock)
        return main(["train", *map(str, words), "--hours", str(hours), "--generate", "False"])


@pytest.fixture(scope="module")
def results(presets, sounds, tmp_path_factory):
    """Return the folder of a training that was stopped in its second stage and resumed."""
    logdir = tmp_path_factory.mktemp("logdir")
    steps = 0.8 * 3600 * HOURS / TICK_S
    clock = Clock(round(0.8 * steps), terminate)
    assert trained(presets, sounds, logdir, clock, "--clip_norm", "2.5") == 130
    progress = json.loads((logdir / "sounds" / "recipe.json").read_text())
    assert trained(presets, sounds, logdir, Clock(), "--clip_norm", "2.5") == 0
    return logdir / "sounds", progress


def history(run):
    return [line for line in read_history(run / "history.jsonl") if line["kind"] == "steps"]


def test_a_stop_in_the_second_stage_leaves_the_first_one_done(results):
    _, stopped = results
    noisy, clean = stopped["stages"]
    assert noisy["best"].startswith(f"{noisy['run']}/model.ckpt-")
    assert clean["run"] and clean["best"] is None
    assert stopped["result"] is None
    assert stopped["used_s"] == pytest.approx(0.8 * 0.8 * 3600 * HOURS, abs=1)


def test_the_same_command_resumes_the_second_stage_with_the_time_that_is_left(results):
    folder, stopped = results
    finished = json.loads((folder / "recipe.json").read_text())
    assert finished["stages"][0] == stopped["stages"][0]
    assert finished["stages"][1]["run"] == stopped["stages"][1]["run"]
    total_s = 0.8 * 3600 * HOURS
    seconds = [stage["seconds"] for stage in finished["stages"]]
    assert seconds[0] == pytest.approx(0.6 * total_s, rel=0.1)
    # what is left of it after the speed was measured again
    assert 0.75 * 0.4 * total_s < seconds[1] < 0.4 * total_s
    assert 0.9 * total_s < finished["used_s"] < 3600 * HOURS


def test_a_second_process_does_not_train_by_a_recipe_in_the_same_folder(
    presets, sounds, tmp_path, capsys
):
    with locked_training(tmp_path / "sounds"):
        assert trained(presets, sounds, tmp_path, Clock()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"samplernn: another process trains in {tmp_path / 'sounds'} (wait ")
    assert not list(tmp_path.iterdir())


def test_a_stage_of_before_a_setting_was_there_is_resumed(presets, sounds, tmp_path, capsys):
    num_looks = round(0.8 * 0.8 * 3600 * HOURS / TICK_S)  # into the second stage
    assert trained(presets, sounds, tmp_path, Clock(num_looks, terminate)) == 130
    stages = json.loads((tmp_path / "sounds" / "recipe.json").read_text())["stages"]
    run = tmp_path / "sounds" / stages[1]["run"]
    progress, arrays = load_state(run)
    for name in ("cut_softest", "ema_momentum"):
        progress["fixed"].pop(name, None)
    save_state(run, progress, arrays)
    assert trained(presets, sounds, tmp_path, Clock()) == 0
    assert f"resuming at step {progress['position']['step']} of {run}" in capsys.readouterr().err


def test_each_stage_has_its_own_fall_of_the_learning_rate(results):
    folder, _ = results
    finished = json.loads((folder / "recipe.json").read_text())
    for stage, height in zip(finished["stages"], (0.01, 0.005)):
        rates = [line["learning_rate"] for line in history(folder / stage["run"])]
        assert max(rates) == pytest.approx(height, rel=0.05)
        assert rates[0] < 0.3 * height and rates[-1] < 0.05 * height
        # the warm-up of 1000 steps is shortened to a tenth of the stage
        assert np.argmax(rates) < 0.25 * len(rates)


def test_the_second_stage_begins_with_the_best_weights_of_the_first(results):
    folder, _ = results
    finished = json.loads((folder / "recipe.json").read_text())
    noisy, clean = finished["stages"]
    number = int(noisy["best"].rpartition("-")[2])
    bits = {}
    for line in read_history(folder / noisy["run"] / "history.jsonl"):
        if line["kind"] == "epoch" and list(
            (folder / noisy["run"]).glob(f"*-{line['epoch']}.index")
        ):
            bits[line["epoch"]] = line["val_bits_per_sample"]
    assert bits[number] == min(bits.values())
    first, last = history(folder / clean["run"])[0], history(folder / noisy["run"])[-1]
    assert first["epoch"] == number + 1
    assert first["bits_per_sample"] < last["bits_per_sample"] + 1.0


def test_flags_and_the_settings_of_a_stage_stand_in_its_run_folder(results):
    folder, _ = results
    finished = json.loads((folder / "recipe.json").read_text())
    lines = [(folder / s["run"] / "args.txt").read_text() for s in finished["stages"]]
    assert all("--clip_norm 2.5" in line and "--batch_size 4" in line for line in lines)
    assert ["--input_noise 0.15" in line for line in lines] == [True, False]
    runs = [folder / stage["run"] for stage in finished["stages"]]
    configs = [find_model(run).config for run in runs]
    assert [config.seq_len for config in configs] == [SHORT, STEADY.seq_len]
    assert [config.pre_emphasis for config in configs] == [0.5, 0.5]


def test_the_exported_folder_holds_card_preview_and_plots_of_the_best_checkpoint(results):
    folder, _ = results
    result = json.loads((folder / "recipe.json").read_text())["result"]
    assert result["folder"] == "sounds" and result["temperature"] == 1
    names = {path.name for path in (folder / "sounds").iterdir()}
    plots = {"preview.png", "beside_recordings.png"}
    assert names == {"sounds.config.json", "sounds.int8.pack", "README.md", "preview.flac", *plots}
    info = soundfile.info(folder / "sounds" / "preview.flac")
    assert info.samplerate == 1000 and 1000 <= info.frames <= 30_000
    text = (folder / "sounds" / "README.md").read_text()
    assert text.startswith("# sounds\n") and "temperature | 1 recommended" in text
    assert "1000 Hz, mono, linear, 16 levels" in text and "2 recordings, 3.0 s of sound" in text
    config = find_model(folder / "sounds").config
    playing = {key: getattr(config, key) for key in ("temperature", "noise_shaping", "gain_db")}
    assert config == dataclasses.replace(STEADY, pre_emphasis=0.5, **playing)
    shown = ", ".join(f"{key} {value:g}" for key, value in playing.items())
    assert f"| config | {shown}: how the checkpoint is played |" in text
    weights = named_variables(load_model(find_model(folder / result["checkpoint"])))
    assert all(np.isfinite(variable.numpy()).all() for variable in weights.values())
    assert not list(folder.glob(".*.part"))


def test_the_exported_folder_generates_without_tensorflow(results, tmp_path):
    folder, _ = results
    path = tmp_path / "take.flac"  # libsndfile rounds in another way for WAV
    flags = ["--ckpt_dir", folder / "sounds", "--dur", 1, "--rng_seed", 0, "--output_path", path]
    done = subprocess.run(
        [sys.executable, "-c", GENERATE, *map(str, flags), "--temperature", "1"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    take, _ = soundfile.read(path)
    preview, _ = soundfile.read(folder / "sounds" / "preview.flac")
    np.testing.assert_array_equal(take, preview[:1000])


def test_a_finished_training_says_again_how_to_play_it(results, presets, sounds, capsys):
    folder, _ = results
    before = (folder / "recipe.json").read_text()
    assert trained(presets, sounds, folder.parent, Clock(), "--clip_norm", "2.5") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "is finished (to train again: another --id" in lines[0]
    assert lines[-2].startswith("in a patch: load ") and str(folder / "sounds") in lines[-2]
    words = shlex.split(lines[-1])
    assert words[:3] == ["or:", "load", "--python"] and words[-2] == "--ckpt_dir"
    assert (folder / "recipe.json").read_text() == before
    assert not (folder / "sounds-2").exists()


@pytest.mark.parametrize(
    "flags, hours, told",
    [
        ((), "nan", "--hours nan (give hours"),
        ((), 1e308, "--hours 1e+308 (give hours"),
        (("--num_epochs", "3"), 1, "--hours and --num_epochs together"),
        (("--batch_size", "0"), 1, "--batch_size 0 (give 1 or more)"),
        (("--batch_size", "1000"), 1, "are too little for batches of 1000"),
        (("--preset", "bare"), 1, "the preset bare has no training settings"),
        ((), 0.0001, "--hours 0.0001 is too short: here an epoch of these recordings takes"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_leaves_no_folder(
    flags, hours, told, presets, sounds, tmp_path, capsys
):
    logdir = tmp_path / "logdir"
    assert trained(presets, sounds, logdir, Clock(), *flags, hours=hours) == 1
    error = capsys.readouterr().err.splitlines()
    assert told in error[-1] and error[-1].startswith("samplernn: ")
    assert not any("Traceback" in line for line in error)
    assert not logdir.exists()


def test_a_termination_while_the_speed_is_measured_ends_with_the_status_of_ctrl_c(
    presets, sounds, tmp_path, capsys
):
    assert trained(presets, sounds, tmp_path, Clock(2, terminate)) == 130
    assert capsys.readouterr().out == "stopped; the same command resumes from here\n"
    assert not list(itertools.chain(tmp_path.rglob("*.index"), tmp_path.rglob("recipe.json")))
