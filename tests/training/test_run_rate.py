"""The sample rate at which a PRiSM run, which states none, is resumed."""

import json

import pytest
from golden import copy_checkpoint
from training_runs import write_sounds

from sopilib.commands.main import main
from sopilib.model.config import ModelConfig
from sopilib.training.run_rate import at_rate_of_run, resumed_run

NAME = "26.07.2020_20.48.51"


@pytest.fixture
def run(tmp_path):
    return copy_checkpoint("gru_mulaw", tmp_path / "default" / NAME)


def test_what_the_run_says_holds_where_the_user_says_nothing(run, capsys):
    (run / "args.txt").write_text("--sample_rate 22050")
    config = at_rate_of_run(ModelConfig(dim=24), run, None)
    assert (config.sample_rate, config.dim) == (22050, 24)
    assert capsys.readouterr().err == ""


def test_a_run_that_says_nothing_is_told(run, capsys):
    assert at_rate_of_run(ModelConfig(), run, None).sample_rate == 16000
    told = capsys.readouterr().err
    assert "continues at 16000 Hz (--sample_rate HZ states another)" in told
    assert told.count("\n") == 1


def test_a_run_without_a_config_says_its_rate_with_the_one_that_is_given(run, tmp_path):
    config_path = next(run.glob("*.config.json")).rename(tmp_path / "mine.config.json")
    (run / "args.txt").write_text("--sample_rate 44100")
    assert at_rate_of_run(ModelConfig(), run, config_path).sample_rate == 44100
    assert at_rate_of_run(ModelConfig(), run, None).sample_rate == 16000


def test_the_run_is_the_one_that_is_named_else_the_newest_unless_it_begins_anew(run):
    logdir = run.parent
    assert resumed_run(logdir, True, None) == run
    assert resumed_run(logdir, True, run / "model.ckpt-1") == run / "model.ckpt-1"
    assert resumed_run(logdir, False, None) is None
    assert resumed_run(logdir / "nowhere", True, None) is None


@pytest.mark.parametrize("flags, rate", [([], 4000), (["--sample_rate", "8000"], 8000)])
def test_train_goes_on_at_the_rate_that_the_user_says_else_the_run(flags, rate, run, tmp_path):
    (run / "args.txt").write_text("--sample_rate 4000")
    sounds = write_sounds(tmp_path / "sounds", sample_rate=8000)
    command = ["train", "--data_dir", sounds, "--logdir_root", tmp_path / "logdir", *flags]
    command += ["--resume_from", run, "--config_file", next(run.glob("*.config.json"))]
    command += ["--max_steps", 1, "--batch_size", 2, "--generate", "False"]
    assert main(list(map(str, command))) == 0
    (resumed,) = (tmp_path / "logdir" / "default").iterdir()
    config = json.loads(next(resumed.glob("*.config.json")).read_text())
    assert config["sample_rate"] == rate
