"""`--best_of N`: takes are measured, the extremes and the failing ones dropped, the best kept."""

import json

import numpy as np
import pytest
import soundfile

from sopilib.commands import take_writing
from sopilib.commands.main import main
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.pack import pack
from sopilib.engine.random_model import random_folded
from sopilib.errors import RequestError
from sopilib.evaluation.choice import Candidate, choose
from sopilib.evaluation.failing_sound import FailingSeconds
from sopilib.generation.candidates import measured_takes, rng_seeds_from, scoring_generator
from sopilib.generation.record_file import read_take
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.config import ModelConfig

PRECISIONS = ("float32", "int8", "int4")


def candidates(bits, failing=(), misfits=None):
    """Return candidates of 10 s; `failing` has the indexes of those that are stuck for 1 s."""
    return [
        Candidate(
            rng_seed=k,
            dur_s=10.0,
            bits=value,
            failing_s={"stuck": 1.0} if k in failing else {},
            misfit=None if misfits is None else misfits[k],
            reasons=("+9.0 dB",) if misfits is not None and misfits[k] > 1 else (),
        )
        for k, value in enumerate(bits)
    ]


def random_generator(num_seqs, precision="float32", **values):
    """Return an EngineGenerator with random weights."""
    config = ModelConfig(frame_sizes=(4, 16), dim=24, num_rnn_layers=1, **values)
    packed = pack(config, random_folded(config), precision)
    return EngineGenerator(config, packed, num_seqs, threads=1)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("values", [{}, {"rnn_type": "lstm", "q_type": "linear"}])
def test_the_bits_of_samples_as_they_are_drawn_are_those_of_scoring_them(values, precision):
    temperature = np.tile(np.linspace(0.5, 1.3, 1500, dtype=np.float32), (2, 1))
    generator = random_generator(2, precision, **values)
    generator.reset(3)
    made = generator.generate_scored(temperature)
    generator.reset(3)
    np.testing.assert_array_equal(made.audio, generator.generate(temperature))
    generator.reset(0)
    np.testing.assert_array_equal(made.bits, generator.bits(made.levels))


def test_takes_that_share_a_generator_are_those_of_one_voice_alone():
    request = TakeRequest(dur_s=0.1, temperature=(0.9,), seed_audio=np.full(70, 0.2, np.float32))
    seeds = rng_seeds_from(2**63 - 2, 3)
    assert seeds == [2**63 - 2, 2**63 - 1, 0]
    generator = random_generator(3, q_type="linear")
    takes = measured_takes(generator, request, seeds, keep_levels=True, keep_audio=True)
    for seed, take in zip(seeds, takes):
        alone = random_generator(1, q_type="linear")
        audio = np.concatenate(
            list(Take(alone, TakeRequest(**{**vars(request), "rng_seed": seed}))), axis=1
        )
        np.testing.assert_array_equal(take.audio, audio[0])
        alone.reset(0)
        alone.prime(np.full(70, 0.2, np.float32))
        bits = alone.bits(take.levels[np.newaxis].astype(np.int32))
        assert take.candidate.bits == pytest.approx(float(bits.mean()), abs=1e-5)


def test_the_least_and_the_most_likely_are_dropped_and_the_middle_one_is_kept():
    choice = choose(candidates([3.0 + k / 100 for k in range(20)]))
    assert [k for k in range(20) if choice.dropped[k] is None] == list(range(1, 12))
    assert choice.best == 6 and choice.dropped[0] == "among the most likely 5 %"
    assert set(choice.dropped[12:]) == {"among the least likely 40 %"}
    assert choice.why == (
        "candidate 7 of 20, 3.060 bits per sample: the middle one by likelihood of 11 left; "
        "0 failed, 9 were too likely or unlikely"
    )
    only = choose(candidates([2.0]))
    assert only.best == 0 and only.why == "the only take, 2.000 bits per sample"
    assert choose(candidates([3.0, 2.0, 2.5])).best == 1  # of the two left, the likelier


def test_takes_that_fail_are_dropped_and_the_nearest_to_the_corpus_is_kept():
    choice = choose(candidates([3.0, 3.1, 3.2, 3.3, 3.4], failing={0}))
    assert choice.best == 1 and choice.dropped[0] == "stuck for 1 s"
    misfits = [0.9, 2.0, 0.3, 0.8, 0.1]
    choice = choose(candidates([3.0, 3.1, 3.2, 3.3, 3.4], misfits=misfits))
    assert choice.best == 2 and choice.dropped[1] == "+9.0 dB"
    assert "misfit 0.30: the lowest misfit of 2 left; 1 failed, 2 were" in choice.why
    left = choose(candidates([3.0, 3.1, 3.2, 3.3, 3.4], failing={0, 1, 2}))
    assert left.best == 3 and "as the likelihood left none" in left.why


