"""Generate takes that differ in their random seed alone, and measure each for a choice.

The voices of one generator are the takes: they share each read of a weight, which makes many
of them cheap, and every voice has the samples that it would have alone.
`sopilib.evaluation.choice` chooses.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sopilib.engine.engine import EngineGenerator, ScoredSamples
from sopilib.errors import RequestError
from sopilib.evaluation.choice import Candidate
from sopilib.evaluation.failing_sound import FailingSeconds
from sopilib.evaluation.similarity import ReferenceStatistics
from sopilib.generation.pace import Pace
from sopilib.generation.request_checks import prepared_seed
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take import TakeRequest
from sopilib.generation.temperature_control import TemperatureControl

_FIRST_PIECE = 16  # samples, before the speed is known
_BIT_STEPS = 1 << 20
MOST_SEEDS = 2**63  # random seeds are below


class MeasuredTake(NamedTuple):
    """A take of one voice at the model's rate, and its measures.

    Attributes:
      candidate: its measures.
      levels: of its samples, uint16 (num_samples,), or None where they are not kept.
      audio: float32 (num_samples,), likewise.
      sha256: of its samples, as in a TakeRecord.
    """

    candidate: Candidate
    levels: np.ndarray | None
    audio: np.ndarray | None
    sha256: str


def rng_seeds_from(rng_seed: int, count: int) -> list[int]:
    """Return the random seeds of so many takes, the first one of them `rng_seed`."""
    return [(rng_seed + k) % MOST_SEEDS for k in range(count)]


def scoring_generator(generator: SampleGenerator) -> EngineGenerator:
    """Return a generator that says the likelihood of its samples.

    Raises:
      RequestError: it is not the engine's.
    """
    if not isinstance(generator, EngineGenerator):
        raise RequestError("choosing takes needs the native engine (build it: make install)")
    return generator


def measured_takes(
    generator: EngineGenerator,
    request: TakeRequest,
    rng_seeds: Sequence[int],
    keep_levels: bool = False,
    keep_audio: bool = False,
    advance: Callable[[int], None] = lambda num_samples: None,
) -> list[MeasuredTake]:
    """Generate a take for each random seed and measure it, without a corpus.

    Args:
      generator: of as many voices as there are seeds.
      request: of the takes, for one voice; its rng_seed does not count.
      rng_seeds: of the takes.
      keep_levels, keep_audio: what to return; without, memory does not grow with the length.
      advance: is called with the samples of each voice that were generated.
    """
    rate = generator.config.sample_rate
    voices = [_Voice(rng_seed, rate, keep_levels, keep_audio) for rng_seed in rng_seeds]
    for piece in _pieces(generator, request, rng_seeds):
        for k, voice in enumerate(voices):
            voice.add(piece.audio[k], piece.levels[k], piece.bits[k])
        advance(piece.audio.shape[1])
    return [voice.measured() for voice in voices]


def compared_take(take: MeasuredTake, reference: ReferenceStatistics) -> MeasuredTake:
    """Return a take, whose audio was kept, with its similarity to a corpus."""
    assert take.audio is not None
    return take._replace(candidate=take.candidate.compared(reference.measure(take.audio)))


def _pieces(
    generator: EngineGenerator, request: TakeRequest, rng_seeds: Sequence[int]
) -> Iterator[ScoredSamples]:
    assert request.dur_s is not None  # only a stream has no end
    rate = generator.config.sample_rate
    num_left = round(request.dur_s * rate)
    temperature = TemperatureControl(len(rng_seeds), request.temperature, num_left, rate)
    generator.reset(rng_seeds[0])
    if request.seed_audio is not None:
        generator.prime(prepared_seed(request.seed_audio, request.seed_rate, rate))
    for voice, rng_seed in enumerate(rng_seeds):
        generator.reseed_voice(voice, rng_seed)
    pace = Pace(_FIRST_PIECE)
    while num_left:
        num_samples = min(pace.num_samples, num_left)
        with pace.timing(num_samples):
            piece = generator.generate_scored(temperature.next(num_samples))
        num_left -= num_samples
        yield piece


class _Voice:
    """Collects what one take is measured by."""

    def __init__(
        self, rng_seed: int, sample_rate: int, keep_levels: bool, keep_audio: bool
    ) -> None:
        self._rng_seed, self._rate = rng_seed, sample_rate
        self._failing = FailingSeconds(sample_rate)
        self._bits, self._num_samples = 0, 0
        self._digest = hashlib.sha256()
        self._levels: list[np.ndarray] | None = [] if keep_levels else None
        self._audio: list[np.ndarray] | None = [] if keep_audio else None

    def add(self, audio: np.ndarray, levels: np.ndarray, bits: np.ndarray) -> None:
        self._failing.push(audio)
        # whole numbers, so that where the sound is cut makes no difference
        self._bits += int(np.rint(bits * _BIT_STEPS).astype(np.int64).sum())
        self._num_samples += len(bits)
        self._digest.update(audio.astype("<f4").tobytes())
        if self._levels is not None:
            self._levels.append(levels.astype(np.uint16))
        if self._audio is not None:
            self._audio.append(audio)

    def measured(self) -> MeasuredTake:
        candidate = Candidate(
            rng_seed=self._rng_seed,
            dur_s=self._num_samples / self._rate,
            bits=self._bits / _BIT_STEPS / max(1, self._num_samples),
            failing_s=self._failing.seconds,
        )
        levels, audio = _joined(self._levels), _joined(self._audio)
        return MeasuredTake(candidate, levels, audio, self._digest.hexdigest())


def _joined(pieces: list[np.ndarray] | None) -> np.ndarray | None:
    return None if pieces is None else np.concatenate(pieces)
