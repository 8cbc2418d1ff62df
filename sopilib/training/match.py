"""Find out how to play a model so that its takes come closest to its recordings.

Three values of a model's config say how it is played, none of which needs training:
`temperature`, the temperature of the model as trained that counts as 1 when it is played;
`noise_shaping` (`sopilib.model.noise_shaping`); and `gain_db`. A trial makes takes from silence
with one random seed, and the misfit of each says how far it is from the recordings
(`sopilib.evaluation.similarity`). The gain is searched in each trial, since it needs no new takes.
The search for the other two goes to the best of four neighbours while that is better, else it
halves its steps.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sopilib.evaluation.similarity import ReferenceStatistics
from sopilib.evaluation.verdict import Similarity
from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.config import MOST_GAIN_DB, TEMPERATURES, ModelConfig
from sopilib.model.folder import ModelFiles
from sopilib.model.noise_shaping import LIMIT

NUM_TRIALS = 15
_FIRST_STEPS = 0.02, 0.04  # of the temperature and the noise shaping
_NUM_HALVINGS = 3
_DIGITS = 4  # of a temperature and a noise shaping
_GAIN_STEPS_DB = 3.0, 1.0  # less is not heard
_PARTS_OF_GAIN = 1.0, 0.75, 0.5  # the one to prefer where the misfits are equal first
_MOST_CLIPPED = 1e-3  # of the samples of a trial's takes, more is heard


@dataclass(frozen=True)
class Playing:
    """How a model is played: three values of its config."""

    temperature: float
    noise_shaping: float
    gain_db: float

    @classmethod
    def of(cls, config: ModelConfig) -> "Playing":
        """Return that of a config."""
        return cls(config.temperature, config.noise_shaping, config.gain_db)

    def of_files(self, files: ModelFiles) -> ModelFiles:
        """Return the ModelFiles of a model that is played so; no file changes."""
        config = dataclasses.replace(files.config, **dataclasses.asdict(self))
        return dataclasses.replace(files, config=config)

    def __str__(self) -> str:
        return (
            f"temperature {self.temperature:g}, noise_shaping {self.noise_shaping:g}, "
            f"gain_db {self.gain_db:g}"
        )


@dataclass(frozen=True)
class MatchRequest:
    """The takes of each trial.

    Attributes:
      dur_s: seconds of a take, at least `sopilib.evaluation.reference.LEAST_DUR_S`.
      num_takes: at a time, one voice each.
      rng_seed: of all trials.
    """

    dur_s: float
    num_takes: int = 8
    rng_seed: int = 0


@dataclass(frozen=True)
class Trial:
    """The takes of a model that is played in one way.

    Attributes:
      playing: the way.
      similarities: of the takes, one or more.
    """

    playing: Playing
    similarities: Sequence[Similarity]

    @property
    def misfit(self) -> float:
        """The geometric mean of the takes' misfits; less is better, and one lost take not all."""
        return float(np.exp(np.mean([np.log(take.misfit) for take in self.similarities])))

    @property
    def num_held(self) -> int:
        """How many takes hold."""
        return sum(take.misfit <= 1 for take in self.similarities)

    @property
    def level_db(self) -> float:
        """By how much the takes are louder than the recordings, in dB, their median.

        A take that fell silent, 100 dB below, would turn a mean around.
        """
        return float(np.median([take.measures["level"] for take in self.similarities]))

    @property
    def middle(self) -> Similarity:
        """The take in the middle by misfit, the better one of two."""
        order = sorted(self.similarities, key=lambda take: take.misfit)
        return order[(len(order) - 1) // 2]


def trial(
    files: ModelFiles, reference: ReferenceStatistics, request: MatchRequest, playing: Playing
) -> Trial:
    """Generate takes and compare them with the recordings; the gain of `playing` is not used.

    The search for the gain begins at the one that gives the takes the recordings' level, at parts
    of it, or at none. That is not always the best: where a model lacks treble, takes that are
    louder as a whole come nearer. So it goes on up or down while the misfit becomes less and few
    samples clip.
    """
    without = dataclasses.replace(playing, gain_db=0.0)
    generator = make_generator(without.of_files(files), request.num_takes)
    take = TakeRequest(dur_s=request.dur_s, temperature=(1.0,), rng_seed=request.rng_seed)
    sound = np.concatenate(list(Take(generator, take)), axis=1)

    @functools.cache
    def at_gain(gain_db: float) -> Trial:
        louder = np.clip(sound * 10 ** (gain_db / 20), -1, 1)
        similarities = [reference.measure(voice) for voice in louder]
        return Trial(dataclasses.replace(playing, gain_db=gain_db), similarities)

    highest_db = min(MOST_GAIN_DB, _clipping_gain_db(sound))

    def is_allowed(gain_db: float) -> bool:
        return -MOST_GAIN_DB <= gain_db <= highest_db

    best = at_gain(0.0)
    missing_db = float(np.clip(-best.level_db, -MOST_GAIN_DB, MOST_GAIN_DB))
    if abs(missing_db) >= min(_GAIN_STEPS_DB):
        gains = [round(part * missing_db, 1) for part in _PARTS_OF_GAIN]
        best = best_of([*map(at_gain, filter(is_allowed, gains)), best])
    for step in _GAIN_STEPS_DB:
        is_better = True
        while is_better:
            here = best.playing.gain_db
            gains = [round(here + step, 1), round(here - step, 1)]
            nearer = best_of([best, *map(at_gain, filter(is_allowed, gains))])
            is_better, best = nearer is not best, nearer
    return best


def _clipping_gain_db(sound: np.ndarray) -> float:
    """Return the gain at which as many samples clip as may, no less than 0 dB."""
    loudest = float(np.quantile(np.abs(sound), 1 - _MOST_CLIPPED))
    return max(0.0, -20 * math.log10(max(loudest, np.finfo(np.float32).tiny)))


def search(evaluate: Callable[[Playing], Trial], start: Playing) -> Iterator[Trial]:
    """Yield the trials of a search, one after another, the first that of `start`.

    Args:
      evaluate: makes the Trial of a Playing; the caller may end the search after any.
      start: from where to search; its gain does not matter.
    """
    best = evaluate(start)
    tried = {_place(start)}
    yield best
    steps = _FIRST_STEPS
    for _ in range(_NUM_HALVINGS + 1):
        is_better = True
        while is_better:
            found = []
            for playing in _neighbours(best.playing, steps):
                if _place(playing) not in tried:
                    tried.add(_place(playing))
                    found.append(evaluate(playing))
                    yield found[-1]
            nearer = best_of([best, *found])
            is_better, best = nearer is not best, nearer
        steps = steps[0] / 2, steps[1] / 2


def best_of(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the least misfit, the first of several."""
    return min(trials, key=lambda one: one.misfit)


def table(trials: Sequence[Trial]) -> str:
    """Return the text to print of one or more trials, the best first."""
    lines = ["temperature  noise_shaping  gain_db  takes that hold  misfit  the middle take"]
    for one in sorted(trials, key=lambda one: one.misfit):
        held = f"{one.num_held} of {len(one.similarities)}"
        how, reasons = one.playing, "; ".join(one.middle.reasons) or "holds"
        lines.append(
            f"{how.temperature:<11g}  {how.noise_shaping:<13g}  {how.gain_db:<7g}  {held:<15}  "
            f"{one.misfit:<6.2f}  {reasons}"
        )
    return "\n".join(lines)


def _neighbours(playing: Playing, steps: tuple[float, float]) -> Iterator[Playing]:
    """Yield what is a step away in the noise shaping, then in the temperature."""
    by_temperature, by_shaping = steps
    for sign in (1, -1):
        moved = round(playing.noise_shaping + sign * by_shaping, _DIGITS)
        if abs(moved) <= LIMIT:
            yield dataclasses.replace(playing, noise_shaping=moved)
    low, high = TEMPERATURES
    for sign in (1, -1):
        moved = round(playing.temperature + sign * by_temperature, _DIGITS)
        if low <= moved <= high:
            yield dataclasses.replace(playing, temperature=moved)


def _place(playing: Playing) -> tuple[float, float]:
    return playing.temperature, playing.noise_shaping
