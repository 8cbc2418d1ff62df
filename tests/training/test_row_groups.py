"""Row groups: what several cores compute side by side is what one computes alone."""

import numpy as np
import pytest

from sopilib.model.config import ModelConfig
from sopilib.model.network import SampleRNN
from sopilib.model.quiet_tensorflow import tf
from sopilib.training import network as network_module
from sopilib.training import row_groups
from sopilib.training.network import Network


@pytest.mark.parametrize(
    "num_rows, num_cores, sizes",
    [
        (1, 2, [1]),
        (15, 2, [15]),
        (16, 2, [8, 8]),
        (17, 2, [8, 9]),
        (64, 1, [64]),
        (64, 3, [21, 21, 22]),
        (64, 48, [16, 16, 16, 16]),
    ],
)
def test_groups_are_equal_and_as_many_as_cores(num_rows, num_cores, sizes, monkeypatch):
    monkeypatch.setattr(row_groups, "_num_cores", lambda: num_cores)
    rows = list(range(num_rows))
    groups = [rows[group] for group in row_groups.row_groups(num_rows)]
    assert [len(group) for group in groups] == sizes
    assert sum(groups, []) == rows


def loss_and_gradients(network, samples, state):
    with tf.GradientTape() as tape:
        loss = network.loss(samples, state, tf.constant([1, 2]))
        nats = tf.reduce_sum(loss.nats)
    gradients = tape.gradient(nats, network.model.trainable_variables)
    return [*loss[:2], *loss.state, *map(tf.convert_to_tensor, gradients)]


@pytest.mark.parametrize("rnn_type", ["gru", "lstm"])
def test_two_groups_have_the_loss_state_and_gradients_of_one(rnn_type, monkeypatch):
    config = ModelConfig(
        frame_sizes=(4, 8), dim=6, num_rnn_layers=2, q_levels=16, rnn_type=rnn_type, rnn_dropout=0.4
    )
    network = Network(SampleRNN(config, rng_seed=3))
    rng = np.random.default_rng(0)
    samples = tf.constant(rng.integers(0, 16, (3, 24)).astype(np.int32))
    state = network.model.zero_state(3)
    state = type(state)(*(tf.constant(rng.uniform(-1, 1, s.shape), tf.float32) for s in state))
    found = []
    for groups in ([slice(0, 3)], [slice(0, 1), slice(1, 3)]):
        monkeypatch.setattr(network_module, "row_groups", lambda num_rows, groups=groups: groups)
        found.append(loss_and_gradients(network, samples, state))
    for one, two in zip(*found):
        np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)


def test_no_two_groups_share_an_executable():
    first, second = Network(SampleRNN(ModelConfig(dim=4))).compiled[:2]
    x = tf.random.stateless_normal([2, 3, 4, 16], [1, 2])
    targets = tf.zeros([3, 8], tf.int32)
    names = {
        part.sample_tier._cross_entropy.get_concrete_function(x, targets).name
        for part in (first, second)
    }
    assert len(names) == 2
