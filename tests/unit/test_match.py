"""`samplernn match`: its search, and what it writes."""

import argparse
import dataclasses
import functools
import json

import numpy as np
import pytest
from exported_model import write_exported

from sopilib.audio.write import write_audio
from sopilib.commands.arguments import chosen_config
from sopilib.commands.main import main
from sopilib.commands.recipe_match import match_in_time
from sopilib.evaluation.auditions import Audition
from sopilib.evaluation.reference import rounded_like_takes
from sopilib.evaluation.similarity import ReferenceStatistics
from sopilib.evaluation.verdict import LEAST, Similarity
from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.config import ModelConfig, load_config
from sopilib.model.folder import find_model
from sopilib.training.match import MatchRequest, Playing, Trial, best_of, search, table, trial

START = Playing(1.0, 0.0, 0.0)


def trial_of(playing, misfit):
    """Return a Trial of one take of a misfit."""
    measures = dict.fromkeys(LEAST, 0.0) | {"level": misfit * LEAST["level"]}
    return Trial(playing, [Similarity(measures, np.zeros(1), np.ones(1), dict(LEAST))])


@pytest.mark.parametrize(
    "temperature, shaping", [(1.0, 0.0), (1.05, -0.15), (0.94, 0.03), (1.0, 0.2)]
)
def test_the_search_comes_near_the_best(temperature, shaping):
    def evaluate(playing):
        far = (playing.temperature - temperature) ** 2 + (playing.noise_shaping - shaping) ** 2
        return trial_of(playing, 0.5 + 50 * far)

    trials = list(search(evaluate, START))
    best = best_of(trials).playing
    assert best.temperature == pytest.approx(temperature, abs=0.005)
    assert best.noise_shaping == pytest.approx(shaping, abs=0.01)
    places = [(one.playing.temperature, one.playing.noise_shaping) for one in trials]
    assert len(set(places)) == len(places)  # none is tried twice


def test_the_search_stays_within_the_ranges():
    def evaluate(playing):
        return trial_of(playing, 3 - playing.noise_shaping + playing.temperature / 9)

    start = Playing(0.11, 0.97, 0.0)
    for one in search(evaluate, start):
        dataclasses.replace(ModelConfig(), **dataclasses.asdict(one.playing))  # validates


def test_a_lost_take_does_not_decide():
    good, lost = trial_of(START, 0.9).similarities, trial_of(START, 40.0).similarities
    assert Trial(START, [*good * 7, *lost]).misfit < trial_of(START, 1.5).misfit


def test_a_take_that_fell_silent_does_not_decide_the_gain():
    loud, silent = trial_of(START, 1.5).similarities, trial_of(START, -100 / 6).similarities
    assert Trial(START, [*loud * 7, *silent]).level_db == 9.0


def test_the_table_has_the_best_first():
    other = dataclasses.replace(START, noise_shaping=0.04)
    lines = table([trial_of(START, 2.0), trial_of(other, 0.5)]).splitlines()
    assert lines[1].split()[:2] == ["1", "0.04"] and lines[1].endswith("holds")
    assert "1 of 1" in lines[1] and "0 of 1" in lines[2] and "louder" in lines[2]


def write_tones(folder, dur_s=3.0):
    folder.mkdir()
    time = np.arange(round(dur_s * 16000)) / 16000
    noise = np.random.default_rng(0).standard_normal(len(time))
    sound = 0.02 * np.sin(2 * np.pi * 300 * time) + 0.002 * noise
    middle = len(sound) // 2
    sound[middle : middle + 160] *= 20  # the rest stays soft when the file is made louder
    write_audio(folder / "tone.wav", sound.astype(np.float32), 16000)
    return folder, sound.astype(np.float32)


def test_a_trial_finds_the_gain_that_the_takes_lack(tmp_path):
    files = find_model(write_exported(tmp_path / "noise"))  # loud noise
    _, sound = write_tones(tmp_path / "sounds")
    reference = ReferenceStatistics([rounded_like_takes(sound, files.config)], 16000, 0.5)
    done = trial(files, reference, MatchRequest(dur_s=0.5, num_takes=2), START)
    assert done.playing.gain_db < -6
    plain = trial(files, reference, MatchRequest(dur_s=0.5, num_takes=2), done.playing)
    assert plain.playing == done.playing  # that gain is not used, and the takes are the same
    assert plain.misfit == done.misfit


def test_the_gain_lets_few_samples_clip(tmp_path):
    files = find_model(write_exported(tmp_path / "noise"))
    time = np.arange(3 * 16000) / 16000
    loud = np.sign(np.sin(2 * np.pi * 100 * time)).astype(np.float32)  # louder than any noise
    reference = ReferenceStatistics([rounded_like_takes(loud, files.config)], 16000, 0.5)
    request = MatchRequest(dur_s=0.5, num_takes=2)
    played = trial(files, reference, request, START).playing.of_files(files)
    take = Take(make_generator(played, 2), TakeRequest(dur_s=0.5, rng_seed=0))
    unplayed = Take(make_generator(files, 2), TakeRequest(dur_s=0.5, rng_seed=0))
    clipped, before = (
        np.mean(np.abs(np.concatenate(list(one), axis=1)) >= 1) for one in (take, unplayed)
    )
    assert clipped <= max(2e-3, before)


