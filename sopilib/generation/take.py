"""Takes: a request for sound in, audio out, chunk by chunk.

A `Take` resets its generator or goes on with its state, primes it with the seed
audio, and yields what it makes at the rate that was asked for, in chunks small
enough to be steered and stopped. The generator (`sopilib.generation.generator`) makes the
samples; its state outlives the take. What it was made from is in its record, with
which `take_again` makes the same samples.
"""

import contextlib
import dataclasses
import hashlib
import math
import numbers
import os
import secrets
import time
from dataclasses import dataclass

import numpy as np

from sopilib.audio.resample import StreamResampler, mix_to_mono, resample
from sopilib.errors import AudioError, RequestError
from sopilib.generation.record import TakeRecord
from sopilib.generation.temperature import TemperatureControl, as_track
from sopilib.model.config import checked_sample_rate

# samples of the past that are kept for the resampler of a take that resumes
_MAX_CONTEXT = 4096
# samples of the first chunk, before the speed is known
_FIRST_CHUNK = 16
# a resampled take is computed in blocks of this length, see StreamResampler
_BLOCKS_PER_S = 50
# what a sample costs: 8 in a Pd array, 4 kept to be saved, 4 again while it is saved
_BYTES_PER_SAMPLE = 16


@dataclass(frozen=True)
class TakeRequest:
    """What a take shall be.

    Attributes:
      dur_s: seconds of sound, finite, > 0; None in a stream, which has no end.
      out_rate: rate of the audio in Hz, default the model's.
      temperature: tracks (see `envelope`), one for all voices or one for each.
      seed_audio: float32 (n,) or (n, channels) to prime with, or None.
      seed_rate: rate of seed_audio in Hz, default the model's.
      rng_seed: int >= 0; default: a fresh one.
      resume: go on from where the last take ended, its state and its random
        generators (rng_seed is for takes that start anew).
      ramp: (target temperature, seconds) to glide to from the take's start, or None.
      seed_name: where the seed audio came from, for the record, or None.
      continues: TakeRecord of the take that this one resumes, None if there is none.
      again: TakeRecord of the take that this one repeats, turn by turn and to the
        sample where it ended, or None.
    """

    dur_s: float | None = 4.0
    out_rate: int | None = None
    temperature: tuple = (1.0,)
    seed_audio: np.ndarray | None = None
    seed_rate: int | None = None
    rng_seed: int | None = None
    resume: bool = False
    ramp: tuple | None = None
    seed_name: str | None = None
    continues: TakeRecord | None = None
    again: TakeRecord | None = None


