"""Streams: sound without end, generated a little ahead of its playback.

A `Stream` hands out short chunks for as long as it is asked, all voices summed and, if they
are to be had apart, each by itself, resampled continuously. Every change acts on the next
chunk. Where the network continues from elsewhere (a held or recalled state, a seed),
`StreamVoices` crossfades the old sound and the new one. A change of one voice leaves the
samples of the others as they are; `voice` counts from 0, and None is all of them.
"""

from collections.abc import Sequence

import numpy as np

from sopilib.audio.live_resample import TableResampler, live_resampler
from sopilib.audio.resample import StreamResampler
from sopilib.generation.request_checks import checked_rate, checked_rng_seed
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.state_blend import blend
from sopilib.generation.stream_gains import GLIDE_S
from sopilib.generation.stream_glide import Glide
from sopilib.generation.stream_health import Failing, Health
from sopilib.generation.stream_hold import Hold
from sopilib.generation.stream_lead import Lead
from sopilib.generation.stream_notes import Notes
from sopilib.generation.stream_seed import SeedListener, end_of_seed
from sopilib.generation.stream_speed import Speedometer
from sopilib.generation.stream_voices import StreamVoices
from sopilib.generation.take import TakeRequest
from sopilib.generation.temperature_control import TemperatureControl
from sopilib.model.generator_state import SavedState


