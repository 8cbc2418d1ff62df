"""A stream on its way into the ring that Pd plays.

The worker is told how far the stream has been heard and keeps no more ahead of that
than the latency. Should it fall behind, the sound fades out, silence is heard until
enough has come for it to go on, and nothing of the stream is lost or heard twice.
"""

import array
import collections
import time

from samplernn_pd import messages, requests
from samplernn_pd.curve_watch import CurveWatch
from samplernn_pd.ring import BLOCK, Ring
from sopilib.errors import RequestError
from sopilib.protocol import messages as protocol

REPORT_EVERY_S = 0.2
MAX_RING_SAMPLES = 1 << 19
_POLLS_WITHOUT_POSITION = 50
_TOLD_PER_LATENCY = 8  # times that the worker hears how far play has come


class StreamInPd:
    """Delivers a stream into an array and sends the worker what steers it.

    Args:
        request: the `protocol.Generate` that began it.
        array_name: of the ring.
        settings: `samplernn_pd.settings.Settings`, as they are and will be.
        host: the host of `samplernn_pd.instrument`.
        send: called with each request for the worker.
        say: called with selector and atoms of a status message.

    Raises:
        RequestError: the array is missing or cannot be a ring.
    """

    begun = True  # what has to be told at the end is told even if no sound came

    def __init__(self, request, array_name, settings, host, send, say):
        self.number = request.take
        self.array_names = (array_name,)
        self.stopping = False  # `stop` is on its way to the worker
        self._sample_rate = request.out_rate
        self._host, self._send, self._say = host, send, say
        self._settings = settings
        check_ring(array_name, request.latency_s * request.out_rate, host.arrays)
        self._ring = Ring(host.arrays, array_name, request.out_rate)
        self._waiting = collections.deque()  # sound that has come and not been written
        self._num_waiting = 0
        self._num_received = 0
        self._shift = 0  # what the ring's place of a sample is beyond its number
        self._told_played = 0
        self._underruns = 0
        self._speed = 0.0
        self._least_ahead = None
        self._reported_at = 0.0
        self._num_polls = 0
        self._is_sounding = self._is_over = False
        self._latency = round(request.latency_s * request.out_rate)
        self._curve_watch = None
        if request.envelope_samples:
            curve = request.payload[4 * request.seed_samples :]
            self._curve_watch = self._watch(settings.envelope, curve)
        self._actions = {
            messages.Latency: self._set_latency,
            messages.Seed: self._prime,
            messages.RngSeed: lambda wish: send(protocol.Reseed(wish.number)),
            messages.Freeze: lambda wish: send(protocol.Freeze(wish.seconds)),
            messages.Envelope: self._follow,
            messages.Temperature: self._steer_by_hand,
            messages.Ramp: self._steer_by_hand,
        }

    def obey(self, message):
        """Has the stream change as a message says; others are no matter to it.

        Raises:
            RequestError: an array or file is not there, or the ring too short.
        """
        action = self._actions.get(type(message))
        if action:
            action(message)

    def shares_arrays(self, other):
        """True if `other`, a take or stream, writes into the ring too."""
        return not set(self.array_names).isdisjoint(other.array_names)

    def takes_over(self, older):
        """Goes on in the ring of `older`, a stream that is over; False if that is another ring.

        What is still to be heard of `older` is not cut off then.
        """
        ring = older._ring
        if (older.array_names, older._sample_rate) != (self.array_names, self._sample_rate):
            return False
        if ring.length != self._ring.length:
            return False
        self._ring = ring
        return True

    def begin(self, num_samples, sample_rate):
        """The worker has begun; False if the array is gone."""
        self._is_sounding = True
        self._say("stream", "on")
        return self._ring.silence()

    def write(self, chunk):
        """Takes a `protocol.Chunk`; False if the array no longer takes it."""
        samples = array.array("f", chunk.payload)
        self._speed = chunk.speed
        self._num_received += len(samples)
        if self._ring.is_silent:
            self._waiting.append(samples)
            self._num_waiting += len(samples)
            return True
        return self._ring.write(samples)

    def play_at(self, position):
        """The patch plays the array at `position`; None where it does not say so.

        Raises:
            RequestError: the patch never says so.
        """
        if position is not None:
            self._ring.play_at(position)
        if self._is_over:
            return
        self._send_new_curve()
        self._check_position()
        num_played = self._num_played()
        if num_played - self._told_played >= self._latency // _TOLD_PER_LATENCY:
            self._told_played = num_played
            self._send(protocol.Played(self.number, num_played))

    def advance(self):
        """Goes on as play has; False if the array no longer takes it."""
        if self._is_over or not self._ring.is_played:
            return True
        if self._host.arrays.length(self.array_names[0]) != self._ring.length:
            return False
        if self._ring.is_silent:
            return self._begin_again()
        if self._ring.is_running_out():
            self._underruns += 1
            self._say("underrun", self._underruns)
            return self._ring.fade_out()
        return self._ring.keep_silent()

    def show_progress(self):
        """Tells some times a second how the stream is."""
        if not self._is_sounding:
            return
        ahead = 0 if self._ring.is_silent else self._ring.end - self._ring.played
        if self._least_ahead is None or ahead < self._least_ahead:
            self._least_ahead = ahead
        if time.monotonic() - self._reported_at < REPORT_EVERY_S:
            return
        self._reported_at = time.monotonic()
        ahead_ms = round(1e3 * self._least_ahead / self._sample_rate, 1)
        self._say("streaming", ahead_ms, self._speed, self._underruns)
        self._least_ahead = None

    def fade_out(self):
        """Ends the sound now."""
        self._is_over = True
        self._ring.fade_out(at_once=True)
        self._ring.silence()

    def cut(self):
        """Ends the sound and silences the ring at once, as no poll will follow."""
        self._is_over = True
        self._ring.cut()

    def report(self, selector):
        """Ends the stream."""
        self.fade_out()
        self._say("stream", "off")

    def silence_slice(self):
        """Silences some more of what has been heard; True while more is to come.

        Else the last milliseconds would be heard again at each round of the ring.
        """
        self._ring.silence()
        is_silent = self._ring.is_clear and self._ring.played >= self._ring.end
        return not (self._is_over and is_silent)

    def _set_latency(self, wish):
        latency = round(wish.seconds * self._sample_rate)
        check_ring(self.array_names[0], latency, self._host.arrays)
        self._latency = latency
        self._send(protocol.Latency(wish.seconds))

    def _prime(self, seed):
        if seed.source is not None:
            self._send(requests.prime_request(seed, self._host))

    def _follow(self, envelope):
        self._curve_watch = None
        if envelope.array is None:
            self._send(protocol.SetTemperature(self._settings.temperature))
        else:
            curve = requests.read_curve(envelope, self._host.arrays)
            self._curve_watch = self._watch(envelope, curve)
            self._send(protocol.Curve(self._curve_watch.seconds, curve))

    def _steer_by_hand(self, wish):
        self._curve_watch = None

    def _watch(self, envelope, curve):
        seconds = envelope.seconds or self._settings.seconds
        return CurveWatch(envelope.array, curve, seconds, self._host.arrays)

    def _send_new_curve(self):
        curve = self._curve_watch and self._curve_watch.new_curve()
        if curve:
            self._send(protocol.Curve(self._curve_watch.seconds, curve))

    def _check_position(self):
        """Raises RequestError if many polls have come and no position yet."""
        self._num_polls += 1
        if self._num_polls == _POLLS_WITHOUT_POSITION and not self._ring.is_played:
            raise RequestError("stream: poll tells no position (send poll POSITION)")

    def _num_played(self):
        """Samples of the stream that have been heard, 0 or more."""
        if self._ring.is_silent:  # as if what waits were to come right after the lead
            return max(0, self._num_received - self._num_waiting - self._lead())
        return max(0, self._ring.played - self._shift)

    def _lead(self):
        """Samples of the latency that serve as time between two polls."""
        return min(self._ring.lead, self._latency // 3)

    def _begin_again(self):
        """Writes silence, or once there is enough the sound that waits."""
        if self._num_waiting < max(BLOCK, (self._latency - self._lead()) // 3):
            return self._ring.keep_silent()
        self._ring.keep_silent()
        self._shift = self._ring.end - (self._num_received - self._num_waiting)
        samples = array.array("f", b"".join(self._waiting))
        self._waiting.clear()
        self._num_waiting = 0
        return self._ring.write(samples)


def check_ring(name, latency, arrays):
    """Raises RequestError unless the array can hold a stream with so many samples ahead."""
    length = arrays.length(name)
    if length == 0:
        raise RequestError(f"stream: no array {name!r} (make one, or check the name)")
    shortest = 2 * round(latency)
    if shortest > MAX_RING_SAMPLES:
        raise RequestError(
            f"stream: a latency of {shortest // 2} samples is too long for any array (at most "
            f"{MAX_RING_SAMPLES // 2}; give a shorter one, or a lower sample rate)"
        )
    if length % BLOCK or not shortest <= length <= MAX_RING_SAMPLES:
        raise RequestError(
            f"stream: array {name!r} has {length} samples (give it a multiple of {BLOCK} from "
            f"{max(shortest, BLOCK)} to {MAX_RING_SAMPLES})"
        )
