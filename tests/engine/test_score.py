"""Bits per sample against the golden logits' own likelihood."""

import json

import numpy as np
import pytest
import soundfile
from golden import CHECKPOINTS, NAMES, audio_of, golden_arrays, golden_model

from sopilib.commands.main import main
from sopilib.errors import AudioError
from sopilib.evaluation.tensorflow_score import score_files
from sopilib.model.quiet_tensorflow import tf


def write(path, levels, config):
    soundfile.write(path, audio_of(levels, config), config.sample_rate, subtype="FLOAT")
    return path


def bits_of(logits, levels):
    """Return bits (n,) of each level under its logits (n, q_levels), in float64."""
    logits = logits.astype(np.float64)
    chosen = logits[np.arange(len(levels)), levels]
    return (np.log(np.exp(logits).sum(axis=1)) - chosen) / np.log(2.0)


def golden_sequence(name, voice):
    """Return both segments of a voice after the first big frame: levels (2T,) and their bits."""
    golden, big = golden_arrays(name), golden_model(name).config.big_frame_size
    levels = np.concatenate([golden[key][voice, big:] for key in ("samples", "samples_next")])
    logits = np.concatenate([golden[key][voice] for key in ("logits", "logits_next")])
    return levels, bits_of(logits, levels)


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_the_golden_logits_likelihood_over_all_files(name, tmp_path):
    model, paths, bits = golden_model(name), [], []
    for voice in range(2):
        levels, voice_bits = golden_sequence(name, voice)
        paths.append(write(tmp_path / f"{voice}.wav", levels, model.config))
        bits.append(voice_bits)
    score = score_files(model, paths)
    assert score.num_samples == sum(map(len, bits))
    assert score.bits_per_sample == pytest.approx(np.concatenate(bits).mean(), abs=1e-3)


@pytest.mark.parametrize("num_samples", [1, 15, 16, 77])
def test_a_tail_that_fills_no_frame_counts_exactly(num_samples, tmp_path):
    model = golden_model("gru_linear_skip")
    levels, bits = golden_sequence("gru_linear_skip", 0)
    score = score_files(model, [write(tmp_path / "x.wav", levels[:num_samples], model.config)])
    assert score.num_samples == num_samples
    assert score.bits_per_sample == pytest.approx(bits[:num_samples].mean(), abs=1e-3)


def test_each_sample_counts_alike_however_long_its_file(tmp_path):
    model = golden_model("gru_mulaw")
    levels, bits = golden_sequence("gru_mulaw", 0)
    paths = [
        write(tmp_path / "long.wav", levels, model.config),
        write(tmp_path / "short.wav", levels[:5], model.config),
    ]
    expected = (bits.sum() + bits[:5].sum()) / (len(bits) + 5)
    assert score_files(model, paths).bits_per_sample == pytest.approx(expected, abs=1e-3)


def test_a_file_longer_than_a_segment_scores_as_one_teacher_forced_pass(tmp_path):
    model = golden_model("lstm_linear_skip")
    levels = np.random.default_rng(0).integers(0, 128, 10_000).astype(np.int32)
    score = score_files(model, [write(tmp_path / "x.wav", levels, model.config)])
    stream = np.concatenate([np.full(16, 64, np.int32), levels])
    logits, _ = model(stream[np.newaxis], model.zero_state(1))
    expected = bits_of(logits.numpy()[0], levels).mean()
    assert score.bits_per_sample == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["gru_linear_skip", "lstm_linear_skip"])
def test_four_seconds_score_as_prisms_linear_formula_and_the_networks_logits_say(
    name, tmp_path, capsys
):
    model, rng = golden_model(name), np.random.default_rng(4)
    config, times = model.config, np.arange(4 * 16000) / 16000
    sound = 0.5 * np.sin(2 * np.pi * 220 * times) + rng.normal(0, 0.1, len(times))
    sound = np.clip(sound, -1, 1).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", sound, 16000, subtype="FLOAT")
    flags = ["--ckpt_dir", str(CHECKPOINTS / name), "--json", str(tmp_path / "x.wav")]
    assert main(["score", *flags]) == 0
    score = json.loads(capsys.readouterr().out)
    # add one, halve, times the levels less 1e-5, plus 5e-6, truncated; each step in float32
    scaled = (sound + np.float32(1)) / np.float32(2) * np.float32(config.q_levels - 1e-5)
    levels = (scaled + np.float32(5e-6)).astype(np.int32)
    silence = np.full(config.big_frame_size, config.q_levels // 2, np.int32)
    stream = tf.constant(np.concatenate([silence, levels])[np.newaxis])
    logits, _ = tf.function(model.__call__)(stream, model.zero_state(1))
    expected = bits_of(logits.numpy()[0], levels).mean()
    assert score["num_samples"] == 64000
    assert score["bits_per_sample"] == pytest.approx(expected, abs=1e-5)


def test_another_rate_and_more_channels_are_converted_first(tmp_path):
    model = golden_model("gru_mulaw")
    soundfile.write(tmp_path / "stereo.wav", np.zeros((4410, 2)), 44100)
    soundfile.write(tmp_path / "mono.wav", np.zeros(1600), 16000)
    stereo, mono = (score_files(model, [tmp_path / f"{n}.wav"]) for n in ("stereo", "mono"))
    assert stereo.num_samples == 1600
    assert stereo == mono


def test_a_file_that_resampling_leaves_nothing_of_is_told(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(1), 44100)
    with pytest.raises(AudioError, match="less than one sample"):
        score_files(golden_model("gru_mulaw"), [tmp_path / "x.wav"])


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(AudioError, match="none.wav"):
        score_files(golden_model("gru_mulaw"), [tmp_path / "none.wav"])