class Take:
    """A take: iterating makes it, chunk by chunk.

    Iterating yields float32 (num_seqs, m) at `sample_rate`, exactly
    round(dur_s * sample_rate) samples in all; -1 <= x <= 1 at the model's rate,
    while resampling may overshoot a little. A chunk is about 40 ms of work, whatever
    the speed, the first ones less; while a seed is primed and a resampler fills,
    chunks are empty. Whoever iterates may stop at any chunk, and a take that resumes
    goes on from there.

    Attributes:
      num_samples: length of the take at `sample_rate`.
      sample_rate: in Hz.
      rng_seed: the random seed in use.
      temperature: TemperatureControl, to be turned from any thread.

    Raises:
      RequestError: length, rate, temperatures or random seed out of range.
      AudioError: the seed audio is empty or not finite.
    """

    def __init__(self, generator, request):
        self._generator = generator
        self._request = dataclasses.replace(request, seed_audio=None)  # kept as prepared
        rate, num_seqs = generator.config.sample_rate, generator.num_seqs
        out_rate = rate if request.out_rate is None else request.out_rate
        self.sample_rate = checked_rate("output", out_rate)
        self._length = _checked_length(request.dur_s, self.sample_rate, num_seqs)
        self.num_samples = request.again.num_samples if request.again else self._length
        self.rng_seed = generator.rng_seed if request.resume else checked_rng_seed(request.rng_seed)
        self._seed_audio = prepared_seed(request.seed_audio, request.seed_rate, rate)
        self.temperature = TemperatureControl(
            num_seqs, request.temperature, round(request.dur_s * rate), rate
        )
        if request.ramp is not None:
            self.temperature.ramp(*request.ramp)
        if request.again:
            self.temperature.replay(request.again.turns)
        self._num_primed = self._num_made = self._num_heard = 0
        self._digest = hashlib.sha256()

    @property
    def record(self):
        """The TakeRecord of what has been made so far."""
        request, primed = self._request, self._num_primed
        return TakeRecord(
            dur_s=request.dur_s,
            out_rate=self.sample_rate,
            rng_seed=self.rng_seed,
            temperature=tuple(map(as_track, request.temperature)),
            turns=tuple(turn for turn in self.temperature.log if turn[0] < self._num_made),
            num_made=self._num_made,
            num_samples=self._num_heard,
            sha256=self._digest.hexdigest(),
            seed_audio=self._seed_audio[:primed] if primed else None,
            seed_name=request.seed_name,
            resume=request.resume,
            continues=request.continues,
        )

    def __iter__(self):
        generator = self._generator
        if not self._request.resume:
            generator.reset(self.rng_seed)
        if self._seed_audio is not None:
            yield from self._prime()
        output = _Output(generator, self.sample_rate, self._length)
        if generator.unplayed.shape[1]:
            yield self._heard(output.push(generator.unplayed))
        pace = _Pace(_FIRST_CHUNK)
        while num_left := self._num_left(output):
            num_samples = min(pace.num_samples, num_left)
            with pace.timing(num_samples):
                made = generator.generate(self.temperature.next(num_samples))
            chunk = output.push(made)
            self._num_made += num_samples
            yield self._heard(chunk)

    def _num_left(self, output):
        """Samples at the model's rate that are still to be made."""
        num_left = output.num_needed
        if self._request.again:
            num_left = min(num_left, self._request.again.num_made - self._num_made)
        return max(0, num_left)

    def _heard(self, chunk):
        """`chunk`, taken down in the record."""
        self._num_heard += chunk.shape[1]
        self._digest.update(chunk.T.astype("<f4").tobytes())
        return chunk

    def _prime(self):
        """Prime with the seed audio, piece by piece, yielding an empty chunk after each."""
        generator, audio = self._generator, self._seed_audio
        nothing = np.zeros((generator.num_seqs, 0), np.float32)
        big_frame_size = generator.config.big_frame_size
        pace, begin = _Pace(big_frame_size), 0
        while begin < len(audio):
            # whole big frames, as only these are primed many at a time
            num_frames = max(1, pace.num_samples // big_frame_size)
            piece = audio[begin : begin + num_frames * big_frame_size]
            with pace.timing(len(piece)):
                generator.prime(piece)
            begin += len(piece)
            context = audio[max(0, begin - _MAX_CONTEXT) : begin]
            generator.played = np.tile(context, (generator.num_seqs, 1))
            generator.unplayed = nothing
            self._num_primed = begin
            yield nothing


def take_again(generator, record):
    """The Take that makes what `record` tells of again; what went before it is made here.

    Args:
      generator: of the same model, engine, precision and number of voices.
      record: TakeRecord.

    Raises:
      RequestError: a value in the record is out of range, or it goes on from a sound
        that no record tells of.
    """
    *before, last = record.chain()
    for earlier in before:
        for _ in _one_again(generator, earlier):
            pass
    return _one_again(generator, last)


def _one_again(generator, record):
    if record.resume and record.continues is None:
        raise RequestError(
            "the take goes on from a sound that no record tells of (give the record of a "
            "take that began anew)"
        )
    request = TakeRequest(
        dur_s=record.dur_s,
        out_rate=record.out_rate,
        temperature=record.temperature,
        seed_audio=record.seed_audio,
        seed_name=record.seed_name,
        rng_seed=record.rng_seed,
        resume=record.resume,
        continues=record.continues,
        again=record,
    )
    return Take(generator, request)


class _Output:
    """Audio of the model in, audio of a take out; keeps what a next take needs.

    Where the rate is not the model's, the resampler needs a few milliseconds of
    sound beyond the last sample given. Those stay with the generator as
    `unplayed`: they come first in a take that resumes, and `played`, the last that
    was heard, is the context of its resampler. So takes join without a click.
    """

    def __init__(self, generator, out_rate, num_samples):
        self._generator = generator
        self._rates = in_rate, _ = generator.config.sample_rate, out_rate
        self._resampler = None
        self.num_needed = num_samples  # of the model's
        if in_rate != out_rate:
            block = out_rate // _BLOCKS_PER_S
            self._resampler = StreamResampler(in_rate, out_rate, generator.played, block)
            self.num_needed = self._resampler.num_needed(num_samples)
        self._recent = generator.played  # (num_seqs, any)
        self._num_out = 0
        self.num_left = num_samples  # at out_rate
        self._num_in = 0

    def push(self, made):
        """The audio (num_seqs, any) at the take's rate that `made` (num_seqs, any) gives."""
        self._num_in += made.shape[1]
        self.num_needed -= made.shape[1]
        chunk = made if self._resampler is None else self._resampler.push(made)
        chunk = chunk[:, : self.num_left]
        self._num_out += chunk.shape[1]
        self.num_left -= chunk.shape[1]
        num_unplayed = self._num_in - round(self._num_out * self._rates[0] / self._rates[1])
        self._keep(np.concatenate([self._recent, made], axis=1), num_unplayed)
        return chunk

    def _keep(self, recent, num_unplayed):
        """Leave with the generator the end of `recent` (num_seqs, any)."""
        recent = recent[:, max(0, recent.shape[1] - _MAX_CONTEXT - num_unplayed) :]
        num_played = recent.shape[1] - num_unplayed
        self._generator.played = recent[:, :num_played]
        self._generator.unplayed = recent[:, num_played:]
        self._recent = recent


class _Pace:
    """How many samples to make at a time so that it takes about 40 ms."""

    TARGET_S = 0.04

    def __init__(self, num_samples):
        self.num_samples = num_samples

    @contextlib.contextmanager
    def timing(self, num_samples):
        """Learn from how long the enclosed work on `num_samples` takes."""
        start = time.perf_counter()
        yield
        seconds = max(time.perf_counter() - start, 1e-6)
        fitting = num_samples * self.TARGET_S / seconds
        # at most doubled, so that one lucky measurement makes no long chunk
        self.num_samples = max(1, int(min(fitting, 2 * self.num_samples)))


def checked_rng_seed(seed):
    """The random seed asked for, or for None a fresh one, small enough to be a float in Pd."""
    if seed is None:
        return secrets.randbelow(2**24)
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise RequestError(f"the random seed {seed} (give an integer, 0 or above)")
    return int(seed)


def checked_rate(name, rate):
    """Return `rate`, an int in Hz. Raises RequestError where it is out of range."""
    return checked_sample_rate(f"the {name} sample rate", rate)


def _checked_length(dur_s, rate, num_seqs):
    """Samples in `dur_s` seconds at `rate`, for which there is memory."""
    if not (math.isfinite(dur_s) and dur_s > 0):
        raise RequestError(f"the length {dur_s:g} s (give a number of seconds above 0)")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    voices = "1 voice" if num_seqs == 1 else f"{num_seqs} voices"
    bytes_per_s = rate * num_seqs * _BYTES_PER_SAMPLE
    if dur_s * bytes_per_s > memory / 2:
        raise RequestError(
            f"the length {dur_s:g} s needs {dur_s * bytes_per_s / 1e9:.4g} GB for "
            f"{voices} at {rate} Hz and this machine has {memory / 1e9:.1f} GB "
            f"(give at most {memory / 2 / bytes_per_s:.0f} s)"
        )
    num_samples = round(dur_s * rate)
    if not num_samples:
        raise RequestError(f"the length {dur_s:g} s is less than a sample at {rate} Hz (give more)")
    return num_samples


def prepared_seed(audio, seed_rate, rate):
    """Seed audio (n,) or (n, channels) or None, as (m,) at the model's `rate`, or None.

    Raises:
      AudioError: it is empty or not finite.
      RequestError: its rate is out of range.
    """
    if audio is None:
        return None
    audio = mix_to_mono(audio)
    if not audio.size:
        raise AudioError("the seed audio is empty (give a sound with samples in it)")
    if not np.isfinite(audio).all():
        raise AudioError("the seed audio holds NaN or infinity (give another sound)")
    seed_rate = rate if seed_rate is None else seed_rate
    return resample(audio, checked_rate("seed", seed_rate), rate)
