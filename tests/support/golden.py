"""The fixture checkpoints, written by the PRiSM implementation, and its golden logits.

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
    """Copy a fixture checkpoint, without weights packed by an earlier load; return `folder`."""
    return shutil.copytree(CHECKPOINTS / name, folder, ignore=shutil.ignore_patterns("*.pack"))


def needs_tensorflow():
    """Skip the calling test if TensorFlow is not installed."""
    if importlib.util.find_spec("tensorflow") is None:  # importing it here would print its notes
        pytest.skip("needs TensorFlow")


@functools.cache
def golden_config(name):
    """Return the ModelConfig of a fixture checkpoint."""
    return find_model(CHECKPOINTS / name).config


@functools.cache
def golden_model(name):
    """Return the SampleRNN of a fixture checkpoint; tests share it and do not change it."""
    needs_tensorflow()
    from sopilib.model.checkpoint import load_model

    return load_model(find_model(CHECKPOINTS / name))


@functools.cache
def golden_variables(name):
    """Return a dict from path to array of a fixture checkpoint's variables; do not change it."""
    folder = os.environ.get("GOLDEN_VARIABLES")
    if folder:
        with np.load(Path(folder) / f"{name}.npz") as arrays:
            return dict(arrays)
    model = golden_model(name)
    from sopilib.model.network import named_variables

    return {path: variable.numpy() for path, variable in named_variables(model).items()}


@functools.cache
def golden_generator(name, num_seqs):
    """Return a Generator of a fixture checkpoint; tests share it and reset it themselves."""
    model = golden_model(name)
    from sopilib.generation.tensorflow_generator import Generator

    return Generator(model, num_seqs)


@functools.cache
def golden_arrays(name):
    """Return a dict: `samples` int32 (2, big + T), `logits` (2, T, q_levels), and `..._next`."""
    with np.load(CHECKPOINTS / name / "golden.npz") as arrays:
        return dict(arrays)


def predicted(name, key="samples"):
    """Return the golden samples after the first big frame: levels and audio (2, T)."""
    config = golden_config(name)
    levels = golden_arrays(name)[key][:, config.big_frame_size :]
    return levels, audio_of(levels, config)


def audio_of(levels, config):
    """Return audio that quantizes to these levels, float32 of the same shape."""
    return amid(dequantize(levels, config.q_type, config.q_levels), config)


def amid(audio, config):
    """Return generated audio moved to the middle of its levels: linear levels truncate."""
    return audio + np.float32(1 / config.q_levels) if config.q_type == "linear" else audio


def constant(temperature, num_samples, num_seqs=2):
    """Return the same temperature for every sample: float32 (num_seqs, num_samples)."""
    return np.full((num_seqs, num_samples), temperature, np.float32)


if __name__ == "__main__":
    for golden_name in NAMES:
        np.savez(Path(sys.argv[1]) / f"{golden_name}.npz", **golden_variables(golden_name))
