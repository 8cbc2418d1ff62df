"""`samplernn audition`: the order of checkpoints, and the table."""

import json
import shutil

import numpy as np
import pytest
import soundfile
from golden import copy_checkpoint, needs_tensorflow
from training_runs import PLAN, history, prepared, write_sounds

from sopilib.audio.spectrogram import draw_take
from sopilib.commands.main import main
from sopilib.evaluation.auditions import Audition, as_json, ranked, table
from sopilib.evaluation.seed_steering import SeedSteering
from sopilib.evaluation.verdict import LEAST, Similarity


def similarity(**measures):
    """Return a Similarity of eight octaves, all 0 except the given values."""
    values = {**dict.fromkeys(LEAST, 0.0), **measures}
    octave_db = np.zeros(8)
    octave_db[3] = values["spectrum"]
    return Similarity(values, octave_db, 62.5 * 2.0 ** np.arange(8), LEAST)


def test_what_holds_comes_first_whatever_its_bits():
    holds = Audition("holds", 3.0, {1.0: similarity(level=-3.0)})
    buzzes = Audition("buzzes", 2.0, {1.0: similarity(spectrum=30.0)})
    assert [a.name for a in ranked([buzzes, holds])] == ["holds", "buzzes"]


def test_places_by_bits_and_by_the_best_take_are_added():
    auditions = [
        Audition("last in both", 2.9, {1.0: similarity(level=5.0)}),
        Audition("second in both", 2.5, {1.0: similarity(level=2.0), 0.9: similarity(level=50.0)}),
        Audition("first by bits", 2.4, {1.0: similarity(level=3.0)}),
        Audition("first by take", 2.6, {1.0: similarity(level=1.0)}),
    ]
    names = [a.name for a in ranked(auditions)]
    # 0 + 2, 1 + 1 and 2 + 0 places: the fewer bits first
    assert names == ["first by bits", "second in both", "first by take", "last in both"]


def test_the_table_has_reasons_and_the_best():
    good = Audition("model.ckpt-2", 2.5, {0.9: similarity(silence=0.4), 1.0: similarity(level=1.5)})
    bad = Audition("model.ckpt-1", 2.75, {1.0: similarity(noise=0.25, spectrum=-9.0)})
    lines = table([good, bad]).splitlines()
    assert lines[1] == "1. model.ckpt-2: 2.5000 held-out bits per sample"
    assert lines[2].endswith("silence for 40 % of the time (limit 10)")
    assert lines[2].split()[:2] == ["0.9", "4.00"]
    assert lines[3].endswith("holds")
    assert lines[5].endswith(
        "-9.0 dB in the octave up to 500 Hz (limit 6.0); "
        "noise bursts for 25 % of the time (limit 0.5)"
    )
    assert lines[-1] == "best: model.ckpt-2 at temperature 1"


