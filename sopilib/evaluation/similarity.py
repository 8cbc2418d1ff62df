"""Measure the similarity of a take and its corpus, which a low loss does not guarantee.

A sound is divided into frames of 46 to 85 ms (a power of two samples, Hann windows for
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
    octaves      dB: the largest distance between the absolute levels of an octave, among those
                 whose middle lies between 125 Hz and 8 kHz. Levels more than 60 dB below the
                 RMS of the corpus count as 60 dB below.
    harmonicity  dB: mean harmonic-to-noise ratio (`sopilib.evaluation.harmonicity`) of the
                 frames that are not silent, of the take minus that of the corpus.
    reach        octaves: how many octaves the partials of the take end below those of the
                 corpus. They end with the highest octave that has lost less than 10 dB against
                 the corpus. Octaves in which the corpus has no partials do not count: less
                 than a tenth of their power.
    onsets       onsets a second (`sopilib.evaluation.onsets`), each plus 0.25, of the take over
                 the corpus; log2, so that half and twice as many count alike.
    windows      the distance between the distributions of half-second windows, over the
                 corpus's own from piece to piece (`sopilib.evaluation.windows`): 1 for a
                 typical piece.

The limits of the measures come from the corpus: pieces of it, as long as the take, are
measured against the whole. 95 % of the pieces stay within all limits, which are as low as that
allows, and at least those of `sopilib.evaluation.verdict.LEAST`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sopilib.evaluation.harmonicity import harmonic_to_noise_db, partials
from sopilib.evaluation.onsets import flux, log_mel, onsets_per_second
from sopilib.evaluation.repetition import correlations_at_long_lags, longest_run
from sopilib.evaluation.spectra import (
    TINY,
    decibels,
    flatness,
    frame_length,
    frames,
    octave_edges,
    octave_powers,
    power,
    power_spectra,
)
from sopilib.evaluation.verdict import LEAST, Similarity
from sopilib.evaluation.windows import WindowDistance, window_features

OCTAVE_FLOOR_DB = -60.0
SILENCE_DB = -40.0  # of frames, against the corpus
LOUD_DB = -20.0  # of frames, against the corpus
LEAST_FLATNESS = 0.02
LEAST_CORRELATION = 0.9
LEVEL_OCTAVES_HZ = (125.0, 8000.0)  # middles of the octaves that `octaves` compares
LEAST_PARTIALS = 0.1  # of the power of an octave, where it counts for `reach`
LOST_DB = -10.0  # partials of an octave, against the corpus
FEW_ONSETS = 0.25  # a second, added so that none is no division by 0
MAX_PIECES = 40
MAX_FRAMES = 40_000  # of the corpus, from all over


@dataclass(frozen=True)
class _Spectrum:
    """What the frames of a sound have on average.

    Attributes:
      power: float, > 0.
      octaves: power in each octave, float (num_octaves,).
      partials: power of the partials in each octave, float (num_octaves,).
      flatness: of each frame, float (num_frames,).
      powers: of each frame, float (num_frames,).
      hnr_db: harmonic-to-noise ratio of each frame, float (num_frames,).
    """

    power: float
    octaves: np.ndarray
    partials: np.ndarray
    flatness: np.ndarray
    powers: np.ndarray
    hnr_db: np.ndarray

    @classmethod
    def of(cls, of_frames: np.ndarray, sample_rate: int) -> _Spectrum:
        """Return the _Spectrum of frames (num_frames, length)."""
        powers, spectra = power(of_frames), power_spectra(of_frames)
        of_partials = partials(spectra, sample_rate)
        return cls(
            power=max(float(powers.mean()), TINY),
            octaves=octave_powers(spectra.mean(axis=0), sample_rate),
            partials=octave_powers(of_partials.mean(axis=0), sample_rate),
            flatness=flatness(spectra),
            powers=powers,
            hnr_db=harmonic_to_noise_db(spectra, of_partials),
        )

    @property
    def shares_db(self) -> np.ndarray:
        """Levels of the octaves relative to their sum, float (num_octaves,)."""
        shares = self.octaves / max(self.octaves.sum(), TINY)
        return np.maximum(decibels(shares), OCTAVE_FLOOR_DB)

    def levels_db(self, corpus: _Spectrum) -> np.ndarray:
        """Return levels of the octaves relative to a corpus's power, float (num_octaves,)."""
        shares = self.octaves / max(corpus.octaves.sum(), TINY)
        return np.maximum(decibels(shares), OCTAVE_FLOOR_DB)

    def harmonicity_db(self, corpus: _Spectrum) -> float:
        """Return the mean harmonic-to-noise ratio of frames that are not silent, 0 for none."""
        is_sound = self.powers >= corpus.power * 10 ** (SILENCE_DB / 10)
        return float(self.hnr_db[is_sound].mean()) if is_sound.any() else 0.0


