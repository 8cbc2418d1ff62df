"""A stream on its way to Pd: chunks as they fall due, steered by the requests that arrive.

`LiveStream.run` returns when the stream is stopped. Between two chunks it applies all
requests that wait; while it is far enough ahead it sleeps until the next one, as Pd
sends with each poll how far the stream has been played.
"""

import queue
import threading
from collections.abc import Callable, Sequence

import numpy as np

from sopilib.engine.pack import RECIPES
from sopilib.errors import SampleRNNError
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.stream import Stream
from sopilib.generation.stream_speed import settle
from sopilib.generation.take import TakeRequest
from sopilib.model.generator_state import SavedState
from sopilib.protocol import messages
from sopilib.worker.channels import Fail, Inbox, Send
from sopilib.worker.priority import RealTime
from sopilib.worker.states import KeepsStates, States, voice_index
from sopilib.worker.steering import Steered, handles

_MEASURED_S = 2.0  # of sound, before its speed counts
_HEARD_IN_TIME = (
    messages.SetTemperature,
    messages.Ramp,
    messages.Curve,
    messages.Reseed,
    messages.ReseedVoice,
    messages.Freeze,
    messages.Gain,
    messages.RecallState,
    messages.Morph,
    messages.Note,
)


class LiveStream(Steered, KeepsStates):
    """Plays one stream of a worker.

    Args:
        number: of the take.
        generator: what makes the samples.
        request: its dur_s None.
        latency_s: see `Stream`.
        states: of this generator, shared with the worker.
        read_seed: called with a `messages.Prime`; returns audio and rate.
        is_apart: whether chunks hold each voice besides their sum.
        precisions: in which the model can be loaded, the most exact first.

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
        is_apart: bool = False,
        precisions: Sequence[str] = tuple(RECIPES),
    ) -> None:
        self._number, self._generator, self._states = number, generator, states
        self._read_seed = read_seed
        self._stream = Stream(generator, request, latency_s, is_apart)
        self._asked_latency_s = latency_s
        self.temperature = self._stream.temperature
        settle(generator, precisions)
        self._num_played = 0

    def begin_with_gains(self, decibels: Sequence[float]) -> None:
        """Let the first voices begin as loud as this, in dB; the others begin at 0 dB."""
        for voice, level in enumerate(decibels[: self._generator.num_seqs]):
            self._stream.set_gain(_gain(level), voice, seconds=0)

    def run(self, inbox: Inbox, send: Send, fail: Fail, real_time: RealTime) -> None:
        """Play until `stop`.

        Args:
            inbox: requests.
            send: called with each event.
            fail: called with a request that failed and the reason, a line.
            real_time: the class of this process, which a slow stream leaves.
        """
        stream = self._stream
        self._send, self._fail = send, fail
        if stream.latency_s != self._asked_latency_s:
            asked_s = self._asked_latency_s
            send(messages.LatencyUsed(self._number, stream.latency_s, asked_s))
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
            is_measured = stream.num_made > _MEASURED_S * stream.sample_rate
            if is_measured and real_time.keep(stream.speed):
                stream.measure_speed_anew()

    def _apply_next(self, inbox: Inbox, fail: Fail, wait: bool) -> bool:
        """Apply the next request, if `wait` one that is still to come; False without one."""
        try:
            request = inbox.get(block=wait)
        except queue.Empty:
            return False
        self.steer(request, fail)
        return True

    def steer(self, request: messages.Message, fail: Fail) -> None:
        """Apply a request; one that is to be heard in time takes effect after the latency.

        All that the latency allows is generated before, so that a change sounds exactly the
        latency after the playback position that Pd told with it.
        """
        if isinstance(request, _HEARD_IN_TIME):
            while room := self._stream.room(self._num_played):
                self._send_chunk(room)
        super().steer(request, fail)

    def _send_chunk(self, most: int | None = None) -> None:
        start = self._stream.num_made
        rows = self._stream.next_rows(most)  # (rows, n)
        if rows.shape[1]:
            speed = round(self._stream.speed, 3)
            payload = rows.astype("<f4").tobytes()
            self._send(messages.Chunk(self._number, start, len(rows), speed, payload))
        if failing := self._stream.failing:
            self._send(messages.SoundWarning(self._number, failing.kind, failing.is_healed))

    @handles(messages.Played)
    def _note_played(self, request: messages.Played) -> None:
        if request.take == self._number:
            self._num_played = min(request.num_samples, self._stream.num_made)

    @handles(messages.Latency)
    def _set_latency(self, request: messages.Latency) -> None:
        self._stream.set_latency(request.seconds)
        used_s = self._stream.latency_s
        self._send(messages.LatencyUsed(self._number, used_s, request.seconds))

    @handles(messages.Prime)
    def _prime(self, request: messages.Prime) -> None:
        voice = request.voice
        if voice is not None:
            voice = voice_index("seed", voice, self._generator.num_seqs)
        self._stream.prime(*self._read_seed(request), voice)

    @handles(messages.Reseed)
    def _reseed(self, request: messages.Reseed) -> None:
        self._stream.reseed(request.rng_seed)

    @handles(messages.ReseedVoice)
    def _reseed_voice(self, request: messages.ReseedVoice) -> None:
        self._stream.reseed(request.rng_seed, self._voice(request, request.voice))

    @handles(messages.Freeze)
    def _freeze(self, request: messages.Freeze) -> None:
        self._stream.hold(request.seconds, self._voice(request, request.voice))

    @handles(messages.Gain)
    def _set_gain(self, request: messages.Gain) -> None:
        self._stream.set_gain(_gain(request.decibels), self._voice(request, request.voice))

    @handles(messages.Morph)
    def _morph(self, request: messages.Morph) -> None:
        first, second = (
            self._states.kept("morph", slot) for slot in (request.first, request.second)
        )
        self._stream.morph(first, second, request.share, request.seconds)

    @handles(messages.Note)
    def _play_note(self, request: messages.Note) -> None:
        if not request.velocity:
            self._stream.let_key_go(request.pitch)
            return
        state = self._states.kept("note", request.pitch)
        self._stream.press_key(request.pitch, request.velocity / messages.MOST_NOTE, state)

    @handles(messages.Release)
    def _set_release(self, request: messages.Release) -> None:
        self._stream.set_release(request.milliseconds / 1e3)

    @handles(messages.Heal)
    def _heal(self, request: messages.Heal) -> None:
        self._stream.heal(request.is_on == 1)

    def _require_generator(self) -> SampleGenerator:
        return self._generator

    def _recall(self, state: SavedState, voice: int | None) -> None:
        if voice is not None:
            voice = voice_index("recall_state", voice, self._generator.num_seqs)
        self._stream.recall(state, voice)

    def _work_aside(self, request: messages.Message, work: Callable[[], None]) -> None:
        def work_or_fail() -> None:
            try:
                work()
            except SampleRNNError as error:
                self._fail(request, str(error))

        threading.Thread(target=work_or_fail, daemon=True).start()

    def _voice(self, request: messages.Message, voice: int | None) -> int | None:
        """Return the index of a voice of a request, None for all; RequestError without it."""
        if voice is None:
            return None
        return voice_index(request.selector(), voice, self._generator.num_seqs)


def _gain(decibels: float) -> float:
    """Return the factor for a gain in dB."""
    return 0.0 if decibels <= messages.SILENT_DB else 10 ** (decibels / 20)
