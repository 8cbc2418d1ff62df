"""Streams: sound without end, made a little ahead of where it is being heard.

A `Stream` hands out short chunks for as long as it is asked, all voices summed,
resampled continuously. Everything that can be turned acts on the next chunk. Where
the network is made to go on from elsewhere (a held or recalled state, a seed), the
old sound and the new one are crossfaded.
"""

import contextlib
import math
import time

import numpy as np

from sopilib.audio.resample import StreamResampler
from sopilib.errors import RequestError
from sopilib.generation.take import checked_rate, checked_rng_seed, prepared_seed
from sopilib.generation.temperature import TemperatureControl

MAX_LATENCY_S = 2.0
SEED_S = 2.0  # of a seed, from its end: the network forgets what was before
SHORTEST_HOLD_S, LONGEST_HOLD_S = 0.02, 3600.0
_COMFORTABLE = 1.5  # times real time: room for what else goes on
_LIVE = 1.05
_MEASURED_S = 0.05
_MIN_PIECES = 3
_LISTEN_S = 0.02  # of a seed at a time
_CROSSFADE_S = 0.005
_CHUNKS_PER_LATENCY = 8
_MAX_CHUNK_S = 0.02
_POLL_S = 0.03  # what a patch that polls every few milliseconds needs ahead
_CONTEXT = 4096  # samples that a take which goes on from here may want of the past
_SPEED_S = 1.0  # time over which the speed is averaged


def settle(generator):
    """Have no more threads work than live play takes: fewer are less easily held up.

    Where none are enough, those that are fastest here and now.

    The generator's state stays as it is.

    Returns:
      The speed of one voice, in times real time.

    Raises:
      RequestError: it is too slow to be played live.
    """
    state = generator.save_state()
    size, speeds = 0, {0: 0.0}
    while size < generator.threads and speeds[size] < _COMFORTABLE:
        size = min(max(1, 2 * size), generator.threads)
        generator.limit_threads(size)
        speeds[size] = _times_real_time(generator)
    generator.restore_state(state)
    fastest = max(speeds, key=speeds.get)
    if speeds[fastest] < _LIVE:
        generator.limit_threads(generator.threads)
        raise RequestError(_too_slow_text(generator, speeds[fastest]))
    generator.limit_threads(fastest)
    return speeds[fastest]


def _times_real_time(generator):
    """The best of some short pieces."""
    rate, best_s = generator.config.sample_rate, math.inf
    num_samples, num_pieces, total_s = generator.config.big_frame_size, 0, 0.0
    temperature = np.ones((generator.num_seqs, num_samples), np.float32)
    while num_pieces < _MIN_PIECES or total_s < _MEASURED_S:
        began = time.perf_counter()
        generator.generate(temperature)
        piece_s = time.perf_counter() - began
        best_s, total_s = min(best_s, piece_s), total_s + piece_s
        num_pieces += 1
    return num_samples / rate / best_s


def _too_slow_text(generator, speed):
    config, voices = generator.config, generator.num_seqs
    help_ = ["a smaller model"]
    if voices > 1:
        help_.insert(0, "fewer voices")
    if generator.engine == "tensorflow":
        help_.insert(0, "install a C++ compiler, then make")
    elif generator.precision != "int4":
        help_.insert(0, "load it with precision int4")
    return (
        f"{config.dim} x {config.num_rnn_layers} {config.rnn_type} with {voices} voice(s) is made "
        f"at {speed:.2g} times real time here, too slow to stream ({', '.join(help_)})"
    )


