"""Muon's updates, and the average of the weights, in the optimizer and in a training."""

import numpy as np
import pytest

from sopilib.model.quiet_tensorflow import tf
from sopilib.training import muon
from sopilib.training.optimizer import Optimizer


def variables():
    rng = np.random.default_rng(1)
    shapes = {
        "rnn/cell/kernel": (6, 18),
        "sample_mlp/outputs/kernel": (6, 6),
        "rnn/upsample": (2, 6, 6),
        "rnn/cell/bias": (6,),
    }
    return {path: tf.Variable(rng.normal(size=s).astype(np.float32)) for path, s in shapes.items()}


def gradients(step):
    rng = np.random.default_rng([2, step])
    return [tf.constant(rng.normal(size=v.shape).astype(np.float32)) for v in variables().values()]


def after_steps(num_steps, **settings):
    of_path = variables()
    optimizer = Optimizer(of_path, clip_norm=1e9, **settings)
    history = []
    for step in range(num_steps):
        optimizer.apply(gradients(step), tf.constant(0.1))
        history.append({path: variable.numpy() for path, variable in of_path.items()})
    return optimizer, history


def test_an_orthogonal_matrix_keeps_its_singular_vectors_and_has_values_near_1():
    rng = np.random.default_rng(0)
    for shape in ((8, 24), (24, 8), (8, 8)):
        matrix = rng.normal(size=shape).astype(np.float32)
        found = muon.orthogonal(tf.constant(matrix)).numpy()
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        inner = left.T @ found @ right.T
        is_large = values > 0.1 * values.max()
        assert np.all((np.diag(inner)[is_large] > 0.6) & (np.diag(inner)[is_large] < 1.3))
        np.testing.assert_allclose(inner - np.diag(np.diag(inner)), 0, atol=1e-3)


def test_muon_moves_hidden_matrices_alone_and_the_others_as_adam_does():
    _, by_muon = after_steps(3, name="muon")
    _, by_adam = after_steps(3, name="adam")
    for path in variables():
        same = np.array_equal(by_muon[-1][path], by_adam[-1][path])
        assert same == (path != "rnn/cell/kernel"), path


def test_an_update_of_muon_is_as_large_as_its_learning_rate_says():
    before = variables()["rnn/cell/kernel"].numpy()
    _, history = after_steps(1, name="muon")
    rms = np.sqrt(np.mean((history[0]["rnn/cell/kernel"] - before) ** 2))
    assert 0.1 * 0.2 * 0.6 < rms < 0.1 * 0.2 * 1.3


def test_the_average_is_exponential_and_begins_with_a_shorter_memory():
    optimizer, history = after_steps(40, ema_momentum=0.7)
    for path, start in variables().items():
        expected = start.numpy()
        for step, values in enumerate(history, 1):
            momentum = min(0.7, (1 + step) / (10 + step))
            expected = momentum * expected + (1 - momentum) * values[path]
        np.testing.assert_allclose(optimizer.slots[f"average/{path}"], expected, atol=1e-5)


def test_averaged_weights_stand_in_the_variables_within_the_block_alone():
    optimizer, history = after_steps(5, ema_momentum=0.9)
    with optimizer.averaged_weights():
        for path, variable in zip(variables(), optimizer.variables):
            np.testing.assert_array_equal(variable, optimizer.slots[f"average/{path}"])
    with pytest.raises(KeyError), optimizer.averaged_weights():
        raise KeyError
    for path, variable in zip(variables(), optimizer.variables):
        np.testing.assert_array_equal(variable, history[-1][path])


def test_without_an_average_nothing_is_exchanged():
    optimizer, history = after_steps(2)
    assert not any(name.startswith("average") for name in optimizer.slots)
    with optimizer.averaged_weights():
        for values, variable in zip(history[-1].values(), optimizer.variables):
            np.testing.assert_array_equal(variable, values)
