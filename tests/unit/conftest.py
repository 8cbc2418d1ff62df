"""Small models that several modules play."""

import pytest
from exported_model import write_exported
from golden import copy_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Return the folder of a trained checkpoint, `bells`."""
    return copy_checkpoint("gru_mulaw", tmp_path_factory.mktemp("models") / "bells")


@pytest.fixture(scope="module")
def bells(tmp_path_factory):
    """Return the folder of an exported model of random weights."""
    return write_exported(tmp_path_factory.mktemp("models") / "bells")
