"""Write a stream into the ring that Pd plays.

The worker receives the playback position and generates at most the latency ahead of it.
This module also sends the messages that change the stream, because it can read the arrays
that they name.
"""

import dataclasses
import math
from collections.abc import Callable

from samplernn_pd import requests
from samplernn_pd.curve_watch import DrawnTemperature
from samplernn_pd.host import Arrays, Host
from samplernn_pd.messages import Envelope, PdMessage, Seed, SeedVoice
from samplernn_pd.play_position import PlayPosition
from samplernn_pd.playout import Playout
from samplernn_pd.ring import BLOCK, Ring
from samplernn_pd.ring_arrays import frames_of
from samplernn_pd.settings import Settings
from samplernn_pd.stream_report import Say, StreamReport
from samplernn_pd.take import TakeInPd
from sopilib.errors import RequestError
from sopilib.protocol import messages

MAX_RING_SAMPLES = 1 << 19
_TOLERANCE = 1.05  # steps between polls vary by a block


class StreamInPd:
    """A stream that goes into an array, with the requests that change it.

    Args:
        request: the request that started it.
        array_name: of the ring.
        settings: of the performer, current at any time.
        host: the class in Pd.
        send: called with each request for the worker.
        say: for status messages.
        voice_names: of the arrays for each voice by itself.

    Raises:
        RequestError: an array is missing or cannot be a ring.
    """

    begun = True  # the end is reported even if no sound arrived

    def __init__(
        self,
        request: messages.Generate,
        array_name: str,
        settings: Settings,
        host: Host,
        send: Callable[[messages.Message], None],
        say: Say,
        voice_names: tuple[str, ...] = (),
    ) -> None:
        assert request.latency_s is not None
        assert request.out_rate is not None
        self.number, self.sample_rate = request.take, request.out_rate
        self.array_names = (array_name, *voice_names)
        self._host, self._send = host, send
        latency = request.latency_s * self.sample_rate
        check_ring(array_name, latency, host.arrays)
        check_voice_arrays(voice_names, array_name, host.arrays)
        ring = Ring(host.arrays, array_name, self.sample_rate, voice_names)
        ring.fit(round(latency))
        self._playout = Playout(ring, round(latency))
        self._asked_latency = round(latency)  # samples, of the worker
        self._report = StreamReport(say, self.sample_rate)
        self._position = PlayPosition(self.number, send)
        self._drawn = DrawnTemperature(settings, host.arrays, send)
        if request.envelope_samples:
            self._drawn.watch(settings.envelope, request.payload[4 * request.seed_samples :])
        self._is_over = False

    def apply(self, message: PdMessage) -> None:
        """Apply a message that changes a setting to the stream.

        Raises:
            RequestError: an array or file is missing, or the ring is too short.
        """
        if isinstance(message, messages.Latency):
            self._ask_latency(message)
        elif isinstance(message, (messages.Reseed, messages.Heal, messages.Release)):
            self._send(message)
        elif isinstance(message, Envelope):
            self._drawn.follow(message)
        elif isinstance(message, messages.SetTemperature):
            self._drawn.release()
        elif isinstance(message, Seed) and message.source is not None:
            self._send(requests.prime_request(message, self._host))

    def prime_voice(self, message: SeedVoice) -> None:
        """Let one voice continue from a sound; RequestError if that is missing."""
        seed = Seed(message.source, message.rate)
        self._send(
            dataclasses.replace(requests.prime_request(seed, self._host), voice=message.voice)
        )

    def tell_position(self) -> None:
        """Tell the worker the position to which the next message belongs."""
        if not self._is_over:
            self._position.tell_now(self._playout.num_played)

    def shares_arrays(self, other: "TakeInPd | StreamInPd") -> bool:
        """Return whether `other`, a take or stream, also writes into the ring."""
        return not set(self.array_names).isdisjoint(other.array_names)

    def continue_in_ring_of(self, older: "StreamInPd") -> bool:
        """Continue in the ring of `older`, an ended stream; return False if the rings differ.

        The unplayed sound of `older` then fades out.
        """
        ring = older._playout.ring
        if (older.array_names, older.sample_rate) != (self.array_names, self.sample_rate):
            return False
        if ring.length != self._playout.ring.length:
            return False
        ring.fit(self._playout.latency)
        self._playout.ring = ring
        return True

    def begin(self, num_samples: int | None, sample_rate: int) -> bool:
        """Report the beginning; return False if the array is gone."""
        self._report.begin(self._playout.latency / self.sample_rate)
        return self._playout.ring.silence()

    def write(self, chunk: messages.Chunk) -> bool:
        """Accept a chunk; return False if the array no longer accepts it."""
        self._report.speed = chunk.speed
        return self._playout.write(frames_of(chunk.payload, self._playout.ring.rows))

    def play_at(self, position: int | None) -> str | None:
        """Note that the patch plays the array at `position`; None if it does not report one.

        Returns:
            A notice for the performer, None without one.

        Raises:
            RequestError: the patch never reports a position, or too seldom.
        """
        playout = self._playout
        if position is not None:
            self.move_to(position)
        if self._is_over:
            return None
        self._drawn.send_if_new()
        self._position.check(playout.ring.is_played)
        self._position.tell(playout.num_played, playout.latency)
        latency = max(playout.latency, self._asked_latency)
        is_too_short = playout.ring.shortest_latency > _TOLERANCE * latency
        return self._lengthen() if is_too_short else None

    def move_to(self, position: int) -> None:
        """Note that the patch plays the array at `position`, and do nothing else."""
        self._playout.ring.play_at(position)

    def _lengthen(self) -> str:
        """Use the shortest latency that lasts from poll to poll; return the notice."""
        too_short, shortest = self._playout.latency, self._playout.ring.shortest_latency
        latency = messages.Latency(math.ceil(1e3 * shortest / self.sample_rate) / 1e3)
        if latency.seconds > messages.LATENCY_MS[1] / 1e3:
            raise RequestError(
                f"stream: polls come so seldom that it needs a latency of {latency.seconds:g} s "
                "(poll more often, or use a smaller [block~])"
            )
        self._ask_latency(latency)
        return (
            f"a latency of {round(1e3 * too_short / self.sample_rate)} ms is too short for this "
            f"[block~] and these polls: {round(1e3 * latency.seconds)} ms is used"
        )

    def use_latency(self, seconds: float, asked_s: float) -> str | None:
        """Use the latency of the worker, in seconds.

        Returns:
            A notice for the performer where it is longer than `asked_s`.

        Raises:
            RequestError: the ring is too short for it.
        """
        latency = round(seconds * self.sample_rate)
        check_ring(self.array_names[0], latency, self._host.arrays)
        self._playout.latency = latency
        self._playout.ring.fit(latency)
        self._report.latency(latency / self.sample_rate)
        if seconds <= asked_s:
            return None
        return (
            f"a latency of {round(1e3 * asked_s)} ms is too short for the rates of this stream: "
            f"{math.ceil(1e3 * seconds)} ms is used"
        )

    def advance(self) -> bool:
        """Keep writing as playback advances; return False if the array no longer accepts it."""
        ring = self._playout.ring
        if self._is_over or not ring.is_played:
            return True
        if self._host.arrays.length(self.array_names[0]) != ring.length:
            return False
        if ring.is_silent:
            return self._playout.begin_again()
        if ring.is_running_out():
            self._report.underrun()
            return ring.fade_out()
        return ring.keep_silent()

    def show_progress(self) -> None:
        """Report the state of the stream a few times a second."""
        self._report.show(self._playout.num_ahead)

    def fade_out(self) -> None:
        """End the sound now."""
        self._is_over = True
        self._playout.ring.fade_out(at_once=True)
        self._playout.ring.silence()

    def cut(self) -> None:
        """End the sound and silence the ring at once, as no poll will follow."""
        self._is_over = True
        self._playout.ring.cut()

    def report(self, selector: str) -> None:
        """End the stream and report it, in the same way for every `selector`."""
        self.fade_out()
        self._report.end()

    def silence_slice(self) -> bool:
        """Silence another part of the played sound; return True while there is more.

        Otherwise the last milliseconds would sound again in every loop of the ring.
        """
        ring = self._playout.ring
        ring.silence()
        is_silent = ring.is_clear and ring.played >= ring.end
        return not (self._is_over and is_silent)

    def _ask_latency(self, message: messages.Latency) -> None:
        latency = round(message.seconds * self.sample_rate)
        check_ring(self.array_names[0], latency, self._host.arrays)
        self._asked_latency = latency
        self._send(message)


def check_ring(name: str, latency: float, arrays: Arrays) -> None:
    """Raise RequestError unless the array can hold a stream with this many samples ahead."""
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


def check_voice_arrays(names: tuple[str, ...], ring_name: str, arrays: Arrays) -> None:
    """Raise RequestError unless each array has the length of the ring."""
    length = arrays.length(ring_name)
    for name in names:
        if arrays.length(name) != length:
            raise RequestError(
                f"stream: array {name!r} of a voice has {arrays.length(name)} samples (make it, "
                f"with {length} as {ring_name!r} has)"
            )
