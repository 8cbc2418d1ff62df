"""Make a track of a take: fades, -16 LUFS, true peaks below -1 dBFS.

The loudness is that of ITU-R BS.1770-4 as pyloudnorm measures it, the true peak that of the
sound at four times its rate. Where the gain lifts peaks above the ceiling, a limiter without
overshoot lowers them: the gain that each sample needs, its minimum over a window, smoothed over
the same window. It takes at most LIMITED_DB; a track that would need more stays softer.
"""

import math
from dataclasses import dataclass

import numpy as np

from sopilib.audio.loudness import loudness_lufs
from sopilib.audio.resample import resample

TARGET_LUFS = -16.0
CEILING_DBFS = -1.0
LIMITED_DB = 6.0  # the most that the limiter takes
FADE_IN_S, FADE_OUT_S = 0.05, 3.0  # each at most a quarter of the track
_WINDOW_S = 0.005  # of the limiter
_OVERSAMPLING = 4
_MARGIN_DB = 0.1  # below the ceiling: files hold whole numbers, and a peak lies between samples
_ROUNDS = 4


@dataclass(frozen=True)
class Mastering:
    """What was done to a track.

    Attributes:
      gain_db: of the whole, 0 for silence.
      limited_db: the most that the limiter lowered a sample by, at least 0.
      loudness_lufs: of the track; None where it is silent or too short to have one.
      true_peak_dbfs: of the track; None for silence.
    """

    gain_db: float
    limited_db: float
    loudness_lufs: float | None
    true_peak_dbfs: float | None


def mastered(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, Mastering]:
    """Return a track and what was done to it.

    Args:
      audio: float32 (num_samples,), full scale ±1.
      sample_rate: in Hz.
    """
    faded = _faded(audio, sample_rate)
    before = loudness_lufs(faded, sample_rate)
    if before is None:
        return faded, Mastering(0.0, 0.0, None, _decibels(true_peak(faded)))
    gain_db = TARGET_LUFS - before
    for _ in range(_ROUNDS):
        track, limited_db = _limited(faded, gain_db, sample_rate)
        after = loudness_lufs(track, sample_rate)
        missing_db = 0.0 if after is None else TARGET_LUFS - after
        if limited_db > LIMITED_DB:
            gain_db -= limited_db - LIMITED_DB
        elif missing_db < 0.05:
            break
        else:
            gain_db += min(missing_db, LIMITED_DB - limited_db)
    track, limited_db = _limited(faded, gain_db, sample_rate)
    peak = true_peak(track)
    over = peak / _amplitude(CEILING_DBFS - _MARGIN_DB)
    if over > 1:  # between the limiter's points
        track, gain_db = track / np.float32(over), gain_db - _decibels_of(over)
    figures = loudness_lufs(track, sample_rate), _decibels(true_peak(track))
    return track, Mastering(round(gain_db, 2), round(limited_db, 2), *figures)


def true_peak(audio: np.ndarray) -> float:
    """Return the largest absolute value of the sound between the samples, too."""
    if not len(audio):
        return 0.0
    return float(np.max(np.abs(_oversampled(audio)), initial=float(np.max(np.abs(audio)))))


def _faded(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the sound with a fade at each end, the shape of a quarter of a sine squared."""
    faded = np.array(audio, np.float32)
    for seconds, place in ((FADE_IN_S, 0), (FADE_OUT_S, 1)):
        length = min(round(seconds * sample_rate), len(audio) // 4)
        rise = np.sin(np.arange(length) / max(1, length) * (math.pi / 2)) ** 2
        if length and place == 0:
            faded[:length] *= rise.astype(np.float32)
        elif length:
            faded[-length:] *= rise[::-1].astype(np.float32)
    return faded


def _limited(audio: np.ndarray, gain_db: float, sample_rate: int) -> tuple[np.ndarray, float]:
    """Return the sound with a gain and limited, and the most by which it was limited in dB."""
    loud = audio * np.float32(_amplitude(gain_db))
    ceiling = _amplitude(CEILING_DBFS - _MARGIN_DB)
    if true_peak(loud) <= ceiling:
        return loud, 0.0
    from scipy.ndimage import minimum_filter1d  # a dependency of pyloudnorm; slow to import

    needed = np.minimum(1.0, ceiling / np.maximum(_peaks(loud), 1e-9))  # float64 (num_samples,)
    window = 2 * round(_WINDOW_S * sample_rate / 2) + 1
    shape = np.hanning(window + 2)[1:-1]
    lowest = np.pad(minimum_filter1d(needed, window, mode="nearest"), window // 2, mode="edge")
    gain = np.convolve(lowest, shape / shape.sum(), mode="valid")
    return (loud * gain).astype(np.float32), -_decibels_of(float(gain.min()))


def _peaks(audio: np.ndarray) -> np.ndarray:
    """Return the largest absolute value around each sample, float32 (num_samples,)."""
    between = np.abs(_oversampled(audio))
    between = np.pad(between, (0, _OVERSAMPLING * len(audio) - len(between)))
    around = between.reshape(-1, _OVERSAMPLING).max(axis=1)
    around[1:] = np.maximum(around[1:], around[:-1])  # those just before a sample count, too
    peaks: np.ndarray = np.maximum(around, np.abs(audio))
    return peaks


def _oversampled(audio: np.ndarray) -> np.ndarray:
    rate = 16000  # any will do: only the ratio counts
    return resample(audio, rate, _OVERSAMPLING * rate)[: _OVERSAMPLING * len(audio)]


def _amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _decibels(amplitude: float) -> float | None:
    return round(_decibels_of(amplitude), 2) if amplitude > 0 else None


def _decibels_of(amplitude: float) -> float:
    return 20 * math.log10(amplitude)
