"""Quantization against hand-computed numbers, and against PRiSM's at the levels' edges."""

from pathlib import Path

import numpy as np
import pytest

from sopilib.model.quantize import dequantize, quantize

GOLDEN = Path(__file__).parents[1] / "quantization" / "golden.npz"


def golden_cases():
    """Return the names of the golden file's cases, as 'linear_256'."""
    with np.load(GOLDEN) as arrays:
        return [name.removesuffix("_levels") for name in arrays if name.endswith("_levels")]


@pytest.mark.parametrize("case", golden_cases())
def test_levels_and_samples_at_the_edges_are_prisms(case):
    q_type, q_levels = case.rsplit("_", 1)
    with np.load(GOLDEN) as arrays:
        samples, levels, audio = (
            arrays[f"{case}_{k}"] for k in ("samples", "levels", "dequantized")
        )
    assert len(np.unique(levels)) >= min(int(q_levels), 200)  # enough borders are checked
    np.testing.assert_array_equal(quantize(samples, q_type, int(q_levels)), levels)
    np.testing.assert_array_equal(dequantize(np.arange(len(audio)), q_type, int(q_levels)), audio)


def linear_by_the_formula(samples, q_levels):
    """PRiSM's linear levels, each step in float32."""
    one, two = np.float32(1), np.float32(2)
    scaled = (samples + one) / two * np.float32(q_levels - 1e-5) + np.float32(5e-6)
    return np.minimum(np.floor(scaled), q_levels - 1)


@pytest.mark.parametrize("q_levels", [2, 128, 256, 1000, 65536])
def test_random_samples_have_the_linear_levels_of_the_formula(q_levels):
    rng = np.random.default_rng(q_levels)
    samples = np.concatenate([rng.uniform(-1, 1, 100_000), rng.uniform(-1, 1, 1000) ** 9])
    samples = samples.astype(np.float32)
    expected = linear_by_the_formula(samples, q_levels)
    np.testing.assert_array_equal(quantize(samples, "linear", q_levels), expected)


def test_mu_law_levels_of_known_samples():
    # 0.5: ln(1 + 255 / 2) / ln(256) = 0.87570; 1.87570 / 2 * 255 + 0.5 = 239.65
    audio = [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert quantize(audio, "mu-law", 256).tolist() == [0, 16, 128, 239, 255]


def test_mu_law_samples_of_known_levels():
    # 128: companded 1 / 255; (256 ** (1 / 255) - 1) / 255 = 8.6212e-5
    audio = dequantize([0, 128, 255], "mu-law", 256)
    np.testing.assert_allclose(audio, [-1.0, 8.6212e-5, 1.0], rtol=1e-4)


def test_linear_levels_of_known_samples():
    # 0.25: 0.625 * 255.99998474 + 0.000005 = 159.9999955, in float32 159.99998: truncated, 159
    audio = [-1.0, -0.25, 0.0, 0.25, 0.2501, 0.996, 1.0]
    assert quantize(audio, "linear", 256).tolist() == [0, 96, 128, 159, 160, 255, 255]


def test_linear_samples_of_known_levels():
    assert dequantize([0, 64, 128, 192], "linear", 256).tolist() == [-1.0, -0.5, 0.0, 0.5]


@pytest.mark.parametrize("q_type", ["mu-law", "linear"])
@pytest.mark.parametrize("q_levels", [2, 128, 255, 256, 1024])
def test_every_level_survives_going_to_audio_and_back(q_type, q_levels):
    levels = np.arange(q_levels)
    audio = dequantize(levels, q_type, q_levels)
    assert audio.dtype == np.float32
    assert np.abs(audio).max() <= 1.0
    if q_type == "linear":  # a level is the lower end of its step, so look for it amid the step
        audio = audio + np.float32(1 / q_levels)
    np.testing.assert_array_equal(quantize(audio, q_type, q_levels), levels)


@pytest.mark.parametrize("q_type", ["mu-law", "linear"])
def test_what_is_outside_the_range_is_clipped_and_silence_is_the_middle(q_type):
    levels = quantize(np.float32([[-3.0, 0.0, 3.0]]), q_type, 256)
    assert levels.tolist() == [[0, 128, 255]]
    assert levels.dtype == np.int32


@pytest.mark.parametrize("q_levels", [2, 16, 255, 256, 512, 65536])
def test_silence_is_the_middle_however_many_levels_there_are(q_levels):
    assert quantize(np.zeros(1), "linear", q_levels).tolist() == [q_levels // 2]
