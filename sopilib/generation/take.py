"""Takes: a request for sound in, audio out, chunk by chunk.

A `Take` resets its generator or continues from its state, primes it with the seed audio, and
yields what it generates at the requested rate, in chunks small enough to be steered and
stopped. The generator (`sopilib.generation.sample_generator`) keeps its state after the take.
The take's record says what it was made from, and `take_again` makes the same samples from it.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sopilib.errors import RequestError
from sopilib.generation.pace import Pace
from sopilib.generation.record import TakeRecord
from sopilib.generation.request_checks import (
    checked_length,
    checked_rate,
    checked_rng_seed,
    prepared_seed,
)
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take_output import TakeOutput
from sopilib.generation.take_state import TakeState
from sopilib.generation.temperature import Track, as_track
from sopilib.generation.temperature_control import TemperatureControl
from sopilib.model.generator_state import CONTEXT

# samples of the first chunk, before the speed is known
_FIRST_CHUNK = 16


@dataclass(frozen=True)
class TakeRequest:
    """The settings of a take or a stream.

    Attributes:
      dur_s: seconds of sound, finite, > 0; None in a stream, which has no end.
      out_rate: rate of the audio in Hz, default the model's.
      temperature: tracks (see `temperature`), one for all voices or one for each.
      seed_audio: float32 (n,) or (n, channels) to prime with, or None.
      seed_rate: rate of seed_audio in Hz, default the model's.
      rng_seed: int >= 0; default: a fresh one.
      resume: continue from where the last take ended, with its state and its random
        numbers (rng_seed is for takes that start over).
      ramp: (target temperature, seconds) to glide to from the take's start, or None.
      seed_name: where the seed audio came from, for the record, or None.
      continues: TakeRecord of the take that this one resumes, None if there is none.
      again: TakeRecord of the take that this one repeats, turn by turn and to the
        sample where it ended, or None.
      choice: for the record, from which takes this one was chosen, or None.
      in_memory: whether the whole sound is kept in memory, which limits its length.
    """

    dur_s: float | None = 4.0
    out_rate: int | None = None
    temperature: tuple[Track | np.ndarray, ...] = (1.0,)
    seed_audio: np.ndarray | None = None
    seed_rate: int | None = None
    rng_seed: int | None = None
    resume: bool = False
    ramp: tuple[float, float] | None = None
    seed_name: str | None = None
    continues: TakeRecord | None = None
    again: TakeRecord | None = None
    choice: Mapping[str, Any] | None = None
    in_memory: bool = True


class Take:
    """A take: iterating generates it, chunk by chunk.

    Iterating yields float32 (num_seqs, m) at `sample_rate`, exactly
    round(dur_s * sample_rate) samples in all; -1 <= x <= 1 at the model's rate,
    while resampling may overshoot a little. A chunk is about 40 ms of work at
    any speed, the first ones less; while a seed is primed and a resampler fills,
    chunks are empty. You may stop at any chunk, and a take that resumes continues from
    there.

    Args:
      generator: SampleGenerator.
      request: TakeRequest, its dur_s not None.

    Attributes:
      num_samples: length of the take at `sample_rate`.
      sample_rate: in Hz.
      rng_seed: the random seed in use.
      temperature: TemperatureControl, which any thread may change.

    Raises:
      RequestError: length, rate, temperatures or random seed out of range.
      AudioError: the seed audio is empty or not finite.
    """

    def __init__(self, generator: SampleGenerator, request: TakeRequest) -> None:
        assert request.dur_s is not None  # only a stream has no end
        self._generator = generator
        self._request = dataclasses.replace(request, seed_audio=None)  # kept as prepared
        self._dur_s = request.dur_s
        rate, num_seqs = generator.config.sample_rate, generator.num_seqs
        out_rate = rate if request.out_rate is None else request.out_rate
        self.sample_rate = checked_rate("output", out_rate)
        self._length = checked_length(request.dur_s, self.sample_rate, num_seqs, request.in_memory)
        self.num_samples = request.again.num_samples if request.again else self._length
        self.rng_seed = generator.rng_seed if request.resume else checked_rng_seed(request.rng_seed)
        self._seed_audio: np.ndarray | None = None
        if request.seed_audio is not None:
            self._seed_audio = prepared_seed(request.seed_audio, request.seed_rate, rate)
        self.temperature = TemperatureControl(
            num_seqs, request.temperature, round(request.dur_s * rate), rate
        )
        if request.ramp is not None:
            self.temperature.ramp(*request.ramp)
        if request.again:
            self.temperature.replay(request.again.turns)
        self._num_primed = self._num_made = self._num_out = 0
        self._digest = hashlib.sha256()
        self._output: TakeOutput | None = None  # until the seed is primed

    @property
    def record(self) -> TakeRecord:
        """The TakeRecord of what has been generated so far."""
        request, seed_audio = self._request, None
        if self._seed_audio is not None and self._num_primed:
            seed_audio = self._seed_audio[: self._num_primed]
        return TakeRecord(
            dur_s=self._dur_s,
            out_rate=self.sample_rate,
            rng_seed=self.rng_seed,
            temperature=tuple(map(as_track, request.temperature)),
            turns=tuple(turn for turn in self.temperature.log if turn.position < self._num_made),
            num_made=self._num_made,
            num_samples=self._num_out,
            sha256=self._digest.hexdigest(),
            seed_audio=seed_audio,
            seed_name=request.seed_name,
            resume=request.resume,
            continues=request.continues,
            choice=request.choice,
        )

    @property
    def plan(self) -> TakeRecord:
        """The TakeRecord of the take before its first sample, with all of its seed audio."""
        return dataclasses.replace(self.record, seed_audio=self._seed_audio)

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._output is None:
            yield from self._begin()
        output = self._output
        assert output is not None  # `_begin` makes it
        pace = Pace(_FIRST_CHUNK)
        while num_left := self._num_left(output):
            num_samples = min(pace.num_samples, num_left)
            with pace.timing(num_samples):
                samples = self._generator.generate(self.temperature.next(num_samples))
            chunk = output.push(samples)
            self._num_made += num_samples
            yield self._noted(chunk)

    def save_state(self) -> TakeState | None:
        """Return where the take stands between two chunks; None before its first sample."""
        if self._output is None or not self._num_made:
            return None
        return TakeState(
            self._num_made,
            self._num_out,
            self._generator.save_state(),
            self._output.save(),
            self._digest.hexdigest(),
        )

    def restore_state(self, state: TakeState, sound: Iterable[np.ndarray]) -> None:
        """Continue from where `save_state` was called, in place of beginning.

        Args:
          state: of a take of the same generator and request.
          sound: what it handed out until then, float32 (any, num_seqs) each.
        """
        self._generator.restore_state(state.generator)
        self._output = self._new_output()
        self._output.restore(state.output)
        self.temperature.skip(state.num_made)
        self._num_made, self._num_out = state.num_made, state.num_out
        self._num_primed = 0 if self._seed_audio is None else len(self._seed_audio)
        for block in sound:
            self._digest.update(block.astype("<f4").tobytes())

    def _begin(self) -> Iterator[np.ndarray]:
        """Reset the generator, prime it, and yield what an earlier take left to hand out."""
        generator = self._generator
        if not self._request.resume:
            generator.reset(self.rng_seed)
        if self._seed_audio is not None:
            yield from self._prime(self._seed_audio)
        self._output = self._new_output()
        if generator.handover.unplayed.shape[1]:
            yield self._noted(self._output.push(generator.handover.unplayed))

    def _new_output(self) -> TakeOutput:
        generator = self._generator
        rate = generator.config.sample_rate
        return TakeOutput(generator.handover, rate, self.sample_rate, self._length)

    def _num_left(self, output: TakeOutput) -> int:
        """Return the samples at the model's rate that are still to be generated."""
        num_left = output.num_needed
        if self._request.again:
            num_left = min(num_left, self._request.again.num_made - self._num_made)
        return max(0, num_left)

    def _noted(self, chunk: np.ndarray) -> np.ndarray:
        """Return `chunk` after noting it for the record."""
        self._num_out += chunk.shape[1]
        self._digest.update(chunk.T.astype("<f4").tobytes())
        return chunk

    def _prime(self, audio: np.ndarray) -> Iterator[np.ndarray]:
        """Prime with the seed audio, piece by piece; yield an empty chunk after each."""
        generator = self._generator
        nothing = np.zeros((generator.num_seqs, 0), np.float32)
        big_frame_size = generator.config.big_frame_size
        pace, begin = Pace(big_frame_size), 0
        while begin < len(audio):
            # whole big frames, as only these are primed many at a time
            num_frames = max(1, pace.num_samples // big_frame_size)
            piece = audio[begin : begin + num_frames * big_frame_size]
            with pace.timing(len(piece)):
                generator.prime(piece)
            begin += len(piece)
            context = audio[max(0, begin - CONTEXT) : begin]
            generator.handover.replace(np.tile(context, (generator.num_seqs, 1)))
            self._num_primed = begin
            yield nothing


def take_again(generator: SampleGenerator, record: TakeRecord, in_memory: bool = True) -> Take:
    """Return the Take that repeats `record`, after generating all takes before it.

    Args:
      generator: of the same model, engine, precision and number of voices.
      record: TakeRecord.
      in_memory: as of the TakeRequest.

    Raises:
      RequestError: a value in the record is out of range, or it continues a sound
        that has no record.
    """
    *before, last = record.chain()
    for earlier in before:
        for _ in Take(generator, request_again(earlier)):
            pass
    return Take(generator, request_again(last, in_memory))


def request_again(record: TakeRecord, in_memory: bool = True) -> TakeRequest:
    """Return the TakeRequest that repeats the last take of `record`, without those before it.

    Raises:
      RequestError: it continues a sound that has no record.
    """
    if record.resume and record.continues is None:
        raise RequestError(
            "the take resumes a sound that has no record (give the record of a take that "
            "starts over)"
        )
    return dataclasses.replace(
        new_request(record, in_memory),
        resume=record.resume,
        continues=record.continues,
        again=record,
    )


def new_request(record: TakeRecord, in_memory: bool = True) -> TakeRequest:
    """Return the TakeRequest of a take with the settings of `record` that starts over."""
    return TakeRequest(
        dur_s=record.dur_s,
        out_rate=record.out_rate,
        temperature=record.temperature,
        seed_audio=record.seed_audio,
        seed_name=record.seed_name,
        rng_seed=record.rng_seed,
        choice=record.choice,
        in_memory=in_memory,
    )
