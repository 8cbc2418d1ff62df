"""A worker that stands still: stopped from outside, or stuck in its own work."""

import math
import os
import queue
import signal
import time
from types import SimpleNamespace

import pytest
from places import GRU
from player import Player
from processes import wait_until_ended

from samplernn_pd import silence
from samplernn_pd.silence import Silence
from sopilib.protocol import messages
from sopilib.worker import pulse
from sopilib.worker.pulse import LOAD, STEP, WAITING, Pulse, WatchedInbox

FASTER = 4  # how much faster the clock of the class runs here than that of the worker
ERROR = "error the worker does not answer (unload, then load)"


class Clock:
    """A clock that the test sets."""

    def __init__(self, monkeypatch, module):
        self.now = 100.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))

    def pass_(self, seconds, look, every=0.5):
        """Let time pass; return what `look` returns meanwhile, without None."""
        seen = []
        for _ in range(round(seconds / every)):
            self.now += every
            seen.append(look())
        return [event for event in seen if event is not None]


def test_silence_is_told_once_after_what_the_worker_promised_and_so_is_its_end(monkeypatch):
    clock, watched = Clock(monkeypatch, silence), Silence()
    watched.hear(messages.Alive(10.0))
    assert clock.pass_(10, watched.look) == []
    (told,) = clock.pass_(50, watched.look)
    assert told.is_silent
    watched.hear(messages.Notice("here"))
    (told,) = clock.pass_(5, watched.look)
    assert not told.is_silent
    watched.hear(messages.Alive(300.0))
    assert clock.pass_(299, watched.look) == []


def test_no_silence_is_told_of_a_worker_that_never_promised_anything(monkeypatch):
    clock, watched = Clock(monkeypatch, silence), Silence()
    watched.hear(messages.Hello(2, "0.1.0"))
    assert clock.pass_(1000, watched.look) == []


def test_the_time_in_which_pd_itself_stood_still_is_no_silence_of_the_worker(monkeypatch):
    clock, watched = Clock(monkeypatch, silence), Silence()
    watched.hear(messages.Alive(10.0))
    assert clock.pass_(30000, watched.look, every=3600) == []


def test_a_pulse_beats_only_while_the_main_thread_keeps_its_promise(monkeypatch):
    clock, sent = Clock(monkeypatch, pulse), []
    beating = Pulse(sent.append)
    beating.announce(LOAD)
    assert sent == [messages.Alive(LOAD.silent_s)]  # before the load may keep Python's lock
    beating.announce(STEP)
    assert sent.pop() == messages.Alive(STEP.silent_s)
    clock.now += STEP.lasts_s
    beating.beat()
    assert len(sent) == 2
    clock.now += 1
    beating.beat()
    assert len(sent) == 2
    beating.announce(WAITING)
    clock.now += 1e6
    beating.beat()
    assert len(sent) == 3 and WAITING.lasts_s == math.inf


def test_an_inbox_announces_what_its_reader_does(monkeypatch):
    announced = []
    inbox = WatchedInbox(SimpleNamespace(announce=announced.append))
    inbox.put(messages.Load("m"))
    inbox.get()
    with pytest.raises(queue.Empty):
        inbox.get_nowait()
    assert announced == [WAITING, LOAD, STEP]


def test_a_stopped_worker_is_told_refused_forgiven_and_replaced(monkeypatch):
    monkeypatch.setattr(silence, "time", SimpleNamespace(monotonic=_fast))
    player = Player()
    try:
        player.say(f"load {GRU}")
        player.wait_for("loaded")
        player.say("length 600")
        player.say("generate a")
        player.wait_for("progress")
        stopped = player.pid
        os.kill(stopped, signal.SIGSTOP)
        player.wait_for(ERROR)
        assert not player.instrument.busy  # a detached handler would otherwise wait for ever
        player.say("save take")
        player.wait_for("error save: the worker does not answer (unload, then load)")
        os.kill(stopped, signal.SIGCONT)
        player.wait_for("notice the worker answers again")
        player.wait_for("progress")
        os.kill(stopped, signal.SIGSTOP)
        player.wait_for(ERROR)
        player.say(f"load {GRU}")
        player.wait_for("stopped a")
        player.wait_for("worker off")
        player.wait_for("worker on")
        player.wait_for("loaded")
        wait_until_ended(stopped)
        player.say("length 0.01")
        player.say("generate a")
        player.wait_for("generated a 16000 160")
    finally:
        player.instrument.close()


def _fast():
    return FASTER * time.monotonic()
