"""Fixtures for tests in a Pd that has our loader, or one like the original pyext."""

import pytest
from stand_in import build_stand_in

LOADERS = ("our pyext", "like the original")


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    """Return the arguments of a Pd whose pyext behaves like the original one."""
    return build_stand_in(tmp_path_factory.mktemp("stand-in"))


@pytest.fixture(params=LOADERS)
def loader(request):
    """Return the arguments of a Pd for a test that runs under both kinds of pyext."""
    return () if request.param == LOADERS[0] else request.getfixturevalue("stand_in")
