"""The fixture checkpoints, written by the PRiSM implementation, with its golden logits.

    PYTHONPATH=. python tests/support/golden.py FOLDER

writes their variables into FOLDER. Where GOLDEN_VARIABLES in the environment names such
a folder, the tests of the engine read them from there and need no TensorFlow.
"""

import functools
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from places import CHECKPOINTS

from sopilib.model.folder import find_model
from sopilib.model.quantize import dequantize

NAMES = ("gru_mulaw", "gru_linear_skip", "lstm_linear_skip", "lstm_mulaw")


def copy_checkpoint(name, folder):
    """Copies a fixture checkpoint, without weights packed by an earlier load; returns `folder`."""
    return shutil.copytree(CHECKPOINTS / name, folder, ignore=shutil.ignore_patterns("*.pack"))


def needs_tensorflow():
    """Skips the test that calls it where TensorFlow is not installed."""
    if importlib.util.find_spec("tensorflow") is None:  # importing it here would not be quiet
        pytest.skip("needs TensorFlow")


@functools.cache
def golden_config(name):
    """The ModelConfig of a fixture checkpoint."""
    return find_model(CHECKPOINTS / name).config


@functools.cache
def golden_model(name):
    """The SampleRNN of a fixture checkpoint; tests share it and do not change it."""
    needs_tensorflow()
    from sopilib.model.checkpoint import load_model

    return load_model(find_model(CHECKPOINTS / name))


@functools.cache
def golden_variables(name):
    """dict: the variables of a fixture checkpoint by path, as arrays; not to be changed."""
    folder = os.environ.get("GOLDEN_VARIABLES")
    if folder:
        with np.load(Path(folder) / f"{name}.npz") as arrays:
            return dict(arrays)
    model = golden_model(name)
    from sopilib.model.network import named_variables

    return {path: variable.numpy() for path, variable in named_variables(model).items()}


@functools.cache
def golden_generator(name, num_seqs):
    """A Generator of a fixture checkpoint; tests share it and reset it themselves."""
    model = golden_model(name)
    from sopilib.generation.tensorflow_generator import Generator

    return Generator(model, num_seqs)


@functools.cache
def golden_arrays(name):
    """dict: `samples` int32 (2, big + T), `logits` (2, T, q_levels), and `..._next`."""
    with np.load(CHECKPOINTS / name / "golden.npz") as arrays:
        return dict(arrays)


def predicted(name, key="samples"):
    """The golden samples after the first big frame: levels and audio (2, T)."""
    config = golden_config(name)
    levels = golden_arrays(name)[key][:, config.big_frame_size :]
    return levels, audio_of(levels, config)


def audio_of(levels, config):
    """Audio of levels that is quantized to these levels again, float32 of the same shape."""
    return amid(dequantize(levels, config.q_type, config.q_levels), config)


def amid(audio, config):
    """Generated audio amid its levels: linear ones are truncated, so half a step is added."""
    return audio + np.float32(1 / config.q_levels) if config.q_type == "linear" else audio


def constant(temperature, num_samples, num_seqs=2):
    """The same temperature for every sample: float32 (num_seqs, num_samples)."""
    return np.full((num_seqs, num_samples), temperature, np.float32)


if __name__ == "__main__":
    for golden_name in NAMES:
        np.savez(Path(sys.argv[1]) / f"{golden_name}.npz", **golden_variables(golden_name))
