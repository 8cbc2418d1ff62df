"""Packing the bundled models at installation, so that no first load needs TensorFlow."""

import shutil

from places import GRU

from sopilib.commands.pack_models import pack_models
from sopilib.engine import load
from sopilib.engine.load import load_generator
from sopilib.engine.pack import RECIPES
from sopilib.model.folder import find_model


def test_a_packed_model_loads_in_any_precision_without_its_checkpoint(
    tmp_path, monkeypatch, capsys
):
    shutil.copytree(GRU, tmp_path / "bells", ignore=shutil.ignore_patterns("*.pack"))
    (tmp_path / "notes").mkdir()  # no model
    pack_models(tmp_path)
    assert capsys.readouterr().out == "Packing the weights of bells\n"

    def fail(*arguments):
        raise AssertionError("the checkpoint is read again")

    monkeypatch.setattr(load, "_packed_checkpoint", fail)
    pack_models(tmp_path)
    for precision in RECIPES:
        generator = load_generator(find_model(tmp_path / "bells"), 1, precision, threads=1)
        assert generator.num_seqs == 1
