"""Report a stream to Pd: that it is on or off, its speed and lead, and underruns."""

import time
from collections.abc import Callable

REPORT_EVERY_S = 0.2

Say = Callable[..., None]  # called with selector and atoms of a status message


class StreamReport:
    """A reporter of a stream.

    Args:
        say: for status messages.
        sample_rate: of the stream, in Hz.

    Attributes:
        speed: times real time, as last reported by the worker.
    """

    def __init__(self, say: Say, sample_rate: int) -> None:
        self.speed = 0.0
        self._say, self._sample_rate = say, sample_rate
        self._is_on = False
        self._underruns = 0
        self._least_ahead: int | None = None  # samples, since the last report
        self._reported_at = 0.0

    def begin(self, latency_s: float) -> None:
        """Report that the stream is on, and its latency in seconds."""
        self._is_on = True
        self._say("stream", "on")
        self.latency(latency_s)

    def latency(self, seconds: float) -> None:
        """Report how long after its message a change sounds from now on, once it is on."""
        if self._is_on:
            self._say("latency", round(1e3 * seconds, 1))

    def end(self) -> None:
        """Report that the stream is off."""
        self._say("stream", "off")

    def underrun(self) -> None:
        """Report that the sound has run out."""
        self._underruns += 1
        self._say("underrun", self._underruns)

    def show(self, num_ahead: int) -> None:
        """Report the lowest lead, the speed and the underruns a few times a second.

        Args:
            num_ahead: samples that are written and not yet played.
        """
        if not self._is_on:
            return
        if self._least_ahead is None or num_ahead < self._least_ahead:
            self._least_ahead = num_ahead
        if time.monotonic() - self._reported_at < REPORT_EVERY_S:
            return
        self._reported_at = time.monotonic()
        ahead_ms = round(1e3 * self._least_ahead / self._sample_rate, 1)
        self._say("streaming", ahead_ms, self.speed, self._underruns)
        self._least_ahead = None
