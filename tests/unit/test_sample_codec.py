"""Levels and audio of voices, with and without pre-emphasis."""

import numpy as np
import pytest

from sopilib.errors import ConfigError
from sopilib.model.config import ModelConfig
from sopilib.model.quantize import dequantize, quantize
from sopilib.model.sample_codec import SampleCodec

PLAIN = ModelConfig()
EMPHASIZED = ModelConfig(pre_emphasis=0.85)


def sound(num_samples, num_seqs=1, seed=0):
    return np.random.default_rng(seed).uniform(-0.4, 0.4, (num_seqs, num_samples))


def test_without_pre_emphasis_levels_and_audio_are_those_of_the_quantization():
    audio = sound(1000, 2)
    levels = SampleCodec(PLAIN, 2).encode(audio)
    np.testing.assert_array_equal(levels, quantize(audio, "mu-law", 256))
    decoded = SampleCodec(PLAIN, 2).decode(levels)
    np.testing.assert_array_equal(decoded, dequantize(levels, "mu-law", 256))


def test_levels_are_those_of_the_difference_to_the_sample_before():
    audio = sound(1000)
    before = np.concatenate([[0], audio[0, :-1]])
    expected = quantize(audio[0] - 0.85 * before, "mu-law", 256)
    np.testing.assert_array_equal(SampleCodec(EMPHASIZED).encode(audio)[0], expected)


def test_audio_is_the_recursive_sum_of_its_levels():
    levels = np.random.default_rng(1).integers(90, 166, (2, 500))
    decoded = SampleCodec(EMPHASIZED, 2).decode(levels)
    steps = dequantize(levels, "mu-law", 256).astype(np.float64)
    impulse = 0.85 ** np.arange(500)
    expected = [np.convolve(voice, impulse)[:500] for voice in steps]
    np.testing.assert_allclose(decoded, expected, atol=1e-6)
    assert decoded.dtype == np.float32


def test_a_tone_survives_and_its_noise_lies_below_that_of_plain_levels_in_the_treble():
    time = np.arange(16000) / 16000
    tone = 0.3 * np.sin(2 * np.pi * 220 * time)
    noise = {}
    for config in (PLAIN, EMPHASIZED):
        levels = SampleCodec(config).encode(tone)
        error = SampleCodec(config).decode(levels)[0] - tone
        noise[config.pre_emphasis] = np.abs(np.fft.rfft(error))[4000:].std()
    assert noise[0.85] < 0.5 * noise[0.0]


@pytest.mark.parametrize("config", [PLAIN, EMPHASIZED])
def test_where_the_sound_is_cut_makes_no_difference(config):
    audio = sound(700, 3)
    whole, cut = SampleCodec(config, 3), SampleCodec(config, 3)
    pieces = np.split(audio, [1, 1, 64, 65, 400], axis=1)
    levels = whole.encode(audio)
    np.testing.assert_array_equal(levels, np.concatenate([cut.encode(p) for p in pieces], axis=1))
    whole.reset(), cut.reset()
    pieces = np.split(levels, [1, 1, 64, 65, 400], axis=1)
    expected = np.concatenate([cut.decode(p) for p in pieces], axis=1)
    np.testing.assert_array_equal(whole.decode(levels), expected)


def test_after_a_seed_the_sound_goes_on_from_the_seeds_last_sample():
    codec = SampleCodec(EMPHASIZED, 2)
    codec.encode(np.full(100, 0.5))
    silence = np.full((2, 1), 128)
    step = dequantize(128, "mu-law", 256)
    np.testing.assert_allclose(codec.decode(silence), 0.85 * 0.5 + step, atol=1e-6)


def test_a_saved_sample_is_that_of_its_time():
    codec = SampleCodec(EMPHASIZED)
    codec.encode(sound(10))
    saved, levels = codec.save(), np.full((1, 5), 140)
    first = codec.decode(levels)
    codec.restore(saved)
    np.testing.assert_array_equal(codec.decode(levels), first)
    codec.restore(saved)
    np.testing.assert_array_equal(codec.decode(levels), first)


def test_what_exceeds_full_scale_is_clipped_and_does_not_linger():
    codec = SampleCodec(EMPHASIZED)
    loud = codec.decode(np.full((1, 50), 255))
    assert loud.max() == 1.0
    assert codec.decode(np.full((1, 1), 128))[0, 0] < 0.86


def test_the_config_writes_pre_emphasis_only_where_there_is_some():
    assert "pre_emphasis" not in PLAIN.to_dict()
    assert ModelConfig.from_dict(EMPHASIZED.to_dict()) == EMPHASIZED


@pytest.mark.parametrize("value", [1, -0.1, "0.85", True, float("nan")])
def test_a_bad_pre_emphasis_is_refused(value):
    with pytest.raises(ConfigError, match="pre_emphasis"):
        ModelConfig(pre_emphasis=value)
