"""ModelConfig: PRiSM's defaults, and one clear line for every bad value."""

import json

import pytest

from sopilib.errors import ConfigError
from sopilib.model.config import ModelConfig, load_config, read_json_object


def write(tmp_path, values):
    path = tmp_path / "x.config.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def test_an_empty_config_has_the_defaults_of_prism(tmp_path):
    config = load_config(write(tmp_path, {}))
    assert config.to_dict() == {
        "frame_sizes": [16, 64],
        "dim": 1024,
        "rnn_type": "gru",
        "num_rnn_layers": 4,
        "q_type": "mu-law",
        "q_levels": 256,
        "emb_size": 256,
        "skip_conn": False,
        "rnn_dropout": 0.0,
        "seq_len": 1024,
        "sample_rate": 16000,
    }


def test_values_come_from_the_file_and_unknown_keys_are_ignored(tmp_path):
    config = load_config(
        write(tmp_path, {"frame_sizes": [2, 8], "rnn_type": "lstm", "note": "mine"})
    )
    assert config.frame_sizes == (2, 8)
    assert config.big_frame_size == 8
    assert config.rnn_type == "lstm"


def test_to_dict_and_back_gives_the_same_config():
    config = ModelConfig(frame_sizes=(4, 32), dim=7, skip_conn=True, rnn_dropout=0.5)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    "key, value, quoted, allowed",
    [
        ("frame_sizes", [64, 16], "[64, 16]", "ascending"),
        ("frame_sizes", [16, 40], "[16, 40]", "multiple"),
        ("frame_sizes", [2, 4, 8], "[2, 4, 8]", "two"),
        ("frame_sizes", [2, "8"], '[2, "8"]', "integers"),
        ("frame_sizes", 16, "16", "[16, 64]"),
        ("dim", 0, "0", "1 to 16384"),
        ("dim", 24.5, "24.5", "integer"),
        ("dim", True, "true", "integer"),
        ("rnn_type", "rnn", '"rnn"', "'gru' or 'lstm'"),
        ("num_rnn_layers", "4", '"4"', "1 to 64"),
        ("q_type", "mulaw", '"mulaw"', "'mu-law' or 'linear'"),
        ("q_levels", 1, "1", "2 to 65536"),
        ("skip_conn", 1, "1", "true or false"),
        ("rnn_dropout", 1.0, "1.0", "below 1"),
        ("rnn_dropout", "0.1", '"0.1"', "number"),
        ("sample_rate", 0, "0", "1000 to 384000"),
    ],
)
def test_a_bad_value_is_quoted_with_the_allowed_ones(tmp_path, key, value, quoted, allowed):
    path = write(tmp_path, {key: value})
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    message = str(raised.value)
    assert f'"{key}" is {quoted} (' in message
    assert allowed in message
    assert str(path) in message and "\n" not in message


def test_null_is_the_default_and_states_no_sample_rate(tmp_path):
    path = write(tmp_path, {"dim": 8, "skip_conn": None, "rnn_dropout": None, "sample_rate": None})
    assert load_config(path) == ModelConfig(dim=8)
    assert read_json_object(path) == {"dim": 8}


def test_comments_are_skipped_and_slashes_in_strings_are_not(tmp_path):
    path = tmp_path / "x.config.json"
    path.write_text(
        '// of a course\n{ // here\n  "dim": 8, // not 1024\n  "from": "https://x/ // \\" //y",\n'
        '  "q_type": "linear"//\n}\n'
    )
    assert load_config(path) == ModelConfig(dim=8, q_type="linear")
    assert read_json_object(path)["from"] == 'https://x/ // " //y'


def test_an_error_after_comments_tells_its_line(tmp_path):
    path = tmp_path / "x.config.json"
    path.write_text('{\n// one\n"dim": 8,\n// two\n"q_type" "linear"}')
    with pytest.raises(ConfigError, match="line 5"):
        load_config(path)


@pytest.mark.parametrize("text", ["{", "", "[1, 2]", "3"])
def test_a_file_that_is_no_json_object_is_told_by_its_name(tmp_path, text):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match="x.config.json"):
        load_config(path)


def test_a_missing_file_is_told_by_its_name(tmp_path):
    with pytest.raises(ConfigError, match="nothing.config.json"):
        load_config(tmp_path / "nothing.config.json")
