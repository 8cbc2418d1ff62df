"""Detect while a stream plays how SampleRNN fails, without knowing its corpus.

Every half second the newest sound is judged. The limits are far from music and speech: no
recording that we measured comes near one, and a failure lasts. A kind is reported where all
of its last judgements say so:

    stuck      one level above 0.01 of full scale for at least 0.25 s.
    silence    3 s below -50 dB of full scale (RMS of each second without its mean).
    dc         1.5 s whose mean is beyond 0.1 of full scale and twice the deviation from it.
    noise      1.5 s, louder than -34 dB, with a spectral flatness above 0.3 (0.56 for white
               noise; the noisiest second of a metal record has 0.11).
    loop       5 s that repeat themselves or hold one tone: the normalized autocorrelation of
               every 2 s at a lag of 0.1 to 1 s is above 0.99 (0.986 on that record).

A model of noise, or of one held tone, is reported as what it is. The work is some FFTs of
4096 samples and one of 16384 each half second, below 1 % of a processor.
"""

from collections.abc import Iterator, Set

import numpy as np

from sopilib.evaluation.repetition import STRETCH_S, correlations_at_long_lags, longest_run

STEP_S = 0.5  # between two judgements
SECOND_S = 1.0
STUCK_S = 0.25
QUIET = 10 ** (-50 / 20)
LOUD = 10 ** (-34 / 20)
OFFSET = 0.1
FLATNESS = 0.3
CORRELATION = 0.99
# for each kind, in this order, how many judgements in a row must agree
_JUDGEMENTS = {"stuck": 1, "silence": 5, "dc": 2, "noise": 2, "loop": 7}
KINDS = tuple(_JUDGEMENTS)
# the longest time in seconds from the beginning of a failure until it is reported
SLOWEST_S = STRETCH_S + STEP_S * (max(_JUDGEMENTS.values()) + 1)
_LOOP_RATE = 4000  # in Hz; what repeats is found at any rate
_FRAME = 1024
_TINY = 1e-12


class FailureDetector:
    """Judges the sound of one stream.

    Args:
      sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._step = round(STEP_S * sample_rate)
        self._decimation = max(1, sample_rate // _LOOP_RATE)
        self.clear()

    def clear(self) -> None:
        """Forget the sound so far: other sound follows."""
        self._recent = np.zeros(0, np.float32)  # at most STRETCH_S
        self._new: list[np.ndarray] = []  # not yet judged
        self._counts = dict.fromkeys(KINDS, 0)  # of judgements in a row
        self._told: str | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether the last judgement found nothing at all."""
        return not any(self._counts.values())

    @property
    def failure(self) -> str | None:
        """The kind of failure that was reported and lasts, None where there is none."""
        return self._told

    def push(self, sound: np.ndarray, ignored: Set[str] = frozenset()) -> str | None:
        """Judge the next samples.

        Args:
          sound: float32 (n,), full scale ±1.
          ignored: kinds that are intended now.

        Returns:
          The kind of failure where one begins, else None.
        """
        self._new.append(np.array(sound))
        if sum(map(len, self._new)) < self._step:
            return None
        recent = np.concatenate([self._recent, *self._new])
        self._recent, self._new = recent[-round(STRETCH_S * self._rate) :], []
        return self._judge(ignored) if len(recent) >= SECOND_S * self._rate else None

    def _judge(self, ignored: Set[str]) -> str | None:
        found = self._found() - ignored
        for kind in KINDS:
            self._counts[kind] = self._counts[kind] + 1 if kind in found else 0
        kinds = [kind for kind, least in _JUDGEMENTS.items() if self._counts[kind] >= least]
        if self._told in kinds:
            return None
        self._told = kinds[0] if kinds else None
        return self._told

    def _found(self) -> set[str]:
        """Return the kinds of failure that the newest sound may be."""
        second = self._recent[-round(SECOND_S * self._rate) :]
        mean, deviation = abs(float(np.mean(second))), float(np.std(second))
        if longest_run(second) >= STUCK_S * self._rate:
            return {"stuck"}
        found = {"silence"} if deviation < QUIET else set()
        if mean > OFFSET and mean > 2 * deviation:
            found.add("dc")
        if deviation > LOUD and _flatness(second) > FLATNESS:
            found.add("noise")
        if "silence" not in found and self._repeats():
            found.add("loop")
        return found

    def _repeats(self) -> bool:
        """Return whether the last two seconds repeat themselves."""
        if len(self._recent) < round(STRETCH_S * self._rate):
            return False
        whole = len(self._recent) // self._decimation * self._decimation
        slow = self._recent[-whole:].reshape(-1, self._decimation).mean(axis=1)
        rate = self._rate // self._decimation
        return bool(correlations_at_long_lags(slow, rate).max(initial=0.0) > CORRELATION)


class Steps:
    """Cuts a sound into the half seconds that are judged, in whatever pieces it arrives.

    Args:
      sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._length = round(STEP_S * sample_rate)
        self._rest = np.zeros(0, np.float32)

    def push(self, sound: np.ndarray) -> Iterator[np.ndarray]:
        """Take the next samples, float32 (any,), and yield each step that they complete."""
        self._rest = np.concatenate([self._rest, sound])
        while len(self._rest) >= self._length:
            step, self._rest = self._rest[: self._length], self._rest[self._length :]
            yield step


class FailingSeconds:
    """Counts how many seconds of a sound fail, by kind; where it is cut makes no difference.

    Args:
      sample_rate: in Hz.

    Attributes:
      seconds: of each kind that was detected; empty for a sound that does not fail.
    """

    def __init__(self, sample_rate: int) -> None:
        self.seconds: dict[str, float] = {}
        self._detector, self._steps = FailureDetector(sample_rate), Steps(sample_rate)

    def push(self, sound: np.ndarray) -> None:
        """Judge the next samples, float32 (any,), full scale ±1."""
        for step in self._steps.push(sound):
            self._detector.push(step)
            kind = self._detector.failure
            if kind:
                self.seconds[kind] = self.seconds.get(kind, 0.0) + STEP_S


def _flatness(sound: np.ndarray) -> float:
    """Return the median spectral flatness of a sound's frames, 0 to 1; 0 for no frame."""
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return 0.0
    hann = np.hanning(_FRAME + 1)[:-1]
    spectra = np.square(np.abs(np.fft.rfft(frames * hann, axis=1)))[:, 1:]
    means = np.maximum(spectra.mean(axis=1), _TINY)
    return float(np.median(np.exp(np.log(spectra + _TINY).mean(axis=1)) / means))
