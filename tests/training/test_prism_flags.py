"""`samplernn train` with PRiSM's flags, configs and run folders, as its users have them."""

import dataclasses
import json

import numpy as np
import pytest
import soundfile
from golden import copy_checkpoint
from training_runs import CONFIG, PLAN, prepared, write_sounds

from sopilib.audio.recordings import read_recordings
from sopilib.commands.main import main
from sopilib.errors import CheckpointError, RequestError
from sopilib.model.folder import find_model
from sopilib.training.plan import MONITORS, Plan
from sopilib.training.preview import PreviewRequest
from sopilib.training.report_run import read_run
from sopilib.training.split import first_chunks

# with comments and null, as PRiSM's users have them
CONFIG_TEXT = """// for the tests
{
  "frame_sizes": [2, 4], "dim": 8, // tiny
  "num_rnn_layers": 1, "q_type": "linear", "q_levels": 16, "seq_len": 32,
  "emb_size": null, "skip_conn": null, "rnn_dropout": null
}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a folder in which `samplernn train` has run with PRiSM's flags on stereo sound."""
    folder = tmp_path_factory.mktemp("prism")
    sounds = write_sounds(folder / "sounds", durs_s=(1.1, 0.9))
    for path in sounds.iterdir():
        audio, _ = soundfile.read(path)
        soundfile.write(path, np.stack([audio, -0.5 * audio], axis=1), 1000)
    (folder / "my.config.json").write_text(CONFIG_TEXT)
    flags = ["--config_file", folder / "my.config.json", "--logdir_root", folder / "logdir"]
    flags += ["--id", "bells", "--num_epochs", 3, "--batch_size", 4, "--sample_rate", 1000]
    flags += ["--output_dir", folder / "generated", "--output_file_dur", 1]
    flags += ["--max_generate_per_epoch", 2, "--temperature", 0.95, "--num_val_batches", 1]
    flags += ["--no-mono", "--monitor", "val_accuracy", "--checkpoint_policy", "Best"]
    flags += ["--max_checkpoints", "None", "--mixed_precision", "False", "--verbose", "False"]
    assert main(["train", "--data_dir", str(sounds), *map(str, flags)]) == 0
    return folder


def epoch_lines(folder):
    (run,) = (folder / "logdir" / "bells").iterdir()
    lines = map(json.loads, (run / "history.jsonl").read_text().splitlines())
    return run, [line for line in lines if line["kind"] == "epoch"]


def test_best_checkpoints_are_those_of_the_monitored_accuracy(trained):
    run, lines = epoch_lines(trained)
    accuracies = [line["val_accuracy"] for line in lines]
    best = [k + 1 for k, a in enumerate(accuracies) if k == 0 or a > max(accuracies[:k])]
    found = sorted(int(p.stem.split("-")[1]) for p in run.glob("model.ckpt-*.index"))
    assert found == best


def test_previews_have_prisms_names_where_its_flag_says_the_folder(trained):
    run, _ = epoch_lines(trained)
    epochs = [p.stem.split("-")[1] for p in run.glob("model.ckpt-*.index")]
    names = {p.name for p in (trained / "generated" / "bells").glob("*.wav")}
    assert names == {f"bells_e={epoch}({k})_t=0.95.wav" for epoch in epochs for k in (0, 1)}
    assert not (run / "previews").exists()
    shown = read_run(run, trained / "generated" / "bells").previews
    assert {preview.path.name for preview in shown} == names
    assert {(preview.temperature, preview.number) for preview in shown} == {(0.95, 0), (0.95, 1)}


def test_one_preview_at_a_temperature_has_no_number():
    request = PreviewRequest(prism_name="bells")
    assert request.file_name(12, 1, 0) == "bells_e=12_t=1.0.wav"


def test_the_config_of_the_run_is_the_one_with_comments(trained):
    run, _ = epoch_lines(trained)
    assert find_model(run).config == dataclasses.replace(CONFIG, rnn_dropout=0.0)


def test_no_mono_trains_on_the_channels_one_after_another(trained):
    sounds = [trained / "sounds" / "0.wav"]
    mixed = read_recordings(sounds, 1000).recordings[0].audio
    apart = read_recordings(sounds, 1000, mono=False).recordings[0].audio
    assert (len(mixed), len(apart)) == (1100, 2200)
    np.testing.assert_allclose(apart[1100:], -0.5 * apart[:1100], atol=1e-3)


def test_num_val_batches_limits_the_chunks_to_validate_on():
    stretches = [np.zeros(n) for n in (25, 9, 40)]
    assert [len(s) // 10 for s in first_chunks(stretches, 10, 4)] == [2, 0, 2]
    assert [len(s) // 10 for s in first_chunks(stretches, 10, 1)] == [1]
    assert sum(len(s) // 10 for s in first_chunks(stretches, 10, 100)) == 6
    with pytest.raises(RequestError, match="--num_val_batches 0"):
        Plan(num_val_batches=0)


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_monitored_value_is_less_where_the_epoch_is_better(monitor):
    worse = dict(bits_per_sample=3, val_bits_per_sample=3.5, accuracy=0.2, val_accuracy=0.1)
    better = dict(bits_per_sample=2, val_bits_per_sample=2.5, accuracy=0.3, val_accuracy=0.2)
    plan = Plan(monitor=monitor)
    assert plan.monitored(better) < plan.monitored(worse)


def prism_run(folder):
    """Return a run folder as upstream PRiSM leaves it: checkpoints, no config."""
    run = copy_checkpoint("gru_mulaw", folder / "26.07.2020_20.48.51")
    config = find_model(run).config
    next(run.glob("*.config.json")).unlink()
    return run, config


def test_a_run_folder_without_a_config_is_resumed_with_the_one_of_the_flags(tmp_path):
    run, config = prism_run(tmp_path / "logdir")
    sounds = write_sounds(tmp_path / "sounds")
    plan = dataclasses.replace(PLAN, num_epochs=2)
    for resume_from in (None, run, run / "model.ckpt-1"):
        training, run_folder = prepared(
            sounds, tmp_path / "logdir", plan, config, resume_from=resume_from
        )
        assert training.position.epoch == 1


def test_another_config_is_told_with_a_flag_that_exists(tmp_path):
    run, config = prism_run(tmp_path / "logdir")
    other = dataclasses.replace(config, dim=2 * config.dim)
    with pytest.raises(CheckpointError, match=r"does not fit .*\(give .* as --config_file\)"):
        prepared(write_sounds(tmp_path / "sounds"), tmp_path / "logdir", PLAN, other)
