"""The events that stop or save a training between steps: signals, deadline, interval."""

import os
import signal

import pytest

from sopilib.training import stops
from sopilib.training.position import Position
from sopilib.training.stops import Stops


@pytest.fixture
def clock(monkeypatch):
    """Return the seconds of a clock that only the test moves, in a list of one."""
    now = [1000.0]
    monkeypatch.setattr(stops.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def handlers():
    """Install handlers that record signals outside a training; restore the old ones at the end."""
    arrived = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, lambda number, _: arrived.append(number)) for n in numbers}
    yield arrived
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_requests_an_end_and_a_second_one_goes_to_the_handler_before(number, handlers):
    watch = Stops()
    with watch.watched():
        assert watch.signalled() is None
        os.kill(os.getpid(), number)
        assert watch.signalled() == watch.due() == "interrupted"
        assert watch.is_interrupted and handlers == []
        os.kill(os.getpid(), number)
        assert handlers == [number]
    os.kill(os.getpid(), number)
    assert handlers == [number, number]


def test_signals_have_their_old_handlers_after_an_error(handlers):
    watch = Stops()
    with pytest.raises(ValueError), watch.watched():
        raise ValueError
    os.kill(os.getpid(), signal.SIGTERM)
    assert handlers == [signal.SIGTERM] and not watch.is_interrupted


def test_the_minutes_count_from_the_start_of_the_run(clock):
    watch = Stops(max_minutes=2.0)
    clock[0] += 600  # the data is read
    with watch.watched():
        watch.restart_save_interval()
        clock[0] += 120
        assert watch.due() is None
        clock[0] += 0.5
        assert watch.due() == "minutes"
        assert watch.signalled() is None


def test_the_state_is_due_five_minutes_after_it_was_saved(clock):
    watch = Stops()
    with watch.watched():
        clock[0] += 300
        assert watch.due() is None
        clock[0] += 1
        assert watch.due() == "save"
        watch.restart_save_interval()
        assert watch.due() is None


def test_a_deadline_counts_more_than_a_state_to_save(clock):
    watch = Stops(max_minutes=1.0)
    with watch.watched():
        clock[0] += 3600
        assert watch.due() == "minutes"


def test_a_position_knows_its_best_epoch_and_how_many_worse_ones_followed():
    position = Position()
    for bits in (3.0, 2.5, 2.5, 2.75):
        position.count_step(nats=1.5, accuracy=0.25)
        position.count_step(nats=2.5, accuracy=0.75)
        assert (position.step_in_epoch, position.nats, position.accuracy) == (2, 4.0, 1.0)
        position.count_epoch("val_loss", bits)
    assert position == Position(
        step=8, epoch=4, best=2.5, best_epoch=2, num_worse=2, monitor="val_loss"
    )


def test_the_best_epoch_is_sought_anew_where_another_value_is_monitored():
    position = Position(epoch=1, best=2.5, best_epoch=1)  # a state from before the choice
    position.count_epoch("val_loss", 2.75)
    assert (position.best_epoch, position.num_worse) == (1, 1)
    position.count_epoch("loss", 3.0)
    assert (position.best, position.best_epoch, position.num_worse) == (3.0, 3, 0)
