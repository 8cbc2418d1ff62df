"""Checkpoints: reading, writing, damage, and configs that do not fit."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
from golden import CHECKPOINTS, NAMES, copy_checkpoint, golden_arrays, golden_model
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from sopilib.errors import CheckpointError
from sopilib.model.checkpoint import load_model, save_checkpoint
from sopilib.model.checkpoint_index import read_entries
from sopilib.model.folder import find_model
from sopilib.model.network import named_variables
from sopilib.model.quiet_tensorflow import tf

# lists and dicts of its Keras layers that hold no variable
KERAS_BOOKKEEPING = ("_kwargs", "_layer_names", "state_spec", "state_size")


@pytest.fixture
def folder(tmp_path):
    """Return a copy of gru_mulaw to damage."""
    return copy_checkpoint("gru_mulaw", tmp_path / "gru_mulaw")


def data_of(folder):
    return next(folder.glob("*.data-*"))


def index_of(folder):
    return next(folder.glob("*.index"))


def object_graph(prefix):
    """Return the path and key of every node of a checkpoint's object graph."""
    graph = TrackableObjectGraph()
    graph.ParseFromString(
        tf.train.load_checkpoint(prefix).get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH")
    )
    found = set()

    def visit(node_id, path):
        node = graph.nodes[node_id]
        found.add((path, *(attribute.checkpoint_key for attribute in node.attributes)))
        for child in node.children:
            if child.node_id != node_id and child.local_name not in KERAS_BOOKKEEPING:
                visit(child.node_id, f"{path}/{child.local_name}")

    visit(0, "")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_index_says_the_same_without_tensorflow(name, tmp_path):
    saved = str(tmp_path / "model.ckpt-7")
    save_checkpoint(golden_model(name), saved)
    for prefix in (find_model(CHECKPOINTS / name).prefix, saved):
        reader = tf.train.load_checkpoint(prefix)
        expected = {key: tuple(s) for key, s in reader.get_variable_to_shape_map().items()}
        entries = read_entries(prefix)
        assert {key: entry.shape for key, entry in entries.items()} == expected
        for key, dtype in reader.get_variable_to_dtype_map().items():
            assert entries[key].dtype == dtype.as_datatype_enum


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_has_the_variables_and_the_object_graph_of_prism(name, tmp_path):
    original = find_model(CHECKPOINTS / name).prefix
    saved = str(tmp_path / "model.ckpt-7")
    save_checkpoint(golden_model(name), saved)
    shapes = [tf.train.load_checkpoint(p).get_variable_to_shape_map() for p in (original, saved)]
    assert shapes[0] == shapes[1]
    assert object_graph(original) == object_graph(saved)


def test_a_saved_model_loads_again_with_the_same_logits(tmp_path):
    folder = tmp_path / "again"
    folder.mkdir()
    shutil.copy(CHECKPOINTS / "lstm_mulaw" / "lstm-mulaw.config.json", folder)
    save_checkpoint(golden_model("lstm_mulaw"), str(folder / "model.ckpt-7"))
    files = find_model(folder)
    assert files.prefix == str(folder / "model.ckpt-7")
    model, golden = load_model(files), golden_arrays("lstm_mulaw")
    logits, _ = model(golden["samples"], model.zero_state(2))
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-4)


def test_saving_into_a_missing_folder_is_told():
    with pytest.raises(CheckpointError, match="cannot write"):
        save_checkpoint(golden_model("gru_mulaw"), "/proc/no/model.ckpt-1")


def test_what_else_a_training_saves_and_a_prefix_of_all_names_are_no_matter(tmp_path):
    variables = named_variables(golden_model("gru_mulaw"))
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    saved = {f"model/{path}{end}": variable.numpy() for path, variable in variables.items()}
    saved["optimizer/iter" + end] = np.int64(3)
    saved["model/frame_rnn/upsample/.OPTIMIZER_SLOT/optimizer/m" + end] = np.zeros(3)
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "model.ckpt-1"),
        tensor_names=list(saved),
        shape_and_slices=[""] * len(saved),
        tensors=list(saved.values()),
    )
    shutil.copy(CHECKPOINTS / "gru_mulaw" / "gru-mulaw.config.json", tmp_path)
    loaded = named_variables(load_model(find_model(tmp_path)))
    for path, variable in variables.items():
        np.testing.assert_array_equal(loaded[path], variable)


@pytest.mark.parametrize("num_missing", [1, 5000, 300_000, 473_204])
def test_truncated_data_is_told(folder, num_missing):
    data = data_of(folder)
    os.truncate(data, data.stat().st_size - num_missing)
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(find_model(folder))


@pytest.mark.parametrize("place", [0, 100_000, 468_000])
def test_a_changed_byte_in_the_data_is_told(folder, place):
    content = bytearray(data_of(folder).read_bytes())
    content[place] ^= 1
    data_of(folder).write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged.*[Cc]hecksum"):
        load_model(find_model(folder))


@pytest.mark.parametrize("keep", [0, 1, 500, 1800])
def test_a_truncated_index_is_told(folder, keep):
    os.truncate(index_of(folder), keep)
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(find_model(folder))


def test_noise_over_the_index_is_told(folder):
    size, rng = index_of(folder).stat().st_size, np.random.default_rng(0)
    index_of(folder).write_bytes(rng.bytes(size))
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(find_model(folder))


@pytest.mark.parametrize(
    "change, told",
    [
        ({"dim": 32}, "inputs/kernel is (16, 24), expected (16, 32)"),
        ({"frame_sizes": (4, 32)}, "inputs/kernel is (16, 24), expected (32, 24)"),
        ({"rnn_type": "lstm"}, "layer_0/cell/kernel is (24, 72), expected (24, 96)"),
        (
            {"q_levels": 128, "q_type": "linear"},
            "embeddings is (256, 256), expected (128, 128)",
        ),
        ({"num_rnn_layers": 3}, "layer_2/cell/kernel is missing, expected (24, 72)"),
        ({"num_rnn_layers": 1}, "is (24, 72), expected nothing"),
        ({"skip_conn": True}, "layer_0/cell/kernel is (24, 72), expected (48, 72)"),
        ({"q_levels": 65536, "dim": 16384}, "expected (16, 16384)"),
    ],
)
def test_a_config_that_does_not_fit_is_told_with_both_shapes(change, told):
    files = find_model(CHECKPOINTS / "gru_mulaw")
    config = dataclasses.replace(files.config, **change)
    with pytest.raises(CheckpointError) as raised:
        load_model(dataclasses.replace(files, config=config))
    message = str(raised.value)
    assert told in message
    assert "gru-mulaw.config.json" in message and "\n" not in message


def test_a_checkpoint_of_something_else_is_told(folder):
    other = tf.Module()
    other.weights = tf.Variable([1.0])
    tf.train.Checkpoint(root=other).write(str(folder / "model.ckpt-1"))
    with pytest.raises(CheckpointError, match="holds no SampleRNN"):
        load_model(find_model(folder))


def test_weights_that_are_not_finite_are_told(folder):
    model = load_model(find_model(folder))
    model.sample_mlp.outputs.bias.assign(np.full(256, np.nan))
    save_checkpoint(model, str(folder / "model.ckpt-1"))
    with pytest.raises(CheckpointError, match="outputs/bias holds NaN"):
        load_model(find_model(folder))