class Stream:
    """The sound of a generator, chunk by chunk, without end.

    Args:
      generator: see `sopilib.generation.generator`.
      request: `generate.TakeRequest`, its dur_s None.
      latency_s: how long, at most, a change of temperature takes to be heard, in seconds.

    Attributes:
      sample_rate: of the chunks, in Hz.
      rng_seed: the random seed that it began with.
      temperature: TemperatureControl.
      num_made: samples handed out so far.
      speed: seconds of sound made in a second of work, of late.

    Raises:
      RequestError: rate, latency, temperatures or random seed out of range.
      AudioError: the seed audio is empty or not finite.
    """

    def __init__(self, generator, request, latency_s):
        self._generator, self._request = generator, request
        self._rate = generator.config.sample_rate
        out_rate = self._rate if request.out_rate is None else request.out_rate
        self.sample_rate = checked_rate("output", out_rate)
        self.rng_seed = generator.rng_seed if request.resume else checked_rng_seed(request.rng_seed)
        self._seed_audio = _end_of_seed(request.seed_audio, request.seed_rate, self._rate)
        self.temperature = TemperatureControl(
            generator.num_seqs, request.temperature, None, self._rate
        )
        if request.ramp is not None:
            self.temperature.ramp(*request.ramp)
        self._last_temperature = None  # (num_seqs,) of the newest sample
        self._resampler = None
        self.set_latency(latency_s)
        self.num_made = 0
        self._num_generated = 0  # at the model's rate
        self._old_end = np.zeros((1, 0), np.float32)  # what would have come, still fading out
        self._held, self._num_held, self._num_left_held = None, 0, 0
        self._seeding = None
        self._speedometer = _Speedometer(self._rate)

    @property
    def speed(self):
        return self._speedometer.times_real_time

    @property
    def front(self):
        """How far sound has been generated, in samples at `sample_rate`, part of them in
        the resampler."""
        return self._num_generated * self.sample_rate / self._rate

    def set_latency(self, latency_s):
        """Make chunks that fit this latency, in seconds.

        Raises:
          RequestError: it is too short for the resampler and a patch's polls, or too long.
        """
        shortest_s = _POLL_S
        if self.sample_rate != self._rate:
            shortest_s += StreamResampler.margin_s(self._rate, self.sample_rate)
        if not (math.isfinite(latency_s) and shortest_s <= latency_s <= MAX_LATENCY_S):
            raise RequestError(
                f"a latency of {latency_s * 1e3:g} ms (give {math.ceil(shortest_s * 1e3)} to "
                f"{MAX_LATENCY_S * 1e3:.0f})"
            )
        self.latency_s = latency_s
        chunk_s = min(latency_s / _CHUNKS_PER_LATENCY, _MAX_CHUNK_S)
        self._chunk_size = max(1, int(chunk_s * self._rate))

    def is_due(self, num_played):
        """Whether the next chunk fits into the latency, `num_played` samples being heard."""
        chunk = self._chunk_size * self.sample_rate / self._rate
        return self.front + chunk <= num_played + self.latency_s * self.sample_rate

    def begin(self):
        """Put the network at its start, seed and all."""
        if not self._request.resume:
            self._generator.reset(self.rng_seed)
        if self._seed_audio is not None:
            self._generator.prime(self._seed_audio)
            self._remember(np.tile(self._seed_audio, (self._generator.num_seqs, 1)))
        if self.sample_rate != self._rate:
            past = self._generator.played.sum(axis=0, keepdims=True)
            self._resampler = StreamResampler(self._rate, self.sample_rate, past)

    def next_chunk(self):
        """The next samples float32 (n,), 0 <= n; fewer while the resampler fills."""
        num_samples = self._chunk_size
        if self._held is not None:
            num_samples = self._next_held(num_samples)
        with self._speedometer.timing(num_samples):
            made = self._generate(num_samples)
            chunk = made if self._resampler is None else self._resampler.push(made)
        self._num_generated += num_samples
        self.num_made += chunk.shape[1]
        return chunk[0]

    def _next_held(self, num_samples):
        """How many samples to make before the held state comes again, at most `num_samples`."""
        if not self._num_left_held:
            self._keep_old_end()
            self._generator.restore_state(self._held, random=False)
            self._num_left_held = self._num_held
        num_samples = min(num_samples, self._num_left_held)
        self._num_left_held -= num_samples
        return num_samples

    # What can be turned while it sounds, besides the temperature

    def prime(self, seed_audio, seed_rate):
        """Have the network hear the end of a sound and go on from it once it has.

        It listens a piece at a time, at each `listen`, and meanwhile plays on.

        Args:
          seed_audio: float32 (n,) or (n, channels).
          seed_rate: in Hz.

        Raises:
          RequestError, AudioError: as at the stream's making.
        """
        audio = _end_of_seed(seed_audio, seed_rate, self._rate)
        self._seeding = _Seeding(audio, self._generator.save_state())

    @property
    def is_listening(self):
        """True while there is more of a seed to hear."""
        return self._seeding is not None

    def listen(self):
        """Have the network hear a little more of the seed, some milliseconds of work."""
        generator, seeding = self._generator, self._seeding
        sounding = generator.save_state()
        generator.restore_state(seeding.state, random=False)
        generator.prime(seeding.next_piece(round(_LISTEN_S * self._rate)))
        seeding.state = generator.save_state()
        generator.restore_state(sounding, random=False)
        if seeding.is_done:
            self._keep_old_end()
            generator.restore_state(seeding.state, random=False)
            self._remember(np.tile(seeding.audio, (generator.num_seqs, 1)))
            self._seeding = None
            self._hold_here()

    def reseed(self, rng_seed):
        """Go on with the random numbers of `rng_seed`, or of a fresh one if it is None."""
        self._generator.reseed(checked_rng_seed(rng_seed))

    def hold(self, seconds):
        """From now on start again from here every `seconds`, 0 to go on freely.

        Each time the random numbers are fresh ones. A seed or a recall moves where it starts.

        Raises:
          RequestError: it is not 0 and not 0.02 to 3600.
        """
        if seconds != 0 and not SHORTEST_HOLD_S <= seconds <= LONGEST_HOLD_S:
            raise RequestError(
                f"freeze: {seconds:g} s (0 to go on, or {SHORTEST_HOLD_S:g} to {LONGEST_HOLD_S:g})"
            )
        self._num_held = round(seconds * self._rate)
        self._hold_here()

    def _hold_here(self):
        """While the network is held, hold it where it is now."""
        self._held = self._generator.save_state() if self._num_held else None
        self._num_left_held = self._num_held

    def recall(self, state):
        """Go on from where `state` was saved by the generator, with its random numbers.

        A seed that is still being heard is heard no further.
        """
        self._seeding = None
        self._keep_old_end()
        self._generator.restore_state(state)
        self._hold_here()

    def _generate(self, num_samples):
        """The sum of the voices float32 (1, num_samples), joined to what was before."""
        temperature = self.temperature.next(num_samples)
        self._last_temperature = temperature[:, -1:]
        voices = self._generator.generate(temperature)
        self._remember(voices)
        return self._joined(voices.sum(axis=0, keepdims=True))

    def _remember(self, voices):
        """Leave with the generator what a take that goes on from here wants of the past."""
        played = np.concatenate([self._generator.played, voices], axis=1)
        self._generator.played = played[:, -_CONTEXT:]
        self._generator.unplayed = played[:, :0]

    def _keep_old_end(self):
        """Make what would come next, to be crossfaded with what will."""
        if self._last_temperature is None:
            return
        num_samples = round(_CROSSFADE_S * self._rate)
        temperature = np.repeat(self._last_temperature, num_samples, axis=1)
        voices = self._generator.generate(temperature)
        self._old_end = self._joined(voices.sum(axis=0, keepdims=True))

    def _joined(self, made):
        """`made` (1, n) with the old sound, if there is any, fading out over it."""
        old, self._old_end = self._old_end, self._old_end[:, made.shape[1] :]
        num_mixed = min(old.shape[1], made.shape[1])
        if num_mixed:
            total = round(_CROSSFADE_S * self._rate)
            begin = total - old.shape[1]
            share = np.arange(begin + 1, begin + 1 + num_mixed, dtype=np.float32) / (total + 1)
            old = old[:, :num_mixed]
            made[:, :num_mixed] = old + share * (made[:, :num_mixed] - old)
        return made


