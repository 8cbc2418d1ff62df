"""A stream on its way to Pd: chunks as they fall due, steered by the requests that arrive.

`LiveStream.run` returns when the stream is stopped. Between two chunks it applies all
requests that wait; while it is far enough ahead it sleeps until the next one, as Pd
sends with each poll how far the stream has been played.
"""

import queue
from collections.abc import Callable

import numpy as np

from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.stream import Stream
from sopilib.generation.stream_speed import settle
from sopilib.generation.take import TakeRequest
from sopilib.model.generator_state import SavedState
from sopilib.protocol import messages
from sopilib.worker.channels import Fail, Inbox, Send
from sopilib.worker.priority import RealTime
from sopilib.worker.states import KeepsStates, States
from sopilib.worker.steering import Steered, handles

_MEASURED_S = 2.0  # of sound, before its speed counts


class LiveStream(Steered, KeepsStates):
    """Plays one stream of a worker.

    Args:
        number: of the take.
        generator: what makes the samples.
        request: its dur_s None.
        latency_s: see `Stream`.
        states: of this generator, shared with the worker.
        read_seed: called with a `messages.Prime`; returns audio and rate.

    Raises:
        RequestError, AudioError: as `Stream`, or the model is too slow to be streamed.
    """

    def __init__(
        self,
        number: int,
        generator: SampleGenerator,
        request: TakeRequest,
        latency_s: float,
        states: States,
        read_seed: Callable[[messages.Prime], tuple[np.ndarray, int | None]],
    ) -> None:
        self._number, self._generator, self._states = number, generator, states
        self._read_seed = read_seed
        self._stream = Stream(generator, request, latency_s)
        self.temperature = self._stream.temperature
        settle(generator)
        self._num_played = 0

    def run(self, inbox: Inbox, send: Send, fail: Fail, real_time: RealTime) -> None:
        """Play until `stop`.

        Args:
            inbox: requests.
            send: called with each event.
            fail: called with a request that failed and the reason, a line.
            real_time: the class of this process, which a slow stream leaves.
        """
        stream = self._stream
        self._send = send
        send(messages.Started(self._number, None, stream.sample_rate, stream.rng_seed))
        try:
            stream.begin()
            self._play(inbox, fail, real_time)
        finally:
            self._generator.limit_threads(self._generator.threads)
        send(messages.Stopped(self._number, stream.num_made))

    def _play(self, inbox: Inbox, fail: Fail, real_time: RealTime) -> None:
        stream = self._stream
        while not self.is_stopped:
            is_due = stream.is_due(self._num_played)
            if self._apply_next(inbox, fail, wait=not (is_due or stream.is_listening)):
                continue
            if not is_due:
                stream.listen()
                continue
            self._send_chunk()
            if stream.num_made > _MEASURED_S * stream.sample_rate:
                real_time.keep(stream.speed)

    def _apply_next(self, inbox: Inbox, fail: Fail, wait: bool) -> bool:
        """Apply the next request, if `wait` one that is still to come; False without one."""
        try:
            request = inbox.get(block=wait)
        except queue.Empty:
            return False
        self.steer(request, fail)
        return True

    def _send_chunk(self) -> None:
        start = self._stream.num_made
        chunk = self._stream.next_chunk()
        if chunk.size:
            speed = round(self._stream.speed, 3)
            payload = chunk.astype("<f4").tobytes()
            self._send(messages.Chunk(self._number, start, 1, speed, payload))
        if failing := self._stream.failing:
            self._send(messages.SoundWarning(self._number, failing.kind, failing.is_healed))

    @handles(messages.Played)
    def _note_played(self, request: messages.Played) -> None:
        if request.take == self._number:
            self._num_played = min(request.num_samples, self._stream.num_made)

    @handles(messages.Latency)
    def _set_latency(self, request: messages.Latency) -> None:
        self._stream.set_latency(request.seconds)

    @handles(messages.Prime)
    def _prime(self, request: messages.Prime) -> None:
        self._stream.prime(*self._read_seed(request))

    @handles(messages.Reseed)
    def _reseed(self, request: messages.Reseed) -> None:
        self._stream.reseed(request.rng_seed)

    @handles(messages.Freeze)
    def _freeze(self, request: messages.Freeze) -> None:
        self._stream.hold(request.seconds)

    @handles(messages.Heal)
    def _heal(self, request: messages.Heal) -> None:
        self._stream.heal(request.is_on == 1)

    def _require_generator(self) -> SampleGenerator:
        return self._generator

    def _recall(self, state: SavedState) -> None:
        self._stream.recall(state)
