"""A performer at an instrument outside Pd: messages in, statuses out, the ring played."""

import time

from class_host import Host
from places import PROJECT

from samplernn_pd.instrument import Instrument
from samplernn_pd.worker_link import WorkerLink, start_worker

TIME_LIMIT_S = 60
POLL_S = 0.005


class Player:
    """An instrument with its own worker, a process unless `start` makes another.

    Args:
        start: as of `samplernn_pd.worker_link.WorkerLink`.
    """

    def __init__(self, start=start_worker):
        self.host = Host()
        self.link = WorkerLink(PROJECT, start)
        self.instrument = Instrument(self.host, PROJECT, self.link)
        self._position = 0

    @property
    def pid(self):
        return self.link._client.pid

    def say(self, text):
        words = text.split()
        self.instrument.receive(words[0], words[1:])

    def wait_for(self, status):
        """Play and poll until a status begins so, then clear the statuses before it."""
        deadline = time.monotonic() + TIME_LIMIT_S
        while not any(told.startswith(status) for told in self.host.told):
            assert time.monotonic() < deadline, f"no {status!r} in {self.host.told}"
            time.sleep(POLL_S)
            self._position += round(POLL_S * self.host.sample_rate)
            position = self._position % self.host.arrays.length("ring")
            self.instrument.receive("poll", [position])
        while not self.host.told.pop(0).startswith(status):
            pass