def _end_of_seed(audio, seed_rate, rate):
    """The last `SEED_S` of seed audio (n,) or (n, channels), as `prepared_seed` makes it."""
    if audio is not None:
        seed_rate = checked_rate("seed", rate if seed_rate is None else seed_rate)
        audio = audio[-round(SEED_S * seed_rate) :]
    return prepared_seed(audio, seed_rate, rate)


class _Seeding:
    """A seed that is being heard by a copy of the network, whose state is `state`."""

    def __init__(self, audio, state):
        self.audio, self.state = audio, state
        self._num_heard = 0

    @property
    def is_done(self):
        return self._num_heard >= len(self.audio)

    def next_piece(self, num_samples):
        begin = self._num_heard
        self._num_heard += num_samples
        return self.audio[begin : begin + num_samples]


class _Speedometer:
    """Times real time, averaged over about a second of work."""

    def __init__(self, rate):
        self._rate = rate
        self._sound_s = self._work_s = 0.0

    @property
    def times_real_time(self):
        return self._sound_s / self._work_s if self._work_s else 0.0

    @contextlib.contextmanager
    def timing(self, num_samples):
        """Learn from how long the enclosed work on `num_samples` takes."""
        began = time.perf_counter()
        yield
        self._work_s += time.perf_counter() - began
        self._sound_s += num_samples / self._rate
        if self._work_s > _SPEED_S:
            self._work_s, self._sound_s = self._work_s / 2, self._sound_s / 2