def matched_in_time(folder, left_s, temperature=1.0):
    """Return what `match_in_time` returns of a model that was auditioned best at 0.9."""
    model, (sounds, _) = write_exported(folder / "m"), write_tones(folder / "sounds")
    files = find_model(model)
    files = dataclasses.replace(
        files, config=dataclasses.replace(files.config, temperature=temperature)
    )
    similarity = trial_of(START, 2.0).similarities[0]
    left = functools.partial(next, iter(left_s))
    return match_in_time(files, Audition("m", 4.0, {0.9: similarity}), [sounds], 0.5, left, 0.001)


@pytest.mark.parametrize(
    "left_s",
    [
        pytest.param([3.0], id="too little for the shortest takes"),
        pytest.param([100.0, 1.0], id="too little once the recordings are read"),
    ],
)
def test_without_time_the_model_is_played_as_auditioned(tmp_path, left_s):
    playing, shortcomings = matched_in_time(tmp_path, left_s, temperature=1.1)
    assert playing == Playing(0.99, 0.0, 0.0)
    assert shortcomings == ["12.0 dB louder (limit 6.0)"]


def test_the_trials_end_with_the_time(tmp_path, capsys):
    # each trial takes 10 s; the third would end too late
    left_s = [100.0, 90.0, 30.0, 20.0, 20.0, 20.0, 10.0, 9.9]
    playing, _ = matched_in_time(tmp_path, left_s)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2
    assert playing.temperature == 0.9


def match(model, sounds, *flags):
    words = ["--dur", "0.5", "--num_takes", "2", "--num_trials", "4", *flags]
    return main(["match", str(model), "--data_dir", str(sounds), *map(str, words)])


def test_the_best_is_written_into_the_config(tmp_path, capsys):
    model, (sounds, _) = write_exported(tmp_path / "m"), write_tones(tmp_path / "sounds")
    path = model / "m.config.json"
    before = path.read_text()
    assert match(model, sounds, "--dry_run") == 0
    best = capsys.readouterr().out.splitlines()[-1].removeprefix("best: ")
    assert path.read_text() == before
    assert match(model, sounds) == 0
    out = capsys.readouterr().out
    assert str(Playing.of(load_config(path))) == best
    assert f"{path}: {best} (was {START})" in out
    kept = json.loads(path.read_text())
    assert {key: kept[key] for key in json.loads(before)} == json.loads(before)


def test_takes_are_no_longer_than_the_longest_recording(tmp_path, capsys):
    model, (sounds, _) = write_exported(tmp_path / "m"), write_tones(tmp_path / "sounds", 0.75)
    assert match(model, sounds, "--dry_run", "--dur", "20") == 0
    printed = capsys.readouterr()
    assert "takes of 0.75 s, as no recording is longer\n" in printed.err
    assert match(model, sounds, "--dry_run", "--dur", "0.75") == 0
    assert capsys.readouterr().out == printed.out


def test_recordings_too_short_for_any_take_are_refused(tmp_path, capsys):
    model, (sounds, _) = write_exported(tmp_path / "m"), write_tones(tmp_path / "sounds", 0.2)
    assert match(model, sounds) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    told = "samplernn: the longest recording has 0.2 s (give one of 0.5 s or more)"
    assert last == told


def test_of_several_configs_one_can_be_named(tmp_path, capsys):
    model, (sounds, _) = write_exported(tmp_path / "m"), write_tones(tmp_path / "sounds")
    other = model / "other.config.json"
    other.write_text((model / "m.config.json").read_text())
    assert match(model, sounds) == 1
    assert "2 configs" in capsys.readouterr().err
    before = (model / "m.config.json").read_text()
    assert match(model, sounds, "--config", other) == 0
    assert Playing.of(load_config(other)) != START
    assert (model / "m.config.json").read_text() == before


def test_what_cannot_be_used_is_one_line(tmp_path, capsys):
    model, (sounds, _) = write_exported(tmp_path / "m"), write_tones(tmp_path / "sounds")
    for words, text in [
        ([str(model), "--data_dir", str(sounds), "--dur", "0.1"], "--dur 0.1 (give 0.5"),
        ([str(tmp_path / "none"), "--data_dir", str(sounds)], "none"),
        ([str(model), "--data_dir", str(tmp_path / "empty")], "empty"),
    ]:
        assert main(["match", *words]) == 1
        err = capsys.readouterr().err
        assert err.startswith("samplernn: ") and err.count("\n") == 1 and text in err


def test_a_training_with_the_config_of_a_played_model_begins_without_that(tmp_path):
    path = tmp_path / "m.config.json"
    played = {
        "dim": 32,
        "pre_emphasis": 0.7,
        "temperature": 1.1,
        "noise_shaping": 0.1,
        "gain_db": 3,
    }
    path.write_text(json.dumps(played))
    args = argparse.Namespace(config_file=path, preset=None, sample_rate=None, pre_emphasis=None)
    config, _ = chosen_config(args)
    assert config == ModelConfig(dim=32, pre_emphasis=0.7)
