"""Noise shaping: what its random numbers are like, and that cuts and states do not matter."""

import dataclasses
import warnings

import numpy as np
import pytest

from sopilib.errors import ConfigError
from sopilib.model.config import ModelConfig
from sopilib.model.generator_state import VoiceRandom
from sopilib.model.noise_shaping import FIRST, shaped

FACTORS = (-1.0, -0.3, -0.02, 0.02, 0.3, 1.0)


def drawn(factor, num_samples=200_000, num_seqs=1):
    return VoiceRandom(num_seqs, 5, factor).uniform(num_samples)


@pytest.mark.parametrize("factor", FACTORS)
def test_shaped_numbers_are_uniform(factor):
    numbers = np.sort(drawn(factor)[0])
    assert numbers.dtype == np.float32
    assert numbers[0] >= 0 and numbers[-1] < 1
    # neighbours that depend on each other make it a little wider than of independent numbers
    distance = np.abs(numbers - (np.arange(len(numbers)) + 0.5) / len(numbers)).max()
    assert distance < 3 / np.sqrt(len(numbers))


@pytest.mark.parametrize("factor", FACTORS)
def test_neighbours_resemble_each_other_or_differ_and_no_others_do(factor):
    numbers = drawn(factor)[0].astype(np.float64) - 0.5
    correlation = [np.corrcoef(numbers[:-lag], numbers[lag:])[0, 1] for lag in (1, 2, 3)]
    assert correlation[0] == pytest.approx(factor / (1 + factor**2), abs=0.03)
    assert np.abs(correlation[1:]).max() < 0.01


@pytest.mark.parametrize("factor", [0.3, -0.3])
def test_the_noise_is_low_in_the_treble_or_in_the_bass(factor):
    power = np.abs(np.fft.rfft(drawn(factor)[0] - 0.5)[1:]) ** 2
    bass, treble = power[: len(power) // 8].mean(), power[-len(power) // 8 :].mean()
    assert (treble < bass / 2) if factor > 0 else (bass < treble / 2)


def test_without_shaping_the_numbers_are_those_of_numpy():
    expected = np.random.default_rng([5, 0]).random(1000, dtype=np.float32)
    np.testing.assert_array_equal(drawn(0.0, 1000)[0], expected)
    assert "before" not in VoiceRandom(1, 5).save().bit_states[0]


def test_the_ends_of_the_range_stay_within_it():
    ends = np.array([[0, 0, 1 - 2**-24, 1 - 2**-24, 0]], np.float32)
    for factor in FACTORS:
        numbers = shaped(ends, np.array([FIRST]), factor)
        assert numbers.min() >= 0 and numbers.max() < 1


@pytest.mark.parametrize("factor", [5e-324, -1e-310, 1e-17])
def test_next_to_no_shaping_changes_nothing_and_warns_of_nothing(factor):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numbers = drawn(factor, 1000)
    np.testing.assert_allclose(numbers, drawn(0.0, 1000), atol=1e-7)


def test_chunks_voices_and_states_make_no_difference():
    random = VoiceRandom(3, 5, 0.3)
    expected = random.uniform(60)
    random.reseed(5)
    parts = [random.uniform(n) for n in (1, 0, 20)]
    state = random.save()
    other = VoiceRandom(3, 9, 0.3)
    other.uniform(7)
    other.restore(state)
    np.testing.assert_array_equal(np.concatenate([*parts, other.uniform(39)], axis=1), expected)
    alone = VoiceRandom(1, 5, 0.3).uniform(60)
    np.testing.assert_array_equal(alone[0], expected[0])
    other.reseed_voice(2, 5)
    np.testing.assert_array_equal(other.uniform(60)[2], expected[0])


def test_a_state_from_before_there_was_shaping_can_be_restored():
    old = VoiceRandom(2, 5).save()
    random = VoiceRandom(2, 9, 0.3)
    random.uniform(3)
    random.restore(old)
    np.testing.assert_array_equal(random.uniform(50), VoiceRandom(2, 5, 0.3).uniform(50))


@pytest.mark.parametrize("before", [1.5, -0.1, float("nan"), "x", None])
def test_a_state_that_cannot_be_one_is_refused(before):
    state = VoiceRandom(1, 5, 0.3).save()
    bad = state._replace(bit_states=({**state.bit_states[0], "before": before},))
    with pytest.raises((ValueError, TypeError)):
        VoiceRandom(1, 5, 0.3).restore(bad)


@pytest.mark.parametrize(
    "key, value",
    [
        ("noise_shaping", 1.01),
        ("noise_shaping", float("nan")),
        ("noise_shaping", "blue"),
        ("noise_shaping", True),
        ("gain_db", 41),
        ("gain_db", float("inf")),
        ("temperature", 0),
        ("temperature", 11.0),
        ("temperature", float("nan")),
    ],
)
def test_a_config_says_which_value_is_out_of_range(key, value):
    with pytest.raises(ConfigError, match=key):
        ModelConfig(**{key: value})


def test_keys_that_prism_lacks_are_written_only_where_they_change_something():
    plain = ModelConfig()
    assert not {"temperature", "noise_shaping", "gain_db"} & plain.to_dict().keys()
    played = dataclasses.replace(plain, temperature=1.05, noise_shaping=-0.1, gain_db=-3)
    assert ModelConfig.from_dict(played.to_dict()) == played
