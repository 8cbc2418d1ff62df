"""Long runs and extreme weights: nothing grows, sticks, or turns into NaN."""

import dataclasses
import time

import numpy as np
import pytest
from engine_models import config_of, engine_generator

from sopilib.engine.engine import EngineGenerator
from sopilib.engine.pack import RECIPES, pack
from sopilib.engine.random_model import random_folded


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def scaled(folded, factor):
    """Return `folded` with the weights of the recurrent layers and of hidden2 times `factor`."""
    tiers = tuple(
        dataclasses.replace(
            tier,
            inputs=tier.inputs * factor,
            layers=tuple(
                dataclasses.replace(layer, recurrent=layer.recurrent * factor)
                for layer in tier.layers
            ),
        )
        for tier in folded.tiers
    )
    return dataclasses.replace(folded, tiers=tiers, hidden2=folded.hidden2 * factor)


def test_half_a_minute_of_sound_needs_no_more_memory_than_a_second():
    generator = engine_generator("gru_mulaw", num_seqs=1, threads=1)
    temperature = np.ones((1, 16000), np.float32)
    generator.generate(temperature)
    before = resident_bytes()
    seconds = [generator.generate(temperature) for _ in range(30)]
    assert resident_bytes() - before < 30 * 16000 * 4 + 4e6  # the sound itself and some
    assert all(len(np.unique(second)) > 100 for second in seconds)
    assert np.isfinite(generator.next_logits()).all()


@pytest.mark.parametrize("factor", [0.0, 1e-30, 1e3, 1e12, 1e30])
@pytest.mark.parametrize("precision", RECIPES)
def test_extreme_weights_give_finite_logits_and_levels(factor, precision):
    for rnn_type in ("gru", "lstm"):
        config = config_of(rnn_type=rnn_type)
        folded = scaled(random_folded(config), np.float32(factor))
        generator = EngineGenerator(config, pack(config, folded, precision), 2, threads=1)
        audio = generator.generate(np.ones((2, 100), np.float32))
        assert np.isfinite(audio).all() and abs(audio).max() <= 1
        assert np.isfinite(generator.next_logits()).all()


@pytest.mark.parametrize("temperature", [1e-38, 1e-6, 1e-3, 1e6, 3e38])
@pytest.mark.parametrize("precision", RECIPES)
def test_extreme_temperatures_give_levels(temperature, precision):
    generator = engine_generator("gru_mulaw", precision=precision)
    audio = generator.generate(np.full((2, 500), temperature, np.float32))
    assert np.isfinite(audio).all() and abs(audio).max() <= 1
    if temperature > 1:  # all levels alike
        assert len(np.unique(audio)) > 200


def test_between_takes_the_threads_sleep():
    generator = engine_generator("gru_mulaw", threads=2)
    generator.generate(np.ones((2, 100), np.float32))
    time.sleep(0.1)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.05
