"""Models for the tests of the engine, and an independent network in plain numpy."""

import functools
from types import SimpleNamespace

import numpy as np
from golden import golden_config, golden_variables

from sopilib.engine.engine import EngineGenerator
from sopilib.engine.fold import fold
from sopilib.engine.pack import pack


@functools.cache
def folded_model(name):
    """Return the FoldedModel of a fixture checkpoint."""
    return fold(golden_config(name), golden_variables(name).get)


@functools.cache
def packed_model(name, precision="float32"):
    """Return the PackedModel of a fixture checkpoint."""
    return pack(golden_config(name), folded_model(name), precision)


def engine_generator(name, num_seqs=2, precision="float32", threads=2, isa="", rng_seed=0):
    """Return a fresh EngineGenerator of a fixture checkpoint."""
    packed = packed_model(name, precision)
    generator = EngineGenerator(golden_config(name), packed, num_seqs, threads, isa)
    generator.reset(rng_seed)
    return generator


def config_of(**values):
    """Return the config fields that `pack` and EngineGenerator need, for any number of tiers."""
    defaults = dict(
        frame_sizes=(2, 4),
        dim=12,
        rnn_type="gru",
        num_rnn_layers=2,
        q_type="linear",
        q_levels=20,
        skip_conn=False,
        sample_rate=16000,
        pre_emphasis=0.0,
        temperature=1.0,
        noise_shaping=0.0,
        gain_db=0.0,
    )
    return SimpleNamespace(**{**defaults, **values})


def plain_logits(config, folded, levels):
    """Return logits (n, q_levels) of each of `levels` (n,), one voice, from a FoldedModel.

    Written sample by sample from the equations, with none of the engine's code.
    """
    big = config.frame_sizes[-1]
    stream = np.concatenate([np.full(big, config.q_levels // 2), levels])
    outputs = [np.zeros((config.num_rnn_layers, config.dim)) for _ in folded.tiers]
    memories = [np.zeros((config.num_rnn_layers, config.dim)) for _ in folded.tiers]
    said = [None] * len(folded.tiers)  # each tier's conditioning for the one below
    logits = []
    for t in range(len(levels)):
        for i in reversed(range(len(folded.tiers))):
            tier, size = folded.tiers[i], config.frame_sizes[i]
            if t % size == 0:
                frame = (stream[big + t - size : big + t] / (config.q_levels / 2) - 1) * 2
                x = tier.inputs @ frame
                if tier.conditioning is not None:
                    above = config.frame_sizes[i + 1]
                    x = x + tier.conditioning[t % above // size] @ said[i + 1]
                said[i] = _plain_tier(config, tier, x, outputs[i], memories[i])
        size = config.frame_sizes[0]
        window = stream[big + t - size : big + t]
        x = sum(folded.table[j, q] for j, q in enumerate(window))
        x = x + folded.upsample[t % size] @ said[0] + folded.hidden1_bias
        x = np.maximum(folded.hidden2 @ np.maximum(x, 0) + folded.hidden2_bias, 0)
        logits.append(folded.outputs @ x + folded.outputs_bias)
    return np.array(logits)


def _plain_tier(config, tier, x, outputs, memories):
    for k, layer in enumerate(tier.layers):
        if k:
            x = layer.kernel @ outputs[k - 1]
        x = x + layer.input_bias
        h = layer.recurrent @ outputs[k] + layer.state_bias
        if config.rnn_type == "gru":
            z, r = (_sigmoid(x.reshape(3, -1)[g] + h.reshape(3, -1)[g]) for g in (0, 1))
            candidate = np.tanh(x.reshape(3, -1)[2] + r * h.reshape(3, -1)[2])
            outputs[k] = z * outputs[k] + (1 - z) * candidate
        else:
            i, f, c, o = (x + h).reshape(4, -1)
            memories[k] = _sigmoid(f) * memories[k] + _sigmoid(i) * np.tanh(c)
            outputs[k] = _sigmoid(o) * np.tanh(memories[k])
    if tier.skip is None:
        return outputs[-1].copy()
    return tier.skip @ outputs.ravel() + tier.skip_bias


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))
