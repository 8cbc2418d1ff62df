"""Fixtures for tests in a Pd that has our loader, or one like the original pyext."""

import pytest
from places import GRU
from stand_in import build_stand_in
from stream_in_pd import StreamInPd, whole_take

LOADERS = ("our pyext", "like the original")


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    """Return the arguments of a Pd whose pyext behaves like the original one."""
    return build_stand_in(tmp_path_factory.mktemp("stand-in"))


@pytest.fixture(params=LOADERS)
def loader(request):
    """Return the arguments of a Pd for a test that runs under both kinds of pyext."""
    return () if request.param == LOADERS[0] else request.getfixturevalue("stand_in")


@pytest.fixture(scope="session")
def take():
    """Return the beginning of the stream of the GRU fixture with random seed 5."""
    return whole_take(GRU, 30)


@pytest.fixture
def pd():
    """Yield a Pd whose class can stream, with the GRU fixture loaded."""
    with StreamInPd() as pd:
        pd.load_model(GRU)
        yield pd


@pytest.fixture
def each_pd(loader):
    """Yield the same as `pd`, once under each kind of pyext."""
    with StreamInPd(loader=loader) as pd:
        pd.load_model(GRU)
        yield pd
