"""Report the playback position of a stream to the worker, which stays the latency ahead."""

from collections.abc import Callable

from sopilib.errors import RequestError
from sopilib.protocol import messages

_POLLS_WITHOUT_POSITION = 50
_REPORTS_PER_LATENCY = 8
_LEAST_STEP = 128  # where less would do, every position is told


class PlayPosition:
    """A reporter that tells the worker how much of a stream has been played.

    Args:
        take: number of the stream.
        send: called with each request for the worker.
    """

    def __init__(self, take: int, send: Callable[[messages.Message], None]) -> None:
        self._take, self._send = take, send
        self._num_told = 0
        self._num_polls = 0

    def check(self, is_played: bool) -> None:
        """Count a poll; raise RequestError if many have come and none with a position."""
        self._num_polls += 1
        if self._num_polls == _POLLS_WITHOUT_POSITION and not is_played:
            raise RequestError("stream: poll has no position (send poll POSITION)")

    def tell(self, num_played: int, latency: int) -> None:
        """Tell the worker, several times within the latency.

        Args:
            num_played: samples of the stream.
            latency: in samples.
        """
        least = latency // _REPORTS_PER_LATENCY
        if num_played - self._num_told >= (least if least >= _LEAST_STEP else 1):
            self.tell_now(num_played)

    def tell_now(self, num_played: int) -> None:
        """Tell the worker a new position at once, as that of a message that follows."""
        if num_played > self._num_told:
            self._num_told = num_played
            self._send(messages.Played(self._take, num_played))
