"""Quantization against numbers worked out by hand."""

import numpy as np
import pytest

from sopilib.model.quantize import dequantize, quantize


def test_mu_law_levels_of_known_samples():
    # 0.5: ln(1 + 255 / 2) / ln(256) = 0.87570; 1.87570 / 2 * 255 + 0.5 = 239.65
    audio = [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert quantize(audio, "mu-law", 256).tolist() == [0, 16, 128, 239, 255]


def test_mu_law_samples_of_known_levels():
    # 128: companded 1 / 255; (256 ** (1 / 255) - 1) / 255 = 8.6212e-5
    audio = dequantize([0, 128, 255], "mu-law", 256)
    np.testing.assert_allclose(audio, [-1.0, 8.6212e-5, 1.0], rtol=1e-4)


def test_linear_levels_of_known_samples():
    audio = [-1.0, -0.25, 0.0, 0.25, 0.996, 1.0]
    assert quantize(audio, "linear", 256).tolist() == [0, 96, 128, 160, 255, 255]


def test_linear_samples_of_known_levels():
    assert dequantize([0, 64, 128, 192], "linear", 256).tolist() == [-1.0, -0.5, 0.0, 0.5]


@pytest.mark.parametrize("q_type", ["mu-law", "linear"])
@pytest.mark.parametrize("q_levels", [2, 128, 255, 256, 1024])
def test_every_level_survives_going_to_audio_and_back(q_type, q_levels):
    levels = np.arange(q_levels)
    audio = dequantize(levels, q_type, q_levels)
    assert audio.dtype == np.float32
    assert np.abs(audio).max() <= 1.0
    np.testing.assert_array_equal(quantize(audio, q_type, q_levels), levels)


@pytest.mark.parametrize("q_type", ["mu-law", "linear"])
def test_what_is_outside_the_range_is_clipped_and_silence_is_the_middle(q_type):
    levels = quantize(np.float32([[-3.0, 0.0, 3.0]]), q_type, 256)
    assert levels.tolist() == [[0, 128, 255]]
    assert levels.dtype == np.int32
