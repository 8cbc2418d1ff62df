"""The training step against PRiSM's, and against the reference network's gradients."""

import dataclasses

import numpy as np
import pytest
from golden import CHECKPOINTS, NAMES, golden_arrays, golden_model

from sopilib.model.checkpoint import load_model
from sopilib.model.config import ModelConfig
from sopilib.model.folder import find_model
from sopilib.model.network import SampleRNN, named_variables
from sopilib.model.quiet_tensorflow import tf
from sopilib.training import network as network_module
from sopilib.training.network import Network
from sopilib.training.optimizer import Optimizer
from sopilib.training.step import Trainer

TRAIN_STEP = CHECKPOINTS / "train_step"
CONFIG = TRAIN_STEP / "train-step.config.json"


def trained_like_prism(mixed_precision=False):
    """Return the model after the three golden steps, and their losses."""
    golden = np.load(TRAIN_STEP / "golden.npz")
    model = load_model(find_model(TRAIN_STEP / "before", config_path=CONFIG))
    optimizer = Optimizer(named_variables(model))
    trainer = Trainer(Network(model, mixed_precision), optimizer)
    state, losses = model.zero_state(4), []
    for x, y in zip(golden["x"], golden["y"]):
        np.testing.assert_array_equal(x[:, 16:], y)
        metrics, state = trainer.train(tf.constant(x), state, tf.constant(False), 0.001, [0, 0])
        losses.append(float(metrics.nats))
    return model, losses, golden["loss"]


@pytest.mark.parametrize("folds", [False, True])
def test_three_steps_have_prisms_losses_and_leave_prisms_weights(folds, monkeypatch):
    monkeypatch.setattr(network_module, "folding_pays", lambda config, num_samples: folds)
    model, losses, golden_losses = trained_like_prism()
    np.testing.assert_allclose(losses, golden_losses, atol=1e-4)
    after = named_variables(load_model(find_model(TRAIN_STEP / "after", config_path=CONFIG)))
    for path, variable in named_variables(model).items():
        np.testing.assert_allclose(variable, after[path], atol=1e-5, err_msg=path)


def test_bfloat16_products_come_near_the_same_losses():
    _, losses, golden_losses = trained_like_prism(mixed_precision=True)
    np.testing.assert_allclose(losses, golden_losses, atol=1e-2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("folds", [False, True])
def test_the_loss_is_that_of_the_golden_logits(name, folds, monkeypatch):
    monkeypatch.setattr(network_module, "folding_pays", lambda config, num_samples: folds)
    model, golden = golden_model(name), golden_arrays(name)
    state, big_frame_size = model.zero_state(2), model.config.big_frame_size
    for part in ("", "_next"):
        samples = golden["samples" + part]
        loss = Network(model).loss(tf.constant(samples), state)
        state = loss.state
        targets = samples[:, big_frame_size:]
        expected = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, golden["logits" + part])
        np.testing.assert_allclose(loss.nats, tf.reduce_sum(expected, axis=1), rtol=1e-5)
        hits = golden["logits" + part].argmax(axis=2) == targets
        np.testing.assert_array_equal(loss.num_correct, hits.sum(axis=1))


