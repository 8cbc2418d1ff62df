"""A small model of random weights in a folder, which loads at once and without TensorFlow."""

import json

from sopilib.engine.pack import pack
from sopilib.engine.packed_file import write_packed
from sopilib.engine.random_model import random_folded
from sopilib.model.config import ModelConfig


def write_exported(folder, card=None, sample_rate=16000):
    """Write a model named as its folder, with a card if its text is given; return the folder."""
    folder.mkdir(parents=True)
    config = ModelConfig(frame_sizes=(4, 16), dim=24, num_rnn_layers=1, sample_rate=sample_rate)
    packed = pack(config, random_folded(config), "int8")
    write_packed(folder / f"{folder.name}.int8.pack", config, packed)
    (folder / f"{folder.name}.config.json").write_text(json.dumps(config.to_dict()))
    if card is not None:
        (folder / "README.md").write_text(card)
    return folder
