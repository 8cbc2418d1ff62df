"""Whether seeds steer takes: on tones, and on takes of an engine with random weights."""

import numpy as np
import pytest

from sopilib import engine
from sopilib.evaluation.seed_steering import (
    SeedSteering,
    compare,
    held_out_seeds,
    measure_seed_steering,
    recorded_steering,
    takes_after,
)
from sopilib.model.config import ModelConfig

RATE = 4000
NUM_SEEDS = 12


def tones(hertz, dur_s, noise_seed):
    """Return a tone with an overtone for each of `hertz`, and noise: (num_tones, num_samples)."""
    times = 2 * np.pi * np.arange(round(dur_s * RATE)) / RATE
    phases = np.asarray(hertz)[:, np.newaxis] * times
    noise = np.random.default_rng(noise_seed).normal(0, 0.01, phases.shape)
    return 0.4 * np.sin(phases) + 0.2 * np.sin(2 * phases) + noise


PITCHES = np.linspace(100, 650, NUM_SEEDS)
SEEDS = tones(PITCHES, 3.0, 0)


def test_takes_that_hold_the_pitch_of_their_seed_are_steered():
    steering = compare(SEEDS, tones(PITCHES, 1.5, 1), RATE)
    assert steering.own > 0.3
    assert -0.2 < steering.others < 0.05
    assert steering.best_is_own == 1.0 and steering.num_seeds == NUM_SEEDS
    assert str(steering).endswith("best match its own for 100 % of 12 seeds")


def test_takes_that_follow_another_seed_are_not():
    steering = compare(SEEDS, tones(np.roll(PITCHES, 3), 1.5, 1), RATE)
    assert steering.own < 0.1 and steering.best_is_own == 0.0


def test_takes_that_are_all_alike_follow_no_seed():
    steering = compare(SEEDS, tones(np.full(NUM_SEEDS, 300), 1.5, 1), RATE)
    assert abs(steering.own) < 0.1 and abs(steering.others) < 0.1
    assert steering.best_is_own < 0.5


def test_silent_takes_have_no_correlation():
    steering = compare(SEEDS, np.zeros((NUM_SEEDS, RATE)), RATE)
    assert steering.own == steering.others == 0.0


def test_only_the_end_of_a_seed_and_the_beginning_of_a_take_count():
    other = tones(PITCHES[::-1], 3.0, 2)
    seeds = np.concatenate([other, SEEDS], axis=1)
    takes = np.concatenate([tones(PITCHES, 1.0, 1), other], axis=1)
    assert compare(seeds, takes, RATE) == compare(SEEDS, takes[:, : 2 * RATE], RATE)


def test_seeds_come_from_all_over_the_held_out_sound_and_do_not_end_in_silence():
    sound = np.arange(60 * RATE, dtype=np.float32) / (60 * RATE) + 1
    sound[20 * RATE : 40 * RATE] = 0
    seeds = held_out_seeds([sound], RATE)
    assert seeds.shape == (24, 3 * RATE)
    assert (seeds[:, 0] != 0).any() and seeds[-1, -1] == sound[-1]
    assert (np.abs(seeds[:, -RATE:]).max(axis=1) > 0).all()
    begins = np.sort(seeds[:, -1])
    assert len(np.unique(begins)) == 24


def test_too_little_held_out_sound_gives_no_seeds():
    assert held_out_seeds([np.ones(8 * RATE, np.float32)], RATE) is None
    assert held_out_seeds([np.ones(9 * RATE, np.float32)], RATE).shape == (24, 3 * RATE)
    # no seed spans two stretches
    assert held_out_seeds([np.ones(2 * RATE, np.float32)] * 20, RATE) is None
    assert held_out_seeds([], RATE) is None


@pytest.fixture(scope="module")
def make_generator():
    """Return a function that makes generators of one model with random weights."""
    if not engine.is_built():
        pytest.skip("the engine is not built")
    from sopilib.engine.engine import EngineGenerator
    from sopilib.engine.pack import pack
    from sopilib.engine.random_model import random_folded

    config = ModelConfig(frame_sizes=(2, 8), dim=16, num_rnn_layers=1, sample_rate=1000)
    packed = pack(config, random_folded(config), "float32")
    return lambda num_seqs: EngineGenerator(config, packed, num_seqs, threads=1)


def test_a_take_is_the_one_that_a_single_voice_makes_after_its_seed(make_generator):
    seeds = np.random.default_rng(3).uniform(-0.5, 0.5, (5, 3000)).astype(np.float32)
    takes = takes_after(make_generator(2), seeds, rng_seed=7)
    assert takes.shape == (5, 1500)
    alone = make_generator(1)
    for seed, take in zip(seeds, takes):
        alone.reset(7)
        alone.prime(seed)
        assert np.array_equal(take, alone.generate(np.full((1, 1500), 0.9, np.float32))[0])


def test_equal_seeds_have_equal_takes(make_generator):
    seeds = np.tile(np.sin(np.arange(3000, dtype=np.float32)), (3, 1))
    takes = takes_after(make_generator(3), seeds)
    assert np.array_equal(takes[0], takes[1]) and np.array_equal(takes[0], takes[2])


def test_a_generator_is_measured_whole(make_generator):
    sound = np.random.default_rng(4).uniform(-0.5, 0.5, 8000).astype(np.float32)
    steering = measure_seed_steering(make_generator(4), [sound], num_seeds=4)
    assert isinstance(steering, SeedSteering) and steering.num_seeds == 4
    assert -1 <= steering.own <= 1
    assert steering.recorded == recorded_steering([sound], 1000, 4)
    assert "(what follows in the recordings: " in str(steering)
    assert measure_seed_steering(make_generator(4), [sound[:2000]], num_seeds=4) is None


def held_tones(tone_s, num_tones=24):
    """Return a sound of tones of random pitches, each as long."""
    pitches = np.random.default_rng(5).choice(np.arange(100, 1400, 40), num_tones)
    hertz = np.repeat(pitches, round(tone_s * RATE))
    return np.sin(2 * np.pi * np.cumsum(hertz) / RATE).astype(np.float32)


def test_recordings_of_long_tones_follow_their_seeds_and_those_of_short_ones_do_not():
    long, short = (recorded_steering([held_tones(s, round(80 / s))], RATE) for s in (8.0, 0.25))
    assert long.own > 0.5 and long.best_is_own >= 0.2
    assert short.own < 0.1


def test_recordings_that_end_with_the_seeds_say_nothing():
    assert recorded_steering([np.ones(3 * RATE, np.float32)] * 30, RATE) is None