def test_the_table_says_when_no_take_holds():
    bad = Audition("model.ckpt-1", 2.75, {0.9: similarity(stuck=1.0), 1.0: similarity(stuck=0.5)})
    last = table([bad]).splitlines()[-1]
    assert last.startswith("no take holds (") and last.endswith("model.ckpt-1 at temperature 1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return sounds, and a RunFolder of three epochs trained on them."""
    needs_tensorflow()
    folder = tmp_path_factory.mktemp("audition")
    sounds = write_sounds(folder / "sounds", durs_s=(2.0, 1.0))
    training, run_folder = prepared(sounds, folder / "logdir", PLAN)
    training.run()
    return sounds, run_folder


def audition(path, sounds, out, *flags):
    flags = ["--dur", "0.5", "--temperature", "0.8", "1", "--output_dir", str(out), *flags]
    return main(["audition", str(path), "--data_dir", str(sounds), *flags])


def test_the_table_has_each_checkpoint_of_a_run_with_its_held_out_bits(trained, tmp_path, capsys):
    sounds, run_folder = trained
    assert audition(run_folder.path.parent, sounds, tmp_path / "new" / "takes") == 0
    lines = capsys.readouterr().out.splitlines()
    found = {line.split(": ")[0][3:]: line for line in lines if "bits per sample" in line}
    known = history(run_folder, "epoch")
    assert set(found) == {f"model.ckpt-{line['epoch']}" for line in known}
    for line in known:
        bits = f"{line['val_bits_per_sample']:.4f} held-out bits"
        assert bits in found[f"model.ckpt-{line['epoch']}"]
    assert lines[-1].startswith(("best: model.ckpt-", "no take holds ("))
    names = {path.name for path in (tmp_path / "new" / "takes").iterdir()}
    stems = {f"model.ckpt-{n}_t{t}" for n in (1, 2, 3) for t in ("0.8", "1")}
    assert names == {f"{stem}.{suffix}" for stem in stems for suffix in ("wav", "png")}
    assert soundfile.info(tmp_path / "new" / "takes" / "model.ckpt-3_t1.wav").frames == 500


def test_a_take_is_the_one_that_generate_makes(trained, tmp_path):
    sounds, run_folder = trained
    assert audition(run_folder.path, sounds, tmp_path, "--rng_seed", "5") == 0
    flags = ["--ckpt_dir", str(run_folder.checkpoint_path(2)), "--rng_seed", "5", "--dur", "0.5"]
    flags += ["--temperature", "0.8", "--output_path", str(tmp_path / "alone.wav")]
    assert main(["generate", *flags, "--precision", "float32"]) == 0
    take = (tmp_path / "model.ckpt-2_t0.8.wav").read_bytes()
    assert (tmp_path / "alone.wav").read_bytes() == take


def test_a_model_without_a_history_is_scored(trained, tmp_path, capsys):
    sounds, _ = trained
    model = copy_checkpoint("gru_mulaw", tmp_path / "model")
    assert audition(model, sounds, tmp_path / "takes") == 0
    captured = capsys.readouterr()
    assert "which it may have been trained on" in captured.err
    line = next(line for line in captured.out.splitlines() if "bits per sample" in line)
    # an untrained model knows nothing: about log2(256) bits
    assert float(line.split()[2]) == pytest.approx(8.0, abs=0.2)
    assert "no take holds" in captured.out


@pytest.mark.parametrize(
    "flag", ["--val_frac 0.25", "--val_frac=2.5e-1", "--val_f 25e-2", "--val_frac 0.9 --val .25"]
)
def test_a_checkpoint_that_the_history_lacks_has_all_scored_alike(flag, trained, tmp_path, capsys):
    sounds, run_folder = trained
    run = shutil.copytree(run_folder.path, tmp_path / "run")
    lines = [line for line in history(run_folder, "epoch") if line["epoch"] != 2]
    (run / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run / "args.txt").write_text(f"samplernn train {flag} --id x")
    assert audition(run, sounds, tmp_path / "takes") == 0
    assert "scored on 1.0 s (1 of 2 files, 1.0 s)" in capsys.readouterr().err


def test_takes_of_others_stay(trained, tmp_path, capsys):
    sounds, run_folder = trained
    draw_take(np.zeros(100), 16000, "take", tmp_path / "model.ckpt-9_t1.png", "/other/run")
    assert audition(run_folder.path, sounds, tmp_path) == 1
    assert "has takes of another run, /other/run (" in capsys.readouterr().err
    (tmp_path / "model.ckpt-9_t1.png").unlink()
    (tmp_path / "model.ckpt-2_t1.wav").write_bytes(b"mine")
    assert audition(run_folder.path, sounds, tmp_path) == 1
    assert "model.ckpt-2_t1.wav exists (choose another --output_dir" in capsys.readouterr().err
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--dur", "0.1"], "--dur 0.1 (give 0.5 seconds or more)"),
        (["--temperature", "-1"], "the temperature -1 is out of range"),
        (["--rng_seed", "-1"], "the random seed -1"),
        (["--data_dir", "/no/such/folder"], "no file or folder /no/such/folder"),
        (["--output_dir", __file__], "cannot write"),
    ],
)
def test_invalid_flags_are_a_one_line_error(flags, told, trained, tmp_path, capsys):
    sounds, run_folder = trained
    assert audition(run_folder.path, sounds, tmp_path / "takes", *flags) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("samplernn: ") and told in error


def test_a_folder_without_checkpoints_is_refused(tmp_path, capsys):
    assert audition(tmp_path, tmp_path, tmp_path) == 1
    assert "no checkpoint in" in capsys.readouterr().err


def test_the_table_and_the_json_say_how_seeds_steer_the_best():
    one = Audition("model.ckpt-1", 2.75, {0.9: similarity(stuck=1.0), 1.0: similarity(level=2.0)})
    steering = SeedSteering(own=0.5, others=-0.04, best_is_own=0.75, num_seeds=24)
    lines = table([one], steering).splitlines()
    assert lines[-2] == (
        "seeds steer model.ckpt-1 at temperature 0.9: own take 0.50, others -0.04, "
        "best match its own for 75 % of 24 seeds"
    )
    assert lines[-1] == "best: model.ckpt-1 at temperature 1"
    found = json.loads(json.dumps(as_json([one], steering)))
    assert found["best"] == {"name": "model.ckpt-1", "temperature": 1.0, "holds": True}
    assert found["seed_steering"]["best_is_own"] == 0.75
    take = found["checkpoints"][0]["takes"][1]
    assert take["measures"]["level"] == 2.0 and take["misfit"] == pytest.approx(1 / 3)
    assert set(take["limits"]) == set(LEAST) and take["reasons"] == []
    assert as_json([one])["seed_steering"] is None


def test_seeds_of_the_held_out_sound_steer_the_best_checkpoint(trained, tmp_path, capsys):
    _, run_folder = trained
    sounds = write_sounds(tmp_path / "long", durs_s=(20.0, 10.0))
    (tmp_path / "run").mkdir()
    for path in run_folder.path.glob("*3.*"):
        shutil.copy(path, tmp_path / "run")
    shutil.copy(next(run_folder.path.glob("*.config.json")), tmp_path / "run")
    (tmp_path / "run" / "args.txt").write_text("samplernn train --val_frac 0.3")
    assert audition(tmp_path / "run", sounds, tmp_path / "takes", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["seed_steering"]["num_seeds"] == 24
    assert len(found["checkpoints"][0]["takes"]) == 2
    assert audition(tmp_path / "run", sounds, tmp_path / "others", "--no_steering") == 0
    assert "seeds steer" not in capsys.readouterr().out


def test_takes_are_no_longer_than_the_longest_recording(trained, tmp_path, capsys):
    sounds, run_folder = trained
    assert audition(run_folder.path, sounds, tmp_path, "--dur", "20", "--no_steering") == 0
    assert "takes of 2 s, as no recording is longer\n" in capsys.readouterr().err
    assert soundfile.info(tmp_path / "model.ckpt-3_t1.wav").duration == 2.0
