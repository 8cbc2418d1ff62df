"""Input noise in training."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from training_runs import CONFIG, PLAN, losses, prepared, write_sounds

from sopilib.errors import CheckpointError
from sopilib.model.network import SampleRNN, named_variables
from sopilib.training.network import Network
from sopilib.training.noise import with_noise
from sopilib.training.optimizer import Optimizer
from sopilib.training.step import Trainer


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("data") / "sounds")


def noise_of(part, seed=0, num_seqs=400, q_levels=256):
    samples = tf.fill([num_seqs, 500], q_levels // 2)
    noisy = with_noise(samples, q_levels, part, tf.constant([seed, 0]))
    return noisy.numpy() - q_levels // 2


def test_a_part_of_the_sequences_has_input_noise_of_all_loudnesses():
    deviations = noise_of(0.5).std(axis=1)
    assert 0.4 < np.mean(deviations == 0) < 0.6
    noisy = deviations[deviations > 0]
    assert 0.4 < noisy.min() < 1.0 and 40 < noisy.max() < 70
    assert 3.5 < np.median(noisy) < 9  # half a level to 64 levels, evenly in octaves


def test_noise_stays_within_the_levels_and_follows_its_seed():
    few = noise_of(1.0, q_levels=16)
    assert few.min() >= -8 and few.max() <= 7
    np.testing.assert_array_equal(noise_of(0.5), noise_of(0.5))
    assert (noise_of(0.5) != noise_of(0.5, seed=1)).any()


def test_the_samples_to_predict_stay_clean():
    model = SampleRNN(CONFIG)
    samples = tf.random.stateless_uniform([4, 36], [1, 2], 0, 16, tf.int32)
    state, network = model.zero_state(4), Network(model)
    expected = network.loss(samples, state).nats
    np.testing.assert_array_equal(network.loss(samples, state, noisy_input=samples).nats, expected)
    targets = tf.concat([samples[:, :4], (samples[:, 4:] + 1) % 16], axis=1)
    others = network.loss(targets, state, noisy_input=samples).nats
    assert not np.allclose(others, expected)


def test_noise_changes_the_training_and_not_the_validation():
    samples = tf.random.stateless_uniform([4, 36], [1, 2], 0, 16, tf.int32)
    nats = []
    for part in (None, 1.0):
        model = SampleRNN(dataclasses.replace(CONFIG, rnn_dropout=0.0))
        trainer = Trainer(Network(model), Optimizer(named_variables(model)), input_noise=part)
        state, no = model.zero_state(4), tf.constant(False)
        validated = float(tf.reduce_sum(trainer.validate(samples, state, no)[0]))
        trained = trainer.train(samples, state, no, 0.0, [0, 0])[0].nats
        nats.append((validated / 4 / 32, float(trained)))
    (clean_validated, clean_trained), (noisy_validated, noisy_trained) = nats
    np.testing.assert_allclose(clean_trained, clean_validated, rtol=1e-5)
    assert noisy_validated == clean_validated
    assert abs(noisy_trained - clean_trained) > 1e-4


def test_a_run_with_input_noise_is_resumed_exactly(sounds, tmp_path):
    plan = dataclasses.replace(PLAN, input_noise=0.5, num_epochs=1, lr_schedule="constant")
    whole, whole_folder = prepared(sounds, tmp_path / "whole", plan)
    whole.run()
    for max_steps in (3, None):
        part, part_folder = prepared(
            sounds, tmp_path / "part", dataclasses.replace(plan, max_steps=max_steps)
        )
        part.run()
    assert len(losses(whole_folder)) > 4
    assert losses(part_folder) == losses(whole_folder)


def test_a_run_is_resumed_only_with_the_input_noise_that_it_began_with(sounds, tmp_path):
    prepared(sounds, tmp_path, dataclasses.replace(PLAN, input_noise=0.5))[0].run()
    with pytest.raises(CheckpointError, match="another input_noise, 0.5, not None"):
        prepared(sounds, tmp_path)


def test_a_run_without_noise_or_fade_resumes_with_0_of_each():
    zeros = dataclasses.replace(PLAN, input_noise=0.0, fade_in=0.0)
    assert zeros.fixed() == dataclasses.replace(PLAN, input_noise=None, fade_in=None).fixed()
