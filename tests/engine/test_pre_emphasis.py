"""A model with pre-emphasis: the same sound from each engine, in takes, states and scores."""

import dataclasses

import numpy as np
import pytest
import soundfile
from engine_models import packed_model
from golden import golden_config, golden_model

from sopilib.engine.engine import EngineGenerator
from sopilib.evaluation import engine_score, tensorflow_score
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.tensorflow_generator import Generator
from sopilib.model.network import SampleRNN, named_variables
from sopilib.training.dataset import Corpus

NAME = "gru_mulaw"
CONFIG = dataclasses.replace(golden_config(NAME), pre_emphasis=0.85)


def engine_generator(num_seqs=1):
    return EngineGenerator(CONFIG, packed_model(NAME, "float32"), num_seqs)


@pytest.fixture(scope="module")
def model():
    model = SampleRNN(CONFIG, rng_seed=0)
    weights = named_variables(golden_model(NAME))
    for path, variable in named_variables(model).items():
        variable.assign(weights[path])
    return model


def take(generator, **request):
    return np.concatenate(list(Take(generator, TakeRequest(**request))), axis=1)


def seed(num_samples=500):
    time = np.arange(num_samples) / CONFIG.sample_rate
    return (0.4 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)


def test_both_engines_continue_a_seed_alike(model):
    request = dict(dur_s=0.1, rng_seed=3, seed_audio=seed(), temperature=(0.5,))
    expected = take(Generator(model, 2), **request)
    np.testing.assert_allclose(take(engine_generator(2), **request), expected, atol=1e-5)


def test_the_sound_after_a_seed_joins_it_without_a_step():
    generator = engine_generator()
    loud = np.full(500, 0.6, np.float32)
    generator.prime(loud)
    first = generator.generate(np.zeros((1, 1), np.float32))[0, 0]
    plain = EngineGenerator(golden_config(NAME), packed_model(NAME, "float32"), 1)
    levels = loud - 0.85 * np.concatenate([[0], loud[:-1]])
    plain.prime(levels.astype(np.float32))
    step = plain.generate(np.zeros((1, 1), np.float32))[0, 0]
    assert first == pytest.approx(0.85 * 0.6 + step, abs=1e-6)


def test_a_take_does_not_depend_on_its_chunks():
    whole, cut = engine_generator(), engine_generator()
    for generator in (whole, cut):
        generator.reset(5)
    temperature = np.ones((1, 999), np.float32)
    pieces = [cut.generate(piece) for piece in np.split(temperature, [1, 50, 700], axis=1)]
    np.testing.assert_array_equal(whole.generate(temperature), np.concatenate(pieces, axis=1))


@pytest.mark.parametrize("make", [engine_generator, None], ids=["native", "tensorflow"])
def test_a_restored_state_goes_on_with_the_same_samples(make, model):
    generator = make() if make else Generator(model, 1)
    generator.reset(1)
    generator.prime(seed())
    state = generator.save_state()
    temperature = np.ones((1, 100), np.float32)
    first = generator.generate(temperature)
    generator.restore_state(state)
    np.testing.assert_array_equal(generator.generate(temperature), first)


def test_a_fresh_take_forgets_the_sample_before():
    generator = engine_generator()
    first = take(generator, dur_s=0.02, rng_seed=3)
    generator.prime(np.full(10, 0.9, np.float32))
    np.testing.assert_array_equal(take(generator, dur_s=0.02, rng_seed=3), first)


def test_score_and_training_read_the_same_levels(model, tmp_path):
    sound = seed(4096)
    soundfile.write(tmp_path / "tone.wav", sound, CONFIG.sample_rate, subtype="FLOAT")
    by_tensorflow = tensorflow_score.score_files(model, [tmp_path / "tone.wav"])
    by_engine = engine_score.score_files(engine_generator(), [tmp_path / "tone.wav"])
    assert by_engine.bits_per_sample == pytest.approx(by_tensorflow.bits_per_sample, abs=1e-4)
    plain = golden_config(NAME)
    emphasized = np.diff(sound, prepend=0) + np.float32(0.15) * np.concatenate([[0], sound[:-1]])
    checksums = [
        Corpus([audio.astype(np.float32)], config, CONFIG.seq_len).checksum
        for audio, config in ((sound, CONFIG), (emphasized, plain))
    ]
    assert checksums[0] == checksums[1]