@dataclass(frozen=True)
class _Analysis:
    """What a take or a piece of the corpus is measured by.

    Attributes:
      spectrum: of its frames.
      onsets: a second.
      features: of its windows, float (num_windows, num_features).
      correlations: of its stretches, float (num_stretches,).
      longest_run: of one level, in samples.
    """

    spectrum: _Spectrum
    onsets: float
    features: np.ndarray
    correlations: np.ndarray
    longest_run: int


class ReferenceStatistics:
    """The statistics of a corpus, to compare takes with.

    Args:
      sounds: float (num_samples,) each, full scale ±1, quantized like takes.
      sample_rate: in Hz.
      dur_s: length of the takes, > 0.
    """

    def __init__(self, sounds: Sequence[np.ndarray], sample_rate: int, dur_s: float) -> None:
        self._sample_rate = sample_rate
        length = frame_length(sample_rate)
        self._frame_s = length / sample_rate
        step = math.ceil(sum(map(len, sounds)) / length / MAX_FRAMES)
        of_frames = np.concatenate([frames(sound, sample_rate, step) for sound in sounds])
        self._spectrum = _Spectrum.of(of_frames, sample_rate)
        self._octave_hz = octave_edges(sample_rate)
        middles = self._octave_hz / math.sqrt(2)
        is_between = (middles > LEVEL_OCTAVES_HZ[0]) & (middles < LEVEL_OCTAVES_HZ[1])
        self._level_octaves = is_between if is_between.any() else middles > 0
        is_loud = self._is_loud(self._spectrum)
        loud_flatness = np.append(self._spectrum.flatness[is_loud], LEAST_FLATNESS)
        self._flatness = max(LEAST_FLATNESS, float(np.percentile(loud_flatness, 99)))
        pieces = _pieces(sounds, round(dur_s * sample_rate))
        self._learn_from([self._analysed(piece) for piece in pieces])

    def _learn_from(self, pieces: Sequence[_Analysis]) -> None:
        """Learn from pieces of the corpus what needs sound of a take's length, and the limits."""
        correlations = np.concatenate([piece.correlations for piece in pieces])
        self._correlation = max(LEAST_CORRELATION, float(np.percentile(correlations, 99)))
        self._onsets = float(np.mean([piece.onsets for piece in pieces]))
        self._windows = WindowDistance([piece.features for piece in pieces])
        self._limits = limits_within(
            [self._measures(*pair) for pair in zip(pieces, self._windows.of_pieces)]
        )

    def measure(self, sound: np.ndarray) -> Similarity:
        """Return the Similarity of a take, float (num_samples,), full scale ±1."""
        take = self._analysed(sound)
        corpus, spectrum = self._spectrum, take.spectrum
        hertz = np.concatenate([[0.0], self._octave_hz])  # by how many octaves are reached
        return Similarity(
            measures=self._measures(take, self._windows.measure(take.features)),
            octave_db=spectrum.shares_db - corpus.shares_db,
            octave_hz=self._octave_hz,
            limits=self._limits,
            octave_level_db=spectrum.levels_db(corpus) - corpus.levels_db(corpus),
            figures={
                "harmonicity": (spectrum.harmonicity_db(corpus), corpus.harmonicity_db(corpus)),
                "reach": (float(hertz[self._reach(spectrum)]), float(hertz[self._reach(corpus)])),
                "onsets": (take.onsets, self._onsets),
            },
        )

    def _measures(self, take: _Analysis, distance: float) -> dict[str, float]:
        corpus, spectrum = self._spectrum, take.spectrum
        octave_db = spectrum.shares_db - corpus.shares_db
        level_db = (spectrum.levels_db(corpus) - corpus.levels_db(corpus))[self._level_octaves]
        is_burst = self._is_loud(spectrum) & (spectrum.flatness > self._flatness)
        measures = {
            "spectrum": np.abs(octave_db).max(),
            "level": decibels(spectrum.power / corpus.power),
            "silence": np.mean(spectrum.powers < corpus.power * 10 ** (SILENCE_DB / 10)),
            "noise": np.mean(is_burst),
            "loop": np.mean(take.correlations > self._correlation),
            "stuck": take.longest_run / self._sample_rate,
            "octaves": level_db[np.argmax(np.abs(level_db))],
            "harmonicity": spectrum.harmonicity_db(corpus) - corpus.harmonicity_db(corpus),
            "reach": self._reach(corpus) - self._reach(spectrum),
            "onsets": math.log2((take.onsets + FEW_ONSETS) / (self._onsets + FEW_ONSETS)),
            "windows": distance,
        }
        return {name: float(value) for name, value in measures.items()}

    def _analysed(self, sound: np.ndarray) -> _Analysis:
        rate = self._sample_rate
        spectrum = _Spectrum.of(frames(sound, rate), rate)
        mel_db = log_mel(sound, rate, self._spectrum.power)
        rises = flux(mel_db)
        return _Analysis(
            spectrum=spectrum,
            onsets=onsets_per_second(rises),
            features=window_features(mel_db, rises, spectrum.hnr_db, self._frame_s),
            correlations=correlations_at_long_lags(sound, rate),
            longest_run=longest_run(sound),
        )

    def _is_loud(self, spectrum: _Spectrum) -> np.ndarray:
        is_loud: np.ndarray = spectrum.powers > self._spectrum.power * 10 ** (LOUD_DB / 10)
        return is_loud

    def _reach(self, spectrum: _Spectrum) -> int:
        """Return the number of the highest octave whose partials are not lost, 0 for none."""
        corpus = self._spectrum
        counts = corpus.partials > LEAST_PARTIALS * np.maximum(corpus.octaves, TINY)
        counts &= corpus.levels_db(corpus) > OCTAVE_FLOOR_DB
        is_kept = decibels(spectrum.partials) > decibels(corpus.partials) + LOST_DB
        return int(np.max(np.flatnonzero(counts & is_kept) + 1, initial=0))


def limits_within(measures: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return limits within which 95 % of pieces lie in all measures at once.

    Args:
      measures: of each piece, one or more, by the names in `LEAST`.
    """
    values = np.abs([[of[name] for name in LEAST] for of in measures])  # (num_pieces, num_names)
    least = np.array(list(LEAST.values()))
    of_each = np.maximum(np.percentile(values, 95, axis=0), least)
    misfits = (values / of_each).max(axis=1)
    kept = values[np.argsort(misfits)[: math.ceil(0.95 * len(values))]]
    return dict(zip(LEAST, np.maximum(kept.max(axis=0), least).tolist()))


def _pieces(sounds: Sequence[np.ndarray], length: int) -> list[np.ndarray]:
    """Return evenly chosen pieces of `length`, at most `MAX_PIECES`; else the longest sound."""
    places = [(s, k) for s in sounds for k in range(0, len(s) - length + 1, length)]
    if not places:
        return [max(sounds, key=len)]
    chosen = np.unique(np.linspace(0, len(places) - 1, MAX_PIECES).round().astype(int))
    return [places[k][0][places[k][1] : places[k][1] + length] for k in chosen]