class Stream:
    """The sound of a generator, chunk by chunk, without end.

    Args:
      generator: SampleGenerator.
      request: TakeRequest, its dur_s None.
      latency_s: the longest time until a change of temperature sounds, in seconds.
      is_apart: whether each voice is handed out by itself, too.

    Attributes:
      sample_rate: of the chunks, in Hz.
      is_apart: as above.
      rng_seed: the random seed that it began with.
      temperature: TemperatureControl.
      num_made: samples handed out so far.
      failing: how the last chunk began to fail, None if it did not.

    Raises:
      RequestError: rate, latency, temperatures or random seed out of range.
      AudioError: the seed audio is empty or not finite.
    """

    def __init__(
        self,
        generator: SampleGenerator,
        request: TakeRequest,
        latency_s: float,
        is_apart: bool = False,
    ) -> None:
        self._generator, self._resume = generator, request.resume
        self.is_apart = is_apart
        rate = generator.config.sample_rate
        out_rate = rate if request.out_rate is None else request.out_rate
        self.sample_rate = checked_rate("output", out_rate)
        self.rng_seed = generator.rng_seed if request.resume else checked_rng_seed(request.rng_seed)
        self._first_seed: np.ndarray | None = None
        if request.seed_audio is not None:
            self._first_seed = end_of_seed(request.seed_audio, request.seed_rate, rate)
        self.temperature = TemperatureControl(generator.num_seqs, request.temperature, None, rate)
        if request.ramp is not None:
            self.temperature.ramp(*request.ramp)
        self.num_made = 0
        self.failing: Failing | None = None
        self._lead = Lead(rate, self.sample_rate, latency_s)
        self._voices = StreamVoices(generator, self.temperature)
        self._hold = Hold(generator, self._voices)
        self._health = Health(generator, self._voices)
        self._listener = SeedListener(generator, self._voices)
        self._glide = Glide(generator, self._voices)
        self._notes = Notes(self._voices, generator.num_seqs)
        # made where it begins, if rates differ
        self._resampler: StreamResampler | TableResampler | None = None
        self._speedometer = Speedometer(rate)

    def begin(self) -> None:
        """Put the network at its start and prime it with the seed of the request."""
        generator = self._generator
        if not self._resume:
            generator.reset(self.rng_seed)
        if self._first_seed is not None:
            generator.prime(self._first_seed)
            generator.handover.append(np.tile(self._first_seed, (generator.num_seqs, 1)))
        self._health.begin()
        rate = generator.config.sample_rate
        if self.sample_rate != rate:
            past = self._rows(generator.handover.played)
            self._resampler = live_resampler(rate, self.sample_rate, past)

    def next_rows(self, most: int | None = None) -> np.ndarray:
        """Return the next samples of the sum and, apart, of each voice; float32 (rows, n), 0 <= n.

        They are fewer while the resampler fills.

        Args:
          most: samples to generate, at the model's rate; default a chunk.
        """
        num_samples = self._lead.chunk_size if most is None else min(most, self._lead.chunk_size)
        num_samples = self._until_a_jump(num_samples)
        with self._speedometer.timing(num_samples):
            voices = self._voices.next(num_samples)  # (num_seqs, num_samples)
            self._judge(voices.sum(axis=0))
            rows = self._rows(self._voices.as_loud_as_wanted(voices))
            if self._resampler is not None:
                rows = self._resampler.push(rows)
        self._lead.note_generated(num_samples)
        self.num_made += rows.shape[1]
        return rows

    def _until_a_jump(self, num_samples: int) -> int:
        """Let voices jump that are to jump now; return how many samples to generate until others.

        What is held while the stream glides moves along with each step.
        """
        if self._glide.is_due:
            if self._glide.take_step():
                self._move_here(self._all)
            else:
                self._hold.change_here()
        self._hold.return_if_due()
        num_samples = self._hold.limit(self._glide.limit(num_samples))
        self._glide.advance(num_samples)
        self._hold.advance(num_samples)
        return num_samples

    def _rows(self, voices: np.ndarray) -> np.ndarray:
        """Return the sum of voices (num_seqs, n), and below it the voices if they are apart."""
        total: np.ndarray = voices.sum(axis=0, keepdims=True)
        return np.concatenate([total, voices]) if self.is_apart else total

    def _judge(self, sound: np.ndarray) -> None:
        self.failing = self._health.push(sound, self._hold.is_held)
        if self.failing and self.failing.is_healed:
            self._hold.move_here(self._all)

    # Time

    @property
    def speed(self) -> float:
        """Seconds of sound generated in a second of work, of late."""
        return self._speedometer.times_real_time

    def measure_speed_anew(self) -> None:
        """Let what was measured until now hardly count, for the choice of threads neither."""
        self._speedometer.forget()
        self._generator.limit_threads(self._generator.threads)

    @property
    def front(self) -> float:
        """How far the sound is generated, in samples at `sample_rate`."""
        return self._lead.front

    @property
    def latency_s(self) -> float:
        """The latency in use, in seconds."""
        return self._lead.latency_s

    def set_latency(self, latency_s: float) -> None:
        """Generate at most this long ahead from now on, in seconds; see `Lead.set_latency`.

        Raises:
          RequestError: it is not above 0, or too long.
        """
        self._lead.set_latency(latency_s)

    def is_due(self, num_played: int) -> bool:
        """Return whether the next chunk fits into the latency after `num_played` samples."""
        return self._lead.is_due(num_played)

    def room(self, num_played: int) -> int:
        """Return how many samples, at the model's rate, fit the latency after `num_played`."""
        return self._lead.room(num_played)

    # Changes while it plays, besides the temperature

    @property
    def _all(self) -> Sequence[int]:
        return range(self._generator.num_seqs)

    def _chosen(self, voice: int | None) -> Sequence[int]:
        return self._all if voice is None else [voice]

    def prime(
        self, seed_audio: np.ndarray, seed_rate: int | None, voice: int | None = None
    ) -> None:
        """Listen to the end of a sound, a piece at each `listen`, then continue from it.

        Args:
          seed_audio: float32 (n,) or (n, channels).
          seed_rate: in Hz, default the model's.
          voice: that continues from it.

        Raises:
          RequestError, AudioError: as in the constructor.
        """
        rate = self._generator.config.sample_rate
        self._listener.begin(end_of_seed(seed_audio, seed_rate, rate), self._chosen(voice))

    @property
    def is_listening(self) -> bool:
        """Whether there is more of a seed to listen to."""
        return self._listener.is_listening

    def listen(self) -> None:
        """Listen to a little more of the seed, some milliseconds of work."""
        if jumped := self._listener.listen():
            self._glide.cancel()
            self._move_here(sorted(jumped))

    def reseed(self, rng_seed: int | None, voice: int | None = None) -> None:
        """Continue with the random numbers of `rng_seed`, or of a fresh one if it is None.

        One voice then has the random numbers that it would have alone.
        """
        rng_seed = checked_rng_seed(rng_seed)
        if voice is None:
            self._generator.reseed(rng_seed)
        else:
            self._generator.reseed_voice(voice, rng_seed)

    def hold(self, seconds: float, voice: int | None = None) -> None:
        """Start again from here every `seconds` from now on, 0 to play on freely.

        Each time the random numbers are fresh ones. A seed or a recall moves the held state.

        Raises:
          RequestError: it is neither 0 nor 0.02 to 3600.
        """
        self._hold.set_period(seconds, self._chosen(voice))
        self._glide.cancel()

    def recall(self, state: SavedState, voice: int | None = None) -> None:
        """Continue from where the generator saved `state`, with its random numbers.

        This ends listening to a seed.

        Raises:
          RequestError: the state is of another model or number of voices.
        """
        voices = self._chosen(voice)
        self._listener.cancel(voices)
        self._glide.cancel()
        if voice is None:
            self._voices.jump(state, random=True)
        else:
            self._voices.jump_apart({voice: (state, voice)}, random=True)
        self._notes.end(voices)
        self._move_here(voices)

    def morph(self, first: SavedState, second: SavedState, share: float, seconds: float) -> None:
        """Glide to the blend of two states, at once if `seconds` is 0.

        A share of 0 is `first` itself as `recall` has it, 1 is `second`; see `blend`.
        """
        target = blend(self._generator, first, second, share, self._voices.temperature)
        if not seconds:
            self.recall(target)
            return
        self._listener.cancel(self._all)
        self._notes.end(self._all)
        self._glide.begin(target, seconds)

    def press_key(self, pitch: int, loudness: float, state: SavedState) -> None:
        """Play the first voice of `state` in one voice while the key `pitch` is held."""
        self._glide.cancel()
        voice = self._notes.press(pitch, loudness, state)
        self._listener.cancel([voice])
        self._move_here([voice])

    def let_key_go(self, pitch: int) -> None:
        """Fade out what a key plays."""
        self._notes.let_go(pitch)

    def set_release(self, seconds: float) -> None:
        """Let keys that are let go from now on fade out within this time."""
        self._notes.release_s = seconds

    def set_gain(self, gain: float, voice: int | None = None, seconds: float = GLIDE_S) -> None:
        """Glide to this gain, 0 or more, within `seconds` of sound; 0 is at once."""
        for chosen in self._chosen(voice):
            self._voices.gains.glide(chosen, gain, seconds)

    def heal(self, is_wanted: bool) -> None:
        """Return to a healthy state from now on where the sound fails, or no longer."""
        self._health.is_healing = is_wanted

    def _move_here(self, voices: Sequence[int]) -> None:
        self._hold.move_here(voices)
        self._health.move()
