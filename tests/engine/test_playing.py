"""How a model is played, by its config: temperature, noise shaping and gain, in each engine."""

import dataclasses

import numpy as np
import pytest
from engine_models import packed_model
from golden import golden_config, golden_model

from sopilib.engine.engine import EngineGenerator
from sopilib.generation.tensorflow_generator import Generator
from sopilib.model.generator_state import VoiceRandom
from sopilib.model.network import SampleRNN, named_variables
from sopilib.model.sample_codec import SampleCodec

NAME = "gru_mulaw"
PLAIN = golden_config(NAME)


def engine_generator(num_seqs=1, rng_seed=3, **playing):
    config = dataclasses.replace(PLAIN, **playing)
    generator = EngineGenerator(config, packed_model(NAME, "float32"), num_seqs)
    generator.reset(rng_seed)
    return generator


def temperatures(num_samples, value=1.0, num_seqs=1):
    return np.full((num_seqs, num_samples), value, np.float32)


@pytest.fixture(scope="module")
def tensorflow_generator():
    """Return a function that makes the TensorFlow generator of a config's changes."""
    weights = named_variables(golden_model(NAME))

    def made(num_seqs, **playing):
        model = SampleRNN(dataclasses.replace(PLAIN, **playing), rng_seed=0)
        for path, variable in named_variables(model).items():
            variable.assign(weights[path])
        generator = Generator(model, num_seqs)
        generator.reset(3)
        return generator

    return made


@pytest.mark.parametrize(
    "playing",
    [
        {"temperature": 0.5},
        {"noise_shaping": -0.4, "temperature": 0.5},
        {"gain_db": -6.0, "temperature": 0.5},
        {"pre_emphasis": 0.85, "gain_db": 3.0, "noise_shaping": 0.1, "temperature": 0.5},
    ],
)
def test_both_engines_play_alike(playing, tensorflow_generator):
    expected = tensorflow_generator(2, **playing).generate(temperatures(300, 1.0, 2))
    sound = engine_generator(2, **playing).generate(temperatures(300, 1.0, 2))
    np.testing.assert_allclose(sound, expected, atol=1e-5)
    assert np.ptp(sound) > 0.01


def test_the_temperature_of_the_config_is_temperature_1():
    played = engine_generator(temperature=0.5).generate(temperatures(400, 1.2))
    np.testing.assert_array_equal(played, engine_generator().generate(temperatures(400, 0.6)))


def test_temperature_0_is_the_most_likely_level_whatever_the_config_says():
    played = engine_generator(temperature=2.0, noise_shaping=0.5).generate(temperatures(200, 0.0))
    np.testing.assert_array_equal(played, engine_generator().generate(temperatures(200, 0.0)))


def test_the_gain_is_that_of_the_sound_and_not_of_what_follows_from_it():
    plain, softer = engine_generator(), engine_generator(gain_db=-6.0)
    seed = (0.5 * np.sin(np.arange(300) / 5)).astype(np.float32)
    for generator in (plain, softer):
        generator.prime(seed)
    expected = plain.generate(temperatures(400)) * np.float32(10 ** (-6 / 20))
    np.testing.assert_array_equal(softer.generate(temperatures(400)), expected)


def test_a_loud_gain_ends_at_full_scale():
    sound = engine_generator(gain_db=40).generate(temperatures(400))
    assert sound.min() == -1 and sound.max() == 1


def test_noise_shaping_changes_the_random_numbers_alone():
    shaped = engine_generator(noise_shaping=-0.4)
    plain = engine_generator()
    plain._random = VoiceRandom(1, 3, -0.4)
    np.testing.assert_array_equal(
        shaped.generate(temperatures(300)), plain.generate(temperatures(300))
    )


def test_a_saved_state_plays_on_in_another_generator():
    playing = {"temperature": 0.8, "noise_shaping": -0.4, "gain_db": -3.0, "pre_emphasis": 0.85}
    generator = engine_generator(2, **playing)
    generator.generate(temperatures(123, 1.0, 2))
    state = generator.save_state()
    expected = generator.generate(temperatures(200, 1.0, 2))
    other = engine_generator(2, rng_seed=9, **playing)
    other.restore_state(state)
    np.testing.assert_array_equal(other.generate(temperatures(200, 1.0, 2)), expected)


def test_levels_of_a_take_sound_with_the_gain():
    scored = engine_generator(gain_db=-6.0).generate_scored(temperatures(300))
    config = dataclasses.replace(PLAIN, gain_db=-6.0)
    np.testing.assert_array_equal(SampleCodec(config).played(scored.levels), scored.audio)
