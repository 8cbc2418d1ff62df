"""mu-law has 256 levels in PRiSM, independent of the config: loading and its notices."""

import dataclasses
import json

import numpy as np
import pytest
from golden import copy_checkpoint, golden_arrays, golden_model

from sopilib import engine
from sopilib.commands.arguments import chosen_config
from sopilib.engine.export import export_model
from sopilib.engine.load import load_generator
from sopilib.errors import CheckpointError
from sopilib.model.checkpoint import load_model, save_checkpoint
from sopilib.model.folder import find_model
from sopilib.model.network import SampleRNN


@pytest.fixture
def files(tmp_path):
    """Return PRiSM's mu-law checkpoint with 512 levels in its config, which PRiSM ignores."""
    folder = copy_checkpoint("gru_mulaw", tmp_path / "model")
    (path,) = folder.glob("*.config.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "q_levels": 512}))
    return find_model(folder)


def test_a_checkpoint_of_prism_loads_with_its_256_levels_and_a_warning(files, caplog):
    model, golden = load_model(files), golden_arrays("gru_mulaw")
    assert model.config.q_levels == 256
    logits, _ = model(golden["samples"], model.zero_state(2))
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-4)
    assert '"q_levels" is 512, but mu-law has 256 in PRiSM' in caplog.text


def test_other_levels_that_the_weights_have_not_are_refused_for_linear(files):
    linear = dataclasses.replace(files.config, q_type="linear")
    with pytest.raises(CheckpointError, match="does not fit"):
        load_model(dataclasses.replace(files, config=linear))


@pytest.mark.skipif(not engine.is_built(), reason="needs the engine")
def test_the_engine_plays_it_also_from_the_cache_and_exported(files, tmp_path):
    ones = np.ones((1, 200), np.float32)
    (config_path,) = (copy_checkpoint("gru_mulaw", tmp_path / "right")).glob("*.config.json")
    expected = load_generator(find_model(config_path.parent), 1, "float32").generate(ones)
    for _ in range(2):  # packed, then from the cache
        generator = load_generator(files, 1, "float32")
        assert generator.config.q_levels == 256
        np.testing.assert_array_equal(generator.generate(ones), expected)
    export_model(files, ["float32"], tmp_path / "exported")
    exported = find_model(tmp_path / "exported")
    assert exported.config.q_levels == 256
    np.testing.assert_array_equal(load_generator(exported, 1).generate(ones), expected)


def test_a_model_of_our_own_with_other_levels_still_loads(tmp_path):
    config = dataclasses.replace(golden_model("gru_mulaw").config, q_levels=100)
    save_checkpoint(SampleRNN(config), str(tmp_path / "model.ckpt-1"))
    (tmp_path / "x.config.json").write_text(json.dumps(config.to_dict()))
    assert load_model(find_model(tmp_path)).config.q_levels == 100


def test_training_with_other_levels_is_told(files, capsys):
    class Flags:
        config_file, preset, sample_rate = files.config_path, None, None
        pre_emphasis = None

    assert chosen_config(Flags)[0].q_levels == 512
    error = capsys.readouterr().err
    assert "mu-law with 512 levels: PRiSM has 256" in error and error.count("\n") == 1
