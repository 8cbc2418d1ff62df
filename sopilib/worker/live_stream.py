"""A stream on its way to Pd: chunks as they fall due, steered by the requests that arrive.

`LiveStream.run` returns when the stream is stopped. Between two chunks it obeys all
requests that wait; while it is far enough ahead it sleeps until the next one, as Pd
tells with each poll how far the stream has been heard.
"""

import queue

import numpy as np

from sopilib.errors import RequestError, SampleRNNError
from sopilib.generation.stream import Stream, settle
from sopilib.generation.temperature import Curve
from sopilib.protocol import messages as protocol


class LiveStream:
    """Plays one stream of a worker.

    Args:
        number: of the take.
        generator: what makes the samples.
        request: TakeRequest, its dur_s None.
        latency_s: see `Stream`.
        states: dict from slot to a saved state of this generator, shared with the worker.
        read_seed: called with a `protocol.Prime`; returns audio and rate.

    Raises:
        RequestError, AudioError: as `Stream`, or the model is too slow to be streamed.
    """

    def __init__(self, number, generator, request, latency_s, states, read_seed):
        self._number, self._generator, self._states = number, generator, states
        self._read_seed = read_seed
        self._stream = Stream(generator, request, latency_s)
        settle(generator)
        self._num_played = 0
        self._stopped = False
        self._actions = {
            protocol.Stop: self._stop,
            protocol.Played: self._note_played,
            protocol.Latency: lambda wish: self._stream.set_latency(wish.seconds),
            protocol.Prime: lambda wish: self._stream.prime(*self._read_seed(wish)),
            protocol.Reseed: lambda wish: self._stream.reseed(wish.rng_seed),
            protocol.Freeze: lambda wish: self._stream.hold(wish.seconds),
            protocol.SaveState: self._save_state,
            protocol.RecallState: self._recall_state,
        }

    def run(self, inbox, send, fail):
        """Play until `stop`.

        Args:
            inbox: a `queue.Queue` of requests.
            send: called with each event.
            fail: called with a request that failed and the reason, a line.
        """
        stream = self._stream
        self._send = send
        send(protocol.Started(self._number, None, stream.sample_rate, stream.rng_seed))
        try:
            stream.begin()
            while not self._stopped:
                is_due = stream.is_due(self._num_played)
                if self._obey_next(inbox, fail, wait=not (is_due or stream.is_listening)):
                    continue
                if is_due:
                    self._send_chunk()
                else:
                    stream.listen()
        finally:
            self._generator.limit_threads(self._generator.threads)
        send(protocol.Stopped(self._number, stream.num_made))

    def _obey_next(self, inbox, fail, wait):
        """Obeys the next request, if `wait` one that is still to come; False without one."""
        try:
            request = inbox.get(block=wait)
        except queue.Empty:
            return False
        try:
            self._obey(request)
        except SampleRNNError as error:
            fail(request, str(error))
        return True

    def _obey(self, request):
        action = self._actions.get(type(request))
        if action:
            action(request)
        else:
            steer(self._stream.temperature, request)

    def _send_chunk(self):
        start = self._stream.num_made
        chunk = self._stream.next_chunk()
        if chunk.size:
            speed = round(self._stream.speed, 3)
            payload = chunk.astype("<f4").tobytes()
            self._send(protocol.Chunk(self._number, start, 1, speed, payload))

    def _stop(self, wish):
        self._stopped = True

    def _note_played(self, wish):
        if wish.take == self._number:
            self._num_played = min(wish.num_samples, self._stream.num_made)

    def _save_state(self, wish):
        self._states[wish.slot] = self._generator.save_state()
        self._send(protocol.State(wish.slot, "saved"))

    def _recall_state(self, wish):
        self._stream.recall(saved_state(self._states, wish.slot))
        self._send(protocol.State(wish.slot, "recalled"))


def saved_state(states, slot):
    """The state in `slot`. Raises RequestError where there is none."""
    if slot not in states:
        raise RequestError(f"recall_state: no state {slot} is saved (save_state {slot} first)")
    return states[slot]


def steer(temperature, request):
    """Turns a TemperatureControl as `request` asks; RequestError if that is no such request."""
    if isinstance(request, protocol.SetTemperature):
        temperature.set(request.values)
    elif isinstance(request, protocol.Ramp):
        temperature.ramp(request.target, request.seconds)
    elif isinstance(request, protocol.Curve):
        temperature.follow(Curve(np.frombuffer(request.payload, dtype="<f4"), request.seconds))
    else:
        raise RequestError("a take is running (stop it first)")
