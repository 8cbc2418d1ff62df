"""Measure whether a seed steers the sound after it.

Seeds of 3 s come from held-out sound. A take of 1.5 s follows each, all with the same random
numbers, so that only the seeds differ. The log spectra of the last second of each seed and of
the first second of each take, from 60 to 1500 Hz in bands of 10 Hz, are compared: first the mean
over all seeds is taken from the seeds' spectra, and that over all takes from the takes', so that
what all have in common does not count; then each seed is correlated with each take.

The recordings themselves are measured likewise, each seed with the sound that follows it there. No
model can be expected to follow seeds more closely: where notes are short, what comes next has other
pitches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sopilib.evaluation.spectra import TINY, decibels
from sopilib.model.config import ModelConfig
from sopilib.model.generator_state import RandomState, SavedState

NUM_SEEDS = 24
SEED_S = 3.0
TAKE_S = 1.5
COMPARED_S = 1.0
TEMPERATURE = 0.9
LOWEST_HZ, HIGHEST_HZ, BAND_HZ = 60.0, 1500.0, 10.0
FLOOR_DB = -60.0  # of a band, below the mean of all seeds
STEP_S = 0.25  # between places where a seed may begin
_LEAST_COMPARED = 2  # seeds
SILENT_DB = -30.0  # of a seed's last second, below the held-out sound


class SeededGenerator(Protocol):
    """What a generator needs; `sopilib.generation.sample_generator.SampleGenerator` has it."""

    config: ModelConfig
    num_seqs: int

    def reset(self, rng_seed: int) -> None:
        """Start over."""
        ...

    def prime(self, audio: np.ndarray) -> None:
        """Continue as if `audio`, float32 (num_seqs, n), had been generated."""
        ...

    def generate(self, temperature: np.ndarray) -> np.ndarray:
        """Return the next samples, shaped as `temperature`, float32 (num_seqs, n)."""
        ...

    def save_state(self) -> SavedState:
        """Return where the generator stands."""
        ...

    def restore_state(self, state: SavedState) -> None:
        """Continue from where `save_state` was called."""
        ...


@dataclass(frozen=True)
class SeedSteering:
    """How takes follow their seeds.

    Attributes:
      own: mean correlation of a seed and its own take, -1 to 1.
      others: mean correlation of a seed and the takes of other seeds.
      best_is_own: share of the seeds whose best match is their own take, 0 to 1.
      num_seeds: how many seeds were compared.
      recorded: the same of what follows the seeds in the recordings, None if that is not known.
    """

    own: float
    others: float
    best_is_own: float
    num_seeds: int
    recorded: "SeedSteering | None" = None

    def __str__(self) -> str:
        text = (
            f"own take {self.own:.2f}, others {self.others:.2f}, best match its own for "
            f"{100 * self.best_is_own:.0f} % of {self.num_seeds} seeds"
        )
        if self.recorded is None:
            return text
        there = self.recorded
        return (
            f"{text} (what follows in the recordings: {there.own:.2f}, {there.others:.2f}, "
            f"{100 * there.best_is_own:.0f} %)"
        )


def held_out_seeds(
    stretches: Sequence[np.ndarray], sample_rate: int, num_seeds: int = NUM_SEEDS
) -> np.ndarray | None:
    """Return seeds from all over the held-out sound, or None if there is too little.

    Seeds may overlap, but begin at least `STEP_S` apart. None ends in silence.

    Args:
      stretches: of held-out sound, float32 (num_samples,) each.
      sample_rate: in Hz.
      num_seeds: at least 2.

    Returns:
      float32 (num_seeds, samples of `SEED_S`).
    """
    length = round(SEED_S * sample_rate)
    places = _places(stretches, sample_rate, num_seeds)
    return np.stack([sound[begin : begin + length] for sound, begin in places]) if places else None


def recorded_steering(
    stretches: Sequence[np.ndarray], sample_rate: int, num_seeds: int = NUM_SEEDS
) -> SeedSteering | None:
    """Return how the recordings themselves go on after the seeds; None if too few go on.

    Args as of `held_out_seeds`.
    """
    length, compared = round(SEED_S * sample_rate), round(COMPARED_S * sample_rate)
    pairs = [
        (sound[begin : begin + length], sound[begin + length : begin + length + compared])
        for sound, begin in _places(stretches, sample_rate, num_seeds)
        if begin + length + compared <= len(sound)
    ]
    if len(pairs) < _LEAST_COMPARED:
        return None
    seeds, following = map(np.stack, zip(*pairs))
    return compare(seeds, following, sample_rate)


def _places(
    stretches: Sequence[np.ndarray], sample_rate: int, num_seeds: int
) -> list[tuple[np.ndarray, int]]:
    """Return the stretch of each seed and where it begins there; none if there is too little."""
    length, step = round(SEED_S * sample_rate), round(STEP_S * sample_rate)
    compared = round(COMPARED_S * sample_rate)
    num_samples = max(1, sum(map(len, stretches)))
    mean = sum(float(np.square(s, dtype=np.float64).sum()) for s in stretches) / num_samples
    least = mean * 10 ** (SILENT_DB / 10)
    places = [
        (stretch, begin)
        for stretch in stretches
        for begin in range(0, len(stretch) - length + 1, step)
        if np.mean(np.square(stretch[begin + length - compared : begin + length])) > least
    ]
    if len(places) < num_seeds:
        return []
    return [places[k] for k in np.linspace(0, len(places) - 1, num_seeds).round().astype(int)]


def takes_after(generator: SeededGenerator, seeds: np.ndarray, rng_seed: int = 0) -> np.ndarray:
    """Return a take after each seed, all with the same random numbers.

    Args:
      generator: of any number of voices; this resets it. It takes that many seeds at a time.
      seeds: float32 (num_seeds, num_samples), at the model's rate.
      rng_seed: int >= 0.

    Returns:
      float32 (num_seeds, samples of `TAKE_S`).
    """
    num_samples, num_seqs = round(TAKE_S * generator.config.sample_rate), generator.num_seqs
    temperature = np.full((num_seqs, num_samples), TEMPERATURE, np.float32)
    takes = []
    for begin in range(0, len(seeds), num_seqs):
        some = seeds[begin : begin + num_seqs]
        _reset_with_equal_numbers(generator, rng_seed)
        # voices without a seed repeat the last
        generator.prime(np.pad(some, ((0, num_seqs - len(some)), (0, 0)), mode="edge"))
        takes.append(generator.generate(temperature)[: len(some)])
    return np.concatenate(takes)


def _reset_with_equal_numbers(generator: SeededGenerator, rng_seed: int) -> None:
    """Start over, each voice with the random numbers of the first."""
    generator.reset(rng_seed)
    state = generator.save_state()
    numbers = RandomState(rng_seed, state.random.bit_states[:1] * generator.num_seqs)
    generator.restore_state(state._replace(random=numbers))


def compare(seeds: np.ndarray, takes: np.ndarray, sample_rate: int) -> SeedSteering:
    """Return the SeedSteering of takes after seeds.

    Args:
      seeds: float (num_seeds, any), two seeds or more; the last second counts.
      takes: float (num_seeds, any); the first second counts.
      sample_rate: in Hz, of both.
    """
    compared = round(COMPARED_S * sample_rate)
    of_seeds = _band_powers(seeds[:, -compared:], sample_rate)
    of_takes = _band_powers(takes[:, :compared], sample_rate)
    floor_db = float(decibels(max(of_seeds.mean(), TINY))) + FLOOR_DB
    one = _without_the_common(np.maximum(decibels(of_seeds), floor_db))
    other = _without_the_common(np.maximum(decibels(of_takes), floor_db))
    correlations = one @ other.T  # (num_seeds, num_seeds)
    is_own = np.eye(len(seeds), dtype=bool)
    best = correlations.argmax(axis=1)
    return SeedSteering(
        own=float(correlations[is_own].mean()),
        others=float(correlations[~is_own].mean()),
        best_is_own=float(np.mean(best == np.arange(len(seeds)))),
        num_seeds=len(seeds),
    )


def _band_powers(sounds: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the power in each band, float (num_sounds, num_bands)."""
    hann = np.hanning(sounds.shape[1] + 1)[:-1]
    spectra = np.square(np.abs(np.fft.rfft(sounds * hann, axis=1)))
    hertz = np.fft.rfftfreq(sounds.shape[1], 1 / sample_rate)
    edges = np.arange(LOWEST_HZ, HIGHEST_HZ + BAND_HZ / 2, BAND_HZ)
    places = np.searchsorted(hertz, edges)
    sums = np.concatenate([np.zeros((len(spectra), 1)), np.cumsum(spectra, axis=1)], axis=1)
    powers: np.ndarray = np.diff(sums[:, places], axis=1)
    return powers


def _without_the_common(spectra_db: np.ndarray) -> np.ndarray:
    """Return spectra minus their mean over all sounds, each with mean 0 and length 1, or 0."""
    rest = spectra_db - spectra_db.mean(axis=0)
    rest = rest - rest.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rest, axis=1, keepdims=True)
    unit: np.ndarray = rest / np.maximum(lengths, 1e-9)
    return unit


def measure_seed_steering(
    generator: SeededGenerator,
    stretches: Sequence[np.ndarray],
    rng_seed: int = 0,
    num_seeds: int = NUM_SEEDS,
) -> SeedSteering | None:
    """Return the SeedSteering of a model and of its recordings; None if there are too few seeds.

    See `takes_after` and `held_out_seeds` for the arguments.
    """
    rate = generator.config.sample_rate
    seeds = held_out_seeds(stretches, rate, num_seeds)
    if seeds is None:
        return None
    steering = compare(seeds, takes_after(generator, seeds, rng_seed), rate)
    return replace(steering, recorded=recorded_steering(stretches, rate, num_seeds))
