"""Adding a message that changes a stream takes one dataclass and one method."""

import time
from dataclasses import dataclass

import pytest
from class_host import Host
from places import GRU, PROJECT
from worker_in_process import WorkerInProcess

from samplernn_pd.instrument import Instrument
from samplernn_pd.worker_link import WorkerLink
from sopilib.errors import RequestError
from sopilib.protocol import messages
from sopilib.worker import live_stream
from sopilib.worker.steering import handles

TIME_LIMIT_S = 120


@pytest.fixture
def turned(monkeypatch):
    """Add the message `tilt X [N]` and its method; return what the method was called with."""
    turned = []

    @dataclass(frozen=True)
    class Tilt(messages.Message, type_name="tilt", pd="tilt X [N]"):
        """Tilt the spectrum by `slope` dB an octave, within `steps` chunks."""

        slope: float
        steps: int = 1

        def check(self):
            if not -12 <= self.slope <= 12:
                raise RequestError(f"tilt: {self.slope:g} dB (-12 to 12)")

    class TiltedStream(live_stream.LiveStream):
        @handles(Tilt)
        def _tilt(self, request):
            turned.append((request.slope, request.steps))
            self._send(messages.Notice(f"tilted by {request.slope:g}"))

    monkeypatch.setattr(live_stream, "LiveStream", TiltedStream)
    yield turned
    del messages.MESSAGES["tilt"], messages.PD_MESSAGES["tilt"]


class Player:
    """An instrument whose worker runs in this process."""

    def __init__(self):
        self.host = Host()
        self.link = WorkerLink(PROJECT, WorkerInProcess)
        self.instrument = Instrument(self.host, PROJECT, self.link)

    def say(self, selector, *atoms):
        self.instrument.receive(selector, atoms)

    def wait_for(self, status):
        """Poll until `status` has been sent, then clear the statuses."""
        deadline = time.monotonic() + TIME_LIMIT_S
        while not any(told.startswith(status) for told in self.host.told):
            assert time.monotonic() < deadline, f"no {status!r} in {self.host.told}"
            time.sleep(0.01)
            self.instrument.poll()
        self.host.told.clear()


def test_it_travels_from_a_pd_message_to_its_method_without_other_code(monkeypatch, turned):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    player = Player()
    player.say("tilt", -3)
    player.wait_for("error tilt: no stream is running (start one first)")
    player.say("load", str(GRU))
    player.wait_for("loaded gru_mulaw")
    player.say("stream", "ring", 400)
    player.wait_for("stream on")
    player.say("tilt", -3)
    player.wait_for("notice tilted by -3")
    player.say("tilt", 4.5, 8)
    player.wait_for("notice tilted by 4.5")
    assert turned == [(-3.0, 1), (4.5, 8)]
    for atoms, quoted in (
        ([13], "13 dB (-12 to 12)"),
        ([], "got nothing (tilt X [N])"),
        ([1, 2, 3], "got 1 2 3 (tilt X [N])"),
        (["far"], "'far' is not a number"),
        ([1, 1.5], "1.5 (a whole number)"),
    ):
        player.say("tilt", *atoms)
        player.wait_for(f"error tilt: {quoted}")
    player.say("stream")
    player.wait_for("stream off")
    assert len(turned) == 2


def test_the_worker_checks_it_too(monkeypatch, turned):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    player = Player()
    player.say("load", str(GRU))
    player.wait_for("loaded gru_mulaw")
    player.say("stream", "ring", 400)
    player.wait_for("stream on")
    player.link.send(messages.MESSAGES["tilt"](99.0))
    player.wait_for("error tilt: 99 dB (-12 to 12)")
    player.say("stream")
    player.wait_for("stream off")
    player.link.send(messages.MESSAGES["tilt"](1.0))  # there is nothing left to steer
    player.say("save_state", 1)
    player.wait_for("state saved 1")
    assert turned == []
