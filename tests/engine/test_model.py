"""The network against the logits of the PRiSM implementation."""

import numpy as np
import pytest
from golden import NAMES, golden_arrays, golden_model

from sopilib.model.config import ModelConfig
from sopilib.model.fit import expected_shapes
from sopilib.model.network import SampleRNN, named_variables, variable_shapes


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_the_golden_ones_in_both_segments(name):
    model, golden = golden_model(name), golden_arrays(name)
    logits, state = model(golden["samples"], model.zero_state(2))
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-4)
    logits, _ = model(golden["samples_next"], state)
    np.testing.assert_allclose(logits, golden["logits_next"], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_without_the_carried_state_the_next_logits_are_others(name):
    model, golden = golden_model(name), golden_arrays(name)
    logits, _ = model(golden["samples_next"], model.zero_state(2))
    assert np.abs(logits - golden["logits_next"]).max() > 1e-3


def test_a_sequence_does_not_depend_on_its_neighbours():
    model, golden = golden_model("gru_mulaw"), golden_arrays("gru_mulaw")
    logits, _ = model(golden["samples"][1:], model.zero_state(1))
    np.testing.assert_allclose(logits[0], golden["logits"][1], atol=1e-4)


@pytest.mark.parametrize("rnn_type", ["gru", "lstm"])
@pytest.mark.parametrize("skip_conn", [False, True])
def test_the_shapes_expected_of_a_checkpoint_are_those_of_the_network(rnn_type, skip_conn):
    config = ModelConfig(
        frame_sizes=(3, 12),
        dim=7,
        rnn_type=rnn_type,
        num_rnn_layers=3,
        q_levels=11,
        skip_conn=skip_conn,
    )
    assert expected_shapes(config) == variable_shapes(config)


def test_shapes_follow_the_config_whose_emb_size_has_no_effect():
    config = ModelConfig(
        frame_sizes=(2, 8), dim=5, num_rnn_layers=1, q_levels=6, emb_size=99, rnn_type="lstm"
    )
    assert variable_shapes(config) == {
        "big_frame_rnn/inputs/kernel": (8, 5),
        "big_frame_rnn/inputs/bias": (5,),
        "big_frame_rnn/rnn/layer_0/cell/kernel": (5, 20),
        "big_frame_rnn/rnn/layer_0/cell/recurrent_kernel": (5, 20),
        "big_frame_rnn/rnn/layer_0/cell/bias": (20,),
        "big_frame_rnn/upsample": (4, 5, 5),
        "frame_rnn/inputs/kernel": (2, 5),
        "frame_rnn/inputs/bias": (5,),
        "frame_rnn/rnn/layer_0/cell/kernel": (5, 20),
        "frame_rnn/rnn/layer_0/cell/recurrent_kernel": (5, 20),
        "frame_rnn/rnn/layer_0/cell/bias": (20,),
        "frame_rnn/upsample": (2, 5, 5),
        "sample_mlp/embedding/embeddings": (6, 6),
        "sample_mlp/inputs/kernel": (2, 6, 5),
        "sample_mlp/hidden1/kernel": (5, 5),
        "sample_mlp/hidden1/bias": (5,),
        "sample_mlp/hidden2/kernel": (5, 5),
        "sample_mlp/hidden2/bias": (5,),
        "sample_mlp/outputs/kernel": (5, 6),
        "sample_mlp/outputs/bias": (6,),
    }


def test_the_same_random_seed_gives_the_same_weights():
    config = ModelConfig(frame_sizes=(2, 4), dim=3, num_rnn_layers=1, q_levels=4)
    first, again, other = (named_variables(SampleRNN(config, seed)) for seed in (1, 1, 2))
    for path in first:
        np.testing.assert_array_equal(first[path], again[path])
    kernel = "sample_mlp/outputs/kernel"
    assert not np.array_equal(first[kernel], other[kernel])
