"""The takes of a radio: drawn, made, and left out where they fail.

Each take has a number. The number and the random seed of the radio decide its model, random
seed, temperature and length, so that a run can be repeated, whatever the speed of the machine. A
take is judged every half second while it is made (`sopilib.evaluation.failing_sound`), at the
model's rate, and given up where it fails. A model whose takes fail again and again is dropped.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np

from sopilib.audio.loudness import loudness_lufs
from sopilib.audio.resample import BlockResampler
from sopilib.errors import RequestError
from sopilib.evaluation.failing_sound import FailureDetector, Steps
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take import Take, TakeRequest
from sopilib.limits import EXACT_IN_PD

MOST_FAILURES = 8  # takes of a model in a row
PEAK = 0.5**0.5  # of a take at most: two that cross fade stay within full scale
_BLOCK = 1 << 13  # samples


@dataclass(frozen=True)
class Draw:
    """What is drawn for a take: its number, from 1, random seed, temperature and seconds."""

    number: int
    rng_seed: int
    temperature: float
    dur_s: float


@dataclass(frozen=True)
class Programme:
    """What takes are drawn from, and what becomes of them.

    Attributes:
      rng_seed: of all draws, int >= 0.
      temperature: lowest and highest.
      dur_s: shortest and longest take, in seconds.
      fade_s: seconds that neighbours share.
      out_rate: of the radio, in Hz.
      loudness: LUFS of each take, or None to leave the level as it is.
      accepted: kinds of failure, of `failing_sound.KINDS`, that count as none.
    """

    rng_seed: int
    temperature: tuple[float, float]
    dur_s: tuple[float, float]
    fade_s: float
    out_rate: int
    loudness: float | None = None
    accepted: Set[str] = frozenset()

    def draw(self, number: int) -> Draw:
        """Return what take `number` is, with values that can be typed."""
        random = np.random.default_rng([self.rng_seed, number])
        rng_seed = int(random.integers(EXACT_IN_PD))
        temperature = round(float(random.uniform(*self.temperature)), 3)
        dur_s = round(float(random.uniform(*self.dur_s)), 2)
        return Draw(number, rng_seed, temperature, max(dur_s, self.dur_s[0]))


@dataclass
class Source:
    """A model of the radio.

    Attributes:
      name: of the model.
      generator: of one voice.
      num_failures: how many of its takes have failed since one held.
    """

    name: str
    generator: SampleGenerator
    num_failures: int = 0


@dataclass(frozen=True, eq=False)
class RadioTake:
    """A take that holds.

    Attributes:
      name: of its model.
      draw: what it is.
      sound: float32 (any,), at the model's rate.
      rates: of the model and of the radio, in Hz.
      gain: with which it is played.
      speed: seconds of sound made in a second.
    """

    name: str
    draw: Draw
    sound: np.ndarray
    rates: tuple[int, int]
    gain: float
    speed: float

    @property
    def num_samples(self) -> int:
        """Samples at the radio's rate."""
        return round(len(self.sound) * self.rates[1] / self.rates[0])

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the sound at the radio's rate, float32 (any,) each."""
        resampler = BlockResampler(*self.rates)
        for begin in range(0, len(self.sound), _BLOCK):
            yield self.gain * resampler.push(self.sound[begin : begin + _BLOCK])
        yield self.gain * resampler.finish()


class RadioTakes:
    """Makes the takes of a radio, one after another; iterating yields those that hold.

    Args:
      sources: the models, which take turns.
      programme: of the takes.
      tell: called with a line for the user.
      is_stopped: called often; where it returns True, the iteration ends.

    Raises:
      RequestError: while iterating: no model is left whose takes hold.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        programme: Programme,
        tell: Callable[[str], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._sources: list[Source | None] = list(sources)
        self._programme = programme
        self._tell, self._is_stopped = tell, is_stopped
        self._work_s = self._sound_s = 0.0
        self._is_slow = False

    def __iter__(self) -> Iterator[RadioTake]:
        for number in itertools.count():
            source = self._sources[number % len(self._sources)]
            if source is None:
                continue
            draw = self._programme.draw(number + 1)
            made = self._make(source, draw)
            if self._is_stopped():
                return
            if isinstance(made, RadioTake):
                source.num_failures = 0
                self._note_speed(draw)
                yield made
            else:
                self._tell(f"{described(source.name, draw)}, left out: {made}")
                self._note_failure(source, made)

    def _make(self, source: Source, draw: Draw) -> RadioTake | str:
        """Return the take, or how it fails; anything where the iteration is to end."""
        began, rate = time.perf_counter(), source.generator.config.sample_rate
        sound = self._sound(source.generator, draw)
        gain = 1.0 if isinstance(sound, str) else self._gain(sound, rate)
        work_s = time.perf_counter() - began
        self._work_s += work_s
        if isinstance(sound, str):
            return sound
        rates = rate, self._programme.out_rate
        return RadioTake(source.name, draw, sound, rates, gain, draw.dur_s / work_s)

    def _sound(self, generator: SampleGenerator, draw: Draw) -> np.ndarray | str:
        """Return the samples of a take, float32 (any,), or how it fails."""
        take = Take(
            generator,
            TakeRequest(dur_s=draw.dur_s, temperature=(draw.temperature,), rng_seed=draw.rng_seed),
        )
        detector, steps = FailureDetector(take.sample_rate), Steps(take.sample_rate)
        sound = np.zeros(take.num_samples, np.float32)
        num_made = num_judged = 0
        for chunk in take:
            sound[num_made : num_made + chunk.shape[1]] = chunk[0]
            num_made += chunk.shape[1]
            # the same steps at any speed, so that the same takes are left out
            for step in steps.push(chunk[0]):
                num_judged += len(step)
                if kind := detector.push(step, self._programme.accepted):
                    return f"{kind} at {num_judged / take.sample_rate:.1f} s"
            if self._is_stopped():
                break
        return sound

    def _gain(self, sound: np.ndarray, rate: int) -> float:
        """Return the gain to the loudness that is asked for, at which the peak is within PEAK."""
        gain, loudness = 1.0, self._programme.loudness
        measured = None if loudness is None else loudness_lufs(sound, rate)
        if loudness is not None and measured is not None:
            gain = 10 ** ((loudness - measured) / 20)
        return float(min(gain, PEAK / max(float(np.abs(sound).max()), 1e-9)))

    def _note_speed(self, draw: Draw) -> None:
        """Tell once that this machine is slower than the sound plays."""
        self._sound_s += draw.dur_s - self._programme.fade_s
        if self._sound_s < self._work_s and not self._is_slow:
            self._is_slow = True
            self._tell(
                f"slower than real time: {self._sound_s / self._work_s:.2f} s of sound a second, "
                "so a player will pause (give --precision int4 or a smaller model)"
            )

    def _note_failure(self, source: Source, how: str) -> None:
        """Drop a model whose takes fail again and again."""
        source.num_failures += 1
        if source.num_failures < MOST_FAILURES:
            return
        self._sources[self._sources.index(source)] = None
        kind = how.partition(" ")[0]
        text = (
            f"{MOST_FAILURES} takes of {source.name} in a row failed (give another "
            f"--temperature or model, or --accept {kind})"
        )
        if not any(self._sources):
            raise RequestError(text)
        self._tell(f"without {source.name} from now on: {text}")


def described(name: str, draw: Draw) -> str:
    """Return the model and the draw of a take in words."""
    return (
        f"take {draw.number}: {name}, rng_seed {draw.rng_seed}, temperature "
        f"{draw.temperature:g}, {draw.dur_s:.2f} s"
    )