def test_if_all_fail_the_least_bad_is_kept_and_the_reason_says_so():
    all_failing = [
        Candidate(rng_seed=k, dur_s=10.0, bits=3.0, failing_s={"noise": seconds})
        for k, seconds in enumerate([4.0, 1.5, 9.0])
    ]
    choice = choose(all_failing)
    assert choice.best == 1 and None not in choice.dropped
    assert choice.why.endswith("all fail, this one least (noise for 1.5 s)")


def test_a_pause_or_a_held_tone_is_no_failure_unless_it_lasts():
    assert Candidate(0, 100.0, 3.0, {"silence": 9.0, "loop": 10.0}).failures == []
    assert Candidate(0, 100.0, 3.0, {"silence": 11.0}).failures == ["silence for 11 s"]
    assert Candidate(0, 100.0, 3.0, {"dc": 0.5}).failures == ["dc for 0.5 s"]


@pytest.mark.parametrize("size", [16000 * 12, 777])
def test_the_seconds_that_fail_do_not_depend_on_the_pieces(size):
    rng = np.random.default_rng(0)
    sound = np.concatenate([rng.normal(0, 0.1, 16000 * 4), np.full(16000 * 2, 0.5)] * 2)
    failing = FailingSeconds(16000)
    for k in range(0, len(sound), size):
        failing.push(sound[k : k + size].astype(np.float32))
    assert failing.seconds == {"noise": 6.0, "stuck": 4.5}


def generate(bells, *more):
    return main(["generate", "--ckpt_dir", str(bells), "--rng_seed", "5", *map(str, more)])


@pytest.mark.parametrize("long_s", [60.0, 0.0], ids=["short", "long"])
def test_the_best_of_several_takes_is_made_and_its_record_says_why(
    long_s, bells, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(take_writing, "LONG_S", long_s)
    assert generate(bells, "--dur", 0.3, "--best_of", 4, "--output_path", "best.wav") == 0
    told = capsys.readouterr().err
    assert " of 4, " in told and "Traceback" not in told
    values = json.loads((tmp_path / "best.json").read_text())["takes"][0]
    choice = values["choice"]
    assert choice["of"] == 4 and [one["rng_seed"] for one in choice["candidates"]] == [5, 6, 7, 8]
    assert values["rng_seed"] == 4 + choice["candidate"]
    dropped = [one["dropped"] for one in choice["candidates"]]
    assert dropped.count(None) == 3 and "among the least likely 40 %" in dropped
    assert read_take(tmp_path / "best.json").take.choice == choice
    assert main(["generate", "--from", "best.json"]) == 0
    assert json.loads((tmp_path / "best-again.json").read_text())["takes"][0] == values
    rng_seed = ["--rng_seed", values["rng_seed"]]
    assert generate(bells, "--dur", 0.3, *rng_seed, "--output_path", "x.wav") == 0
    assert (tmp_path / "x.wav").read_bytes() == (tmp_path / "best.wav").read_bytes()
    assert "choice" not in json.loads((tmp_path / "x.json").read_text())["takes"][0]


def test_takes_are_compared_with_a_corpus(bells, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).uniform(-1, 1, 16000 * 3)
    soundfile.write(tmp_path / "corpus.wav", noise, 16000)
    flags = ["--best_of", 3, "--data_dir", "corpus.wav", "--dur", 1, "--output_path", "x.wav"]
    assert generate(bells, *flags) == 0
    choice = json.loads((tmp_path / "x.json").read_text())["takes"][0]["choice"]
    misfits = [one["misfit"] for one in choice["candidates"]]
    assert all(misfit > 0 for misfit in misfits)
    assert "misfit" in choice["why"]
    assert generate(bells, *flags, "--dur", 0.2) == 1
    assert "too short to compare" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--best_of", 3, "--num_seqs", 2], "--best_of 3 with 2 voices chooses one voice"),
        (["--data_dir", "."], "--data_dir compares takes to choose (give --best_of N, too)"),
        (["--best_of", 0], "--best_of: 0 takes to choose from (give 1 to 1000)"),
    ],
)
def test_what_cannot_be_chosen_is_refused(flags, told, bells, tmp_path, capsys):
    assert generate(bells, *flags, "--dur", 0.1, "--output_path", tmp_path / "x.wav") == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_generator_that_says_no_likelihood_is_refused():
    with pytest.raises(RequestError, match="needs the native engine"):
        scoring_generator(object())
