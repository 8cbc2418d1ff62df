"""The flags that `samplernn train` and `samplernn tune` share: what each one takes and means."""

import argparse
from typing import Any

from sopilib.commands import quantities
from sopilib.training.plan import VAL_FRAC

# what argparse is told about each flag, by the flag's name without its dashes
_FLAGS: dict[str, dict[str, Any]] = {
    "val_frac": {
        "type": quantities.PART,
        "default": VAL_FRAC,
        "help": f"held-out fraction (default {VAL_FRAC})",
    },
    "cut_below": {
        "type": quantities.DBFS,
        "metavar": "DBFS",
        "help": "leave out softer passages, so that the model does not learn to fall silent",
    },
    "cut_softest": {
        "type": quantities.SOFTEST,
        "default": 0.0,
        "metavar": "PART",
        "help": "leave out the softest passages, at most this fraction, where they are 12 dB "
        "softer than the whole (default 0)",
    },
    "sample_rate": {
        "type": quantities.RATE,
        "metavar": "HZ",
        "help": "(default: the config's, 16000)",
    },
    "batch_size": {
        "type": quantities.COUNT,
        "default": 64,
        "metavar": "N",
        "help": "for each GPU or machine (default 64)",
    },
    "optimizer": {"default": "adam", "help": "adam, muon, sgd or rmsprop (default adam)"},
    "learning_rate": {"type": quantities.FACTOR, "default": 0.001, "help": "(default 0.001)"},
    "lr_schedule": {"default": "constant", "help": "constant or cosine (default constant)"},
    "warmup_steps": {
        "type": quantities.COUNT_OR_NONE,
        "default": 0,
        "metavar": "N",
        "help": "(default 0)",
    },
    "epsilon": {
        "type": quantities.FACTOR,
        "help": "of the optimizer (default: PRiSM's, 1e-4 for adam)",
    },
    "momentum": {
        "type": quantities.MOMENTUM,
        "default": 0.9,
        "help": "of sgd and rmsprop (default 0.9)",
    },
    "clip_norm": {
        "type": quantities.FACTOR,
        "default": 5.0,
        "help": "of the gradients (default 5)",
    },
    "input_noise": {
        "type": quantities.NOISE_PART,
        "metavar": "PART",
        "help": "fraction of the sequences with input noise, so that takes recover from noise",
    },
    "log_every": {
        "type": quantities.COUNT,
        "default": 50,
        "metavar": "N",
        "help": "steps between two lines of a history (default 50)",
    },
    "rng_seed": {
        "type": quantities.RNG_SEED,
        "default": 0,
        "help": "of weights, order, dropout and noise (default 0)",
    },
    "early_stopping_patience": {
        "type": quantities.COUNT,
        "default": 3,
        "metavar": "EPOCHS",
        "help": "(default 3)",
    },
}


def add_flag(parser: argparse._ActionsContainer, name: str, help: str | None = None) -> None:
    """Add a shared flag that takes one value; `help` replaces its text."""
    keywords = _FLAGS[name] if help is None else {**_FLAGS[name], "help": help}
    quantities.adder(parser)(f"--{name}", **keywords)


def add_searched_flag(parser: argparse._ActionsContainer, name: str) -> None:
    """Add a shared flag that takes one value or several to choose from; without it None."""
    keywords = {"type": str, "metavar": "X", **_FLAGS[name], "nargs": "+", "default": None}
    quantities.adder(parser)(f"--{name}", **keywords)
