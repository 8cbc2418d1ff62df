"""A take on its way to Pd, steered by the requests that arrive between its chunks."""

import queue
import time
from collections.abc import Iterator

import numpy as np

from sopilib.generation.take import Take
from sopilib.protocol import messages
from sopilib.worker.channels import Fail, Inbox, Send
from sopilib.worker.steering import Steered


class RunningTake(Steered):
    """Generates one take of a worker.

    Attributes:
        take: what makes the samples.
        chunks: what was made, each float32 (num_seqs, any).
    """

    def __init__(self, number: int, take: Take) -> None:
        self.take = take
        self.chunks: list[np.ndarray] = []
        self.temperature = take.temperature
        self._number = number

    def run(self, inbox: Inbox, send: Send, fail: Fail) -> None:
        """Make the take to its end, or until `stop`.

        Args:
            inbox: requests.
            send: called with each event.
            fail: called with a request that failed and the reason, a line.
        """
        take, number = self.take, self._number
        send(messages.Started(number, take.num_samples, take.sample_rate, take.rng_seed))
        position, began = 0, time.monotonic()
        for chunk in take:
            if chunk.shape[1]:
                self.chunks.append(chunk)
                send(_chunk_message(number, position, chunk, take.sample_rate, began))
                position += chunk.shape[1]
            self._apply_waiting(inbox, fail)
            if self.is_stopped:
                send(messages.Stopped(number, position))
                return
        send(messages.Finished(number, position))

    def _apply_waiting(self, inbox: Inbox, fail: Fail) -> None:
        """Apply the requests that wait, those behind a `stop` excepted."""
        for request in _waiting(inbox):
            self.steer(request, fail)
            if self.is_stopped:
                return


def _waiting(inbox: Inbox) -> Iterator[messages.Message]:
    """Yield the requests in `inbox` until it is empty."""
    while True:
        try:
            yield inbox.get_nowait()
        except queue.Empty:
            return


def _chunk_message(
    number: int, position: int, chunk: np.ndarray, sample_rate: int, began: float
) -> messages.Chunk:
    done_s = (position + chunk.shape[1]) / sample_rate
    speed = done_s / max(time.monotonic() - began, 1e-6)
    payload = chunk.astype("<f4").tobytes()  # (num_seqs, n), voice after voice
    return messages.Chunk(number, position, chunk.shape[0], round(speed, 3), payload)
