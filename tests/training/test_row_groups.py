"""Row groups: what several cores compute side by side is what one computes alone."""

import numpy as np
import pytest

from sopilib.model.config import ModelConfig
from sopilib.model.network import RNNState, SampleRNN, named_variables
from sopilib.model.quiet_tensorflow import tf
from sopilib.training import network as network_module
from sopilib.training import row_groups
from sopilib.training.network import Network
from sopilib.training.optimizer import Optimizer
from sopilib.training.step import Trainer


@pytest.mark.parametrize(
    "num_rows, num_cores, sizes",
    [
        (1, 2, [1]),
        (3, 2, [3]),
        (9, 2, [9]),
        (15, 2, [15]),
        (16, 2, [8, 8]),
        (17, 2, [8, 9]),
        (64, 1, [64]),
        (64, 3, [21, 21, 22]),
        (64, 48, [16, 16, 16, 16]),
    ],
)
def test_groups_are_equal_and_as_many_as_cores(num_rows, num_cores, sizes, monkeypatch):
    monkeypatch.setattr(row_groups, "num_processors", lambda: num_cores)
    rows = list(range(num_rows))
    groups = [rows[group] for group in row_groups.row_groups(num_rows)]
    assert [len(group) for group in groups] == sizes
    assert sum(groups, []) == rows


def a_network(num_seqs, num_rnn_layers, **settings):
    """Return a Network, and samples (num_seqs, 40) and a state for it."""
    config = ModelConfig(
        frame_sizes=(4, 8), dim=6, num_rnn_layers=num_rnn_layers, q_levels=16, **settings
    )
    network = Network(SampleRNN(config, rng_seed=3))
    rng = np.random.default_rng(0)
    samples = tf.constant(rng.integers(0, 16, (num_seqs, 40)).astype(np.int32))
    state = network.model.zero_state(num_seqs)
    return network, samples, RNNState(*(rng.uniform(-1, 1, s.shape) for s in state))


def loss_and_gradients(network, samples, state):
    state = RNNState(*(tf.constant(part, tf.float32) for part in state))
    with tf.GradientTape() as tape:
        loss = network.loss(samples, state, tf.constant([1, 2]))
        nats = tf.reduce_sum(loss.nats)
    gradients = tape.gradient(nats, network.model.trainable_variables)
    return [*loss[:2], *loss.state, *map(tf.convert_to_tensor, gradients)]


def on_groups(groups, monkeypatch):
    monkeypatch.setattr(network_module, "row_groups", lambda num_rows: groups)


@pytest.mark.parametrize("rnn_type", ["gru", "lstm"])
def test_two_groups_have_the_loss_state_and_gradients_of_one(rnn_type, monkeypatch):
    network, *inputs = a_network(3, 2, rnn_type=rnn_type, rnn_dropout=0.4)
    found = []
    for groups in ([slice(0, 3)], [slice(0, 1), slice(1, 3)]):
        on_groups(groups, monkeypatch)
        found.append(loss_and_gradients(network, *inputs))
    for one, two in zip(*found):
        np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)


def trained(groups, monkeypatch):
    """Return losses, weights, averages and moments after three segments of 17 sequences."""
    on_groups(groups, monkeypatch)
    network, samples, _ = a_network(17, 1)
    optimizer = Optimizer(named_variables(network.model), "sgd", clip_norm=0.1, ema_momentum=0.9)
    trainer, state, found = Trainer(network, optimizer), network.model.zero_state(17), []
    for begin in (0, 8, 16):
        segment, is_first = samples[:, begin : begin + 24], tf.constant(begin == 0)
        metrics, state = trainer.train(segment, state, is_first, 0.5, [0, 0])
        found += metrics
    return [*found, *state, *optimizer.variables, *optimizer.slots.values()]


def test_two_groups_train_as_one(monkeypatch):
    """State carried from segment to segment, gradients clipped in all, and the average."""
    one = trained([slice(0, 17)], monkeypatch)
    two = trained([slice(0, 8), slice(8, 17)], monkeypatch)
    for of_one, of_two in zip(one, two):
        np.testing.assert_allclose(of_two, of_one, rtol=1e-4, atol=1e-6)


def test_no_two_groups_share_an_executable():
    x = tf.random.stateless_normal([2, 3, 4, 16], [1, 2])
    targets = tf.zeros([3, 8], tf.int32)
    names = {
        part.sample_tier._cross_entropy.get_concrete_function(x, targets).name
        for part in network_module.COMPILED
    }
    assert len(names) == row_groups.MOST_GROUPS
