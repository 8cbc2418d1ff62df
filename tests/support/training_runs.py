"""Tiny trainings for the tests: a corpus, a config, and a run with them."""

import dataclasses
import json

import numpy as np
import soundfile

from sopilib.model.config import ModelConfig
from sopilib.training.plan import Plan
from sopilib.training.setup import Sources, prepare

CONFIG = ModelConfig(
    frame_sizes=(2, 4),
    dim=8,
    num_rnn_layers=1,
    q_levels=16,
    q_type="linear",
    seq_len=32,
    rnn_dropout=0.2,
    sample_rate=1000,
)
PLAN = Plan(
    num_epochs=3,
    batch_size=4,
    warmup_steps=5,
    lr_schedule="cosine",
    learning_rate=0.01,
    log_every=1,
)
# dropout draws other masks for each replica
STEADY = dataclasses.replace(CONFIG, rnn_dropout=0.0)
# --max_steps changes no learning rate of it
EVEN = dataclasses.replace(PLAN, lr_schedule="constant")


def write_sounds(folder, durs_s=(1.1, 0.9), sample_rate=1000):
    """Write noisy sines as 0.wav, 1.wav, ... into a new folder; return it."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k, dur_s in enumerate(durs_s):
        t = np.arange(round(dur_s * sample_rate)) / sample_rate
        sound = 0.4 * np.sin(2 * np.pi * (50 + 20 * k) * t) + rng.normal(0, 0.05, len(t))
        soundfile.write(folder / f"{k}.wav", sound, sample_rate)
    return folder


def prepared(data, logdir, plan=PLAN, config=CONFIG, resume=True, resume_from=None):
    """Return a Training and its RunFolder, every step in its history, without its lock."""
    sources = Sources([data], logdir, "tiny.config.json", resume, resume_from, ["samplernn"])
    with prepare(config, plan, sources, preview=None) as training_and_folder:
        return training_and_folder


def history(run_folder, kind="steps"):
    """Return the lines of a kind in a run's history, as a list of dict."""
    text = (run_folder.path / "history.jsonl").read_text()
    return [line for line in map(json.loads, text.splitlines()) if line["kind"] == kind]


def losses(run_folder):
    """Return a dict from step to bits per sample."""
    return {line["step"]: line["bits_per_sample"] for line in history(run_folder)}