@pytest.mark.parametrize("rnn_type", ["gru", "lstm"])
@pytest.mark.parametrize("skip_conn", [False, True])
@pytest.mark.parametrize("folds", [False, True])
def test_gradients_are_those_of_the_reference_network(rnn_type, skip_conn, folds, monkeypatch):
    monkeypatch.setattr(network_module, "folding_pays", lambda config, num_samples: folds)
    config = ModelConfig(
        frame_sizes=(4, 8),
        dim=6,
        num_rnn_layers=2,
        q_levels=16,
        rnn_type=rnn_type,
        skip_conn=skip_conn,
    )
    model = SampleRNN(config, rng_seed=3)
    for variable in model.trainable_variables:  # no bias zero
        variable.assign_add(tf.random.stateless_uniform(variable.shape, [1, 2], -0.1, 0.1))
    rng = np.random.default_rng(0)
    samples = tf.constant(rng.integers(0, 16, (3, 40)).astype(np.int32))
    state = model.zero_state(3)
    state = type(state)(*(tf.constant(rng.uniform(-1, 1, s.shape), tf.float32) for s in state))
    variables = [*named_variables(model).values(), *state]
    with tf.GradientTape() as tape:
        tape.watch(state)
        logits, state_after = model(samples, state)
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(samples[:, 8:], logits)
        expected = tf.reduce_sum(nats) + sum(tf.reduce_sum(s * s) for s in state_after)
    with tf.GradientTape() as fast_tape:
        fast_tape.watch(state)
        loss = Network(model).loss(samples, state)
        fast = tf.reduce_sum(loss.nats) + sum(tf.reduce_sum(s * s) for s in loss.state)
    np.testing.assert_allclose(fast, expected, rtol=1e-5)
    for wanted, found in zip(
        tape.gradient(expected, variables), fast_tape.gradient(fast, variables)
    ):
        np.testing.assert_allclose(
            tf.convert_to_tensor(found), tf.convert_to_tensor(wanted), atol=2e-4, rtol=1e-3
        )


def test_a_first_segment_begins_with_a_clean_state():
    model = golden_model("gru_mulaw")
    trainer = Trainer(Network(model), Optimizer(named_variables(model)))
    samples = tf.constant(golden_arrays("gru_mulaw")["samples"])
    clean = model.zero_state(2)
    used = type(clean)(*(part + 0.5 for part in clean))
    nats = [
        trainer.validate(samples, state, tf.constant(is_first))[0].numpy()
        for state, is_first in [(clean, False), (used, True), (used, False)]
    ]
    np.testing.assert_array_equal(nats[0], nats[1])
    assert abs(nats[0] - nats[2]).max() > 1e-3


def test_dropout_depends_on_its_seed_and_is_absent_in_validation():
    config = dataclasses.replace(golden_model("lstm_mulaw").config, rnn_dropout=0.5)
    model = SampleRNN(config, rng_seed=1)
    network = Network(model)
    samples = tf.constant(golden_arrays("lstm_mulaw")["samples"])

    def total(seed):
        seed = None if seed is None else tf.constant(seed)
        return float(tf.reduce_sum(network.loss(samples, model.zero_state(2), seed).nats))

    assert total([1, 2]) == total([1, 2])
    assert total([1, 2]) != total([1, 3])
    trainer = Trainer(network, Optimizer(named_variables(model)))
    nats, _, _ = trainer.validate(samples, model.zero_state(2), tf.constant(True))
    assert float(tf.reduce_sum(nats)) == pytest.approx(total(None), rel=1e-6)


@pytest.mark.parametrize("name, momentum", [("adam", 0.9), ("sgd", 0.5), ("rmsprop", 0.9)])
def test_updates_are_those_of_keras(name, momentum):
    keras = tf.keras.optimizers
    reference = {
        "adam": lambda: keras.Adam(0.01, epsilon=1e-4),
        "sgd": lambda: keras.SGD(0.01, momentum=momentum),
        "rmsprop": lambda: keras.RMSprop(0.01, momentum=momentum, epsilon=1e-5),
    }[name]()
    ours, theirs = tf.Variable([1.0, -2.0, 0.5]), tf.Variable([1.0, -2.0, 0.5])
    optimizer = Optimizer({"x": ours}, name, momentum=momentum, clip_norm=1e9)
    for gradient in ([0.3, -0.1, 2.0], [0.1, 0.4, -1.0], [0.0, 0.2, 0.3]):
        optimizer.apply([tf.constant(gradient)], 0.01)
        reference.apply_gradients([(tf.constant(gradient), theirs)])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_gradients_are_clipped_to_their_global_norm():
    variables = {"a": tf.Variable([0.0]), "b": tf.Variable([0.0])}
    optimizer = Optimizer(variables, "sgd", momentum=0.0, clip_norm=1.0)
    norm = optimizer.apply([tf.constant([3.0]), tf.constant([4.0])], 1.0)
    assert float(norm) == 5.0
    np.testing.assert_allclose([float(v[0]) for v in variables.values()], [-0.6, -0.8], rtol=1e-6)
