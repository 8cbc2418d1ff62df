"""The fixture checkpoints, written by the PRiSM implementation, with its golden logits."""

import functools
import shutil
from pathlib import Path

import numpy as np

from sopilib.checkpoint import load_model
from sopilib.model_folder import find_model
from sopilib.quantize import dequantize
from sopilib.tensorflow_generator import Generator

CHECKPOINTS = Path(__file__).parent / "checkpoints"
NAMES = ("gru_mulaw", "gru_linear_skip", "lstm_linear_skip", "lstm_mulaw")


def copy_checkpoint(name, folder):
    """Copies a fixture checkpoint, without weights packed by an earlier load; returns `folder`."""
    return shutil.copytree(CHECKPOINTS / name, folder, ignore=shutil.ignore_patterns("*.pack"))


@functools.lru_cache(maxsize=None)
def golden_model(name):
    """The SampleRNN of a fixture checkpoint; tests share it and do not change it."""
    return load_model(find_model(CHECKPOINTS / name))


@functools.lru_cache(maxsize=None)
def golden_generator(name, num_seqs):
    """A Generator of a fixture checkpoint; tests share it and reset it themselves."""
    return Generator(golden_model(name), num_seqs)


@functools.lru_cache(maxsize=None)
def golden_arrays(name):
    """dict: `samples` int32 (2, big + T), `logits` (2, T, q_levels), and `..._next`."""
    with np.load(CHECKPOINTS / name / "golden.npz") as arrays:
        return dict(arrays)


def predicted(name, key="samples"):
    """The golden samples after the first big frame: levels and audio (2, T)."""
    config = golden_model(name).config
    levels = golden_arrays(name)[key][:, config.big_frame_size :]
    return levels, dequantize(levels, config.q_type, config.q_levels)


def constant(temperature, num_samples, num_seqs=2):
    """The same temperature for every sample: float32 (num_seqs, num_samples)."""
    return np.full((num_seqs, num_samples), temperature, np.float32)
