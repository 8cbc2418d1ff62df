"""Measure the similarity of a take and its corpus, which a low loss does not guarantee.

A sound is divided into frames of about 64 ms (a power of two samples, Hann windows for
spectra, no overlap). The corpus is quantized like the model's samples before it is measured,
so that quantization noise counts on neither side.

    octave_db    float (num_octaves,), dB. The mean power spectrum over all frames, summed by
                 octave from half the sample rate down to the octave that contains 50 Hz, which
                 includes all below; relative to their sum, at least -60 dB. The take's minus
                 the corpus's; `spectrum` is the largest of the distances, in dB.
    level        dB: RMS of the take minus that of the corpus, each frame without its mean.
    silence      0 to 1: share of frames that lie more than 40 dB below the RMS of the corpus.
    noise        0 to 1: share of frames that are noise bursts: at most 20 dB below the RMS of
                 the corpus, with a spectral flatness (geometric by arithmetic mean of the
                 power spectrum, 0 for a sine, 0.56 for white noise) above that of 99 % of
                 such frames in the corpus, and above 0.02.
    loop         0 to 1: share of stretches of 2 s that repeat themselves or hold one tone: the
                 normalized autocorrelation of their first second at a lag of 0.1 to 1 s is
                 above that of 99 % of the corpus's stretches, and above 0.9.
    stuck        seconds: the longest run of one level above 0.01 of full scale; a run below
                 that is silence.

The limits of the measures come from the corpus: pieces of it, as long as the take, are
measured against the whole. A limit is the value that 95 % of the pieces stay within, at least
that of `LEAST`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FRAME_S = 0.064
LOWEST_OCTAVE_HZ = 50.0
OCTAVE_FLOOR_DB = -60.0
SILENCE_DB = -40.0  # of frames, against the corpus
LOUD_DB = -20.0  # of frames, against the corpus
LEAST_FLATNESS = 0.02
STRETCH_S = 2.0
LAGS_S = (0.1, 1.0)
LEAST_CORRELATION = 0.9
STUCK_LEVEL = 0.01  # of full scale
MAX_PIECES = 40
MAX_FRAMES = 40_000  # of the corpus, from all over
# the lowest limit of each measure, in its unit above
LEAST = {
    "spectrum": 6.0,
    "level": 6.0,
    "silence": 0.1,
    "noise": 0.005,
    "loop": 0.1,
    "stuck": 0.02,
}
_TINY = 1e-12  # of power


@dataclass(frozen=True)
class Similarity:
    """The measures of a take, in the units of the module.

    Attributes:
      measures: by the names in `LEAST`; the level with its sign.
      octave_db: float (num_octaves,), from the lowest up.
      octave_hz: upper edges of the octaves in Hz, float (num_octaves,).
      limits: by the same names.
    """

    measures: dict[str, float]
    octave_db: np.ndarray
    octave_hz: np.ndarray
    limits: dict[str, float]

    @property
    def misfit(self) -> float:
        """The largest measure divided by its limit: at most 1 for a take that holds."""
        return max(abs(self.measures[name]) / self.limits[name] for name in self.limits)

    @property
    def reasons(self) -> list[str]:
        """A line for each measure beyond its limit; empty for a take that holds."""
        beyond = [n for n in self.limits if abs(self.measures[n]) > self.limits[n]]
        return [self._reason(name) for name in beyond]

    def _reason(self, name: str) -> str:
        value, limit = self.measures[name], self.limits[name]
        if name == "spectrum":
            worst = int(np.argmax(np.abs(self.octave_db)))
            return (
                f"{self.octave_db[worst]:+.1f} dB in the octave up to "
                f"{self.octave_hz[worst]:.0f} Hz (limit {limit:.1f})"
            )
        if name == "level":
            return f"{abs(value):.1f} dB {'louder' if value > 0 else 'softer'} (limit {limit:.1f})"
        if name == "stuck":
            return f"stuck on one level for {1000 * value:.0f} ms (limit {1000 * limit:.0f})"
        said = {"silence": "silence", "noise": "noise bursts", "loop": "loops or a steady tone"}
        return f"{said[name]} for {100 * value:.3g} % of the time (limit {100 * limit:.3g})"


class ReferenceStatistics:
    """The statistics of a corpus, to compare takes with.

    Args:
      sounds: float (num_samples,) each, full scale ±1, quantized like takes.
      sample_rate: in Hz.
      dur_s: length of the takes, > 0.
    """

    def __init__(self, sounds: Sequence[np.ndarray], sample_rate: int, dur_s: float) -> None:
        self._sample_rate = sample_rate
        step = math.ceil(sum(map(len, sounds)) / sample_rate / FRAME_S / MAX_FRAMES)
        frames = np.concatenate([_frames(sound, sample_rate, step) for sound in sounds])
        powers, spectra = _power(frames), _spectra(frames)
        self._power = max(powers.mean(), _TINY)
        self._octaves_db, self._octave_hz = _octave_levels(spectra, sample_rate)
        is_loud = powers > self._power * 10 ** (LOUD_DB / 10)
        self._flatness = max(LEAST_FLATNESS, np.percentile(_flatness(spectra[is_loud]), 99))
        pieces = _pieces(sounds, round(dur_s * sample_rate))
        correlations = [correlations_at_long_lags(piece, sample_rate) for piece in pieces]
        self._correlation = np.percentile(np.concatenate(correlations), 99)
        self._correlation = max(LEAST_CORRELATION, self._correlation)
        self._limits = self._learnt_limits([self._measures(piece)[0] for piece in pieces])

    def _learnt_limits(self, measures: Sequence[dict[str, float]]) -> dict[str, float]:
        return {
            name: max(least, float(np.percentile([abs(of[name]) for of in measures], 95)))
            for name, least in LEAST.items()
        }

    def measure(self, sound: np.ndarray) -> Similarity:
        """Return the Similarity of a take, float (num_samples,), full scale ±1."""
        return Similarity(*self._measures(sound), self._octave_hz, self._limits)

    def _measures(self, sound: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        frames = _frames(sound, self._sample_rate)
        powers, spectra = _power(frames), _spectra(frames)
        octave_db = _octave_levels(spectra, self._sample_rate)[0] - self._octaves_db
        is_loud = powers > self._power * 10 ** (LOUD_DB / 10)
        correlations = correlations_at_long_lags(sound, self._sample_rate)
        measures = {
            "spectrum": np.abs(octave_db).max(),
            "level": 10 * np.log10(max(powers.mean(), _TINY) / self._power),
            "silence": np.mean(powers < self._power * 10 ** (SILENCE_DB / 10)),
            "noise": np.mean(is_loud & (_flatness(spectra) > self._flatness)),
            "loop": np.mean(correlations > self._correlation),
            "stuck": longest_run(sound) / self._sample_rate,
        }
        return {name: float(value) for name, value in measures.items()}, octave_db


def _frames(sound: np.ndarray, sample_rate: int, step: int = 1) -> np.ndarray:
    """Return every `step`-th frame minus its mean: float (num_frames, length), at least one."""
    length = 2 ** round(math.log2(FRAME_S * sample_rate))
    padded = np.pad(sound, (0, max(0, length - len(sound))))
    frames = padded[: len(padded) // length * length].reshape(-1, length)[::step]
    return frames - frames.mean(axis=1, keepdims=True)


def _power(frames: np.ndarray) -> np.ndarray:
    """Return the mean power of each frame: float (num_frames,)."""
    power: np.ndarray = np.mean(np.square(frames), axis=1)
    return power


def _spectra(frames: np.ndarray) -> np.ndarray:
    """Return power spectra without the bin at 0 Hz: float (num_frames, frame length // 2)."""
    hann = np.hanning(frames.shape[1] + 1)[:-1]
    return np.square(np.abs(np.fft.rfft(frames * hann, axis=1)))[:, 1:]


def _flatness(spectra: np.ndarray) -> np.ndarray:
    """Return the spectral flatness of frames, 0 to 1: float (num_frames,); 0 for no frames."""
    if not len(spectra):
        return np.zeros(1)
    means = spectra.mean(axis=1)
    return np.exp(np.log(spectra + _TINY).mean(axis=1)) / np.maximum(means, _TINY)


def _octave_levels(spectra: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return levels of octaves in dB, relative to their sum, and their upper edges in Hz."""
    num_octaves = max(1, math.ceil(math.log2(sample_rate / 2 / LOWEST_OCTAVE_HZ)))
    edges = sample_rate / 2 / 2.0 ** np.arange(num_octaves - 1, -1, -1)
    mean = spectra.mean(axis=0)
    hertz = np.arange(1, len(mean) + 1) * sample_rate / (2 * len(mean))
    octave = np.searchsorted(edges, hertz)
    powers = np.bincount(octave, weights=mean, minlength=num_octaves)
    shares = powers / max(powers.sum(), _TINY)
    return np.maximum(10 * np.log10(np.maximum(shares, _TINY)), OCTAVE_FLOOR_DB), edges


def correlations_at_long_lags(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return how much each stretch of a sound repeats: float (num_stretches,), -1 to 1.

    A stretch is `STRETCH_S` long, or as long as the sound; its first half slides over the
    rest. The largest normalized correlation at lags within `LAGS_S` counts; a silent stretch
    has 0.
    """
    length = min(round(STRETCH_S * sample_rate), len(sound))
    starts = range(0, len(sound) - length + 1, max(1, length // 2))
    return np.array([_correlation(sound[k : k + length], sample_rate) for k in starts])


def _correlation(stretch: np.ndarray, sample_rate: int) -> float:
    half = len(stretch) // 2
    stretch = stretch - stretch.mean()
    size = 2 ** math.ceil(math.log2(2 * len(stretch) + 1))
    spectrum = np.fft.rfft(stretch, size) * np.conj(np.fft.rfft(stretch[:half], size))
    products = np.fft.irfft(spectrum, size)[: half + 1]  # of each lag
    sums = np.concatenate([[0.0], np.cumsum(np.square(stretch, dtype=np.float64))])
    energies = sums[half : 2 * half + 1] - sums[: half + 1]
    first = min(round(LAGS_S[0] * sample_rate), half)
    lags = slice(first, min(round(LAGS_S[1] * sample_rate), half) + 1)
    scale = np.sqrt(np.maximum(energies[0] * energies[lags], 0.0))
    is_sound = scale > _TINY * half
    return float(np.max(products[lags][is_sound] / scale[is_sound], initial=0.0))


def longest_run(sound: np.ndarray | Sequence[float]) -> int:
    """Return the samples of the longest run of one level beyond ±`STUCK_LEVEL`."""
    changes = np.flatnonzero(np.diff(sound)) + 1
    bounds = np.concatenate([[0], changes, [len(sound)]])
    is_off_rest = np.abs(np.asarray(sound)[bounds[:-1]]) > STUCK_LEVEL
    return int(np.max(np.diff(bounds)[is_off_rest], initial=0))


def _pieces(sounds: Sequence[np.ndarray], length: int) -> list[np.ndarray]:
    """Return evenly chosen pieces of `length`, at most `MAX_PIECES`; else the longest sound."""
    places = [(s, k) for s in sounds for k in range(0, len(s) - length + 1, length)]
    if not places:
        return [max(sounds, key=len)]
    chosen = np.unique(np.linspace(0, len(places) - 1, MAX_PIECES).round().astype(int))
    return [places[k][0][places[k][1] : places[k][1] + length] for k in chosen]
