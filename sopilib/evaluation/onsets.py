"""Log-mel spectra of a sound, their flux, and the onsets in it.

A mel frame is a power of two samples, the one that is nearest to 32 ms (23 to 43 ms at the usual
sample rates); 64 of them begin in a second. The flux of a frame is the mean rise in dB over all
bands since two frames before, each band compared with the loudest of its neighbours then, so
that vibrato is no rise (Boeck and Widmer, Maximum Filter Vibrato Suppression for Onset Detection,
2013). An onset is a frame with the highest flux within 48 ms, above `LEAST_RISE_DB` and well
above what is usual around it.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sopilib.evaluation.spectra import TINY

FRAMES_PER_S = 64
NUM_BANDS = 24
LOWEST_HZ, HIGHEST_HZ = 50.0, 8000.0
FLOOR_DB = -60.0  # of a band, relative to the mean power of the corpus
LAG = 2  # frames between which the level rises
PEAK_FRAMES = 3  # on either side
USUAL_FRAMES = 24  # on either side
LEAST_RISE_DB = 3.0
LEAST_TIMES_USUAL = 2.0
_PIECE_FRAMES = 4096  # transformed at a time


def log_mel(sound: np.ndarray, sample_rate: int, corpus_power: float) -> np.ndarray:
    """Return mel spectra in dB relative to `corpus_power`: float32 (num_frames, NUM_BANDS).

    Args:
      sound: float (num_samples,), full scale ±1.
      sample_rate: in Hz.
      corpus_power: mean power, > 0.
    """
    length = int(2 ** round(math.log2(0.032 * sample_rate)))
    num_frames = max(1, (len(sound) - length) * FRAMES_PER_S // sample_rate + 1)
    starts = np.arange(num_frames) * sample_rate // FRAMES_PER_S
    padded = np.pad(sound, (0, max(0, length - len(sound))))
    hann = np.hanning(length + 1)[:-1]
    # a sine of power 1 has 1 in all
    bands = _mel_bands(length, sample_rate) * 2 / (length * np.square(hann).sum())
    mel = np.empty((num_frames, NUM_BANDS), np.float32)
    for k in range(0, num_frames, _PIECE_FRAMES):
        cut = sliding_window_view(padded, length)[starts[k : k + _PIECE_FRAMES]]
        spectra = np.square(np.abs(np.fft.rfft(cut * hann, axis=1)))
        mel[k : k + _PIECE_FRAMES] = spectra @ bands
    return np.maximum(10 * np.log10(mel / corpus_power + TINY), FLOOR_DB).astype(np.float32)


def _mel_bands(length: int, sample_rate: int) -> np.ndarray:
    """Return triangular bands, (length // 2 + 1, NUM_BANDS); each has one bin at least."""
    highest = min(HIGHEST_HZ, sample_rate / 2)
    mels = np.linspace(_mel(LOWEST_HZ), _mel(highest), NUM_BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hertz = np.fft.rfftfreq(length, 1 / sample_rate)[:, np.newaxis]
    rise = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    bands: np.ndarray = np.maximum(0, np.minimum(rise, fall))
    nearest = np.argmin(np.abs(hertz - edges[1:-1]), axis=0)
    empty = bands.sum(axis=0) == 0
    bands[nearest[empty], np.flatnonzero(empty)] = 1
    return bands


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def flux(mel_db: np.ndarray) -> np.ndarray:
    """Return the mean rise of all bands in dB: float (num_frames,), 0 in the first frames."""
    around = np.pad(mel_db, ((0, 0), (1, 1)), mode="edge")
    loudest = np.maximum(np.maximum(around[:, :-2], around[:, 1:-1]), around[:, 2:])
    rise = np.maximum(mel_db[LAG:] - loudest[:-LAG], 0).mean(axis=1)
    return np.concatenate([np.zeros(len(mel_db) - len(rise)), rise])


def onset_frames(rises: np.ndarray) -> np.ndarray:
    """Return the frames in which onsets lie, int (num_onsets,).

    Args:
      rises: from `flux`, (num_frames,).
    """
    padded = np.pad(rises, PEAK_FRAMES, constant_values=-1.0)
    highest = sliding_window_view(padded, 2 * PEAK_FRAMES + 1).max(axis=1)
    # the first of equal peaks only
    earlier = sliding_window_view(padded[:-PEAK_FRAMES], PEAK_FRAMES + 1)[:, :-1].max(axis=1)
    sums = np.concatenate([[0.0], np.cumsum(rises)])
    frames = np.arange(len(rises))
    begin = np.maximum(frames - USUAL_FRAMES, 0)
    end = np.minimum(frames + USUAL_FRAMES + 1, len(rises))
    usual = (sums[end] - sums[begin]) / (end - begin)
    is_onset = (rises == highest) & (rises > earlier)
    is_onset &= rises > np.maximum(LEAST_RISE_DB, LEAST_TIMES_USUAL * usual)
    return np.flatnonzero(is_onset)


def onsets_per_second(rises: np.ndarray) -> float:
    """Return how many onsets a second has on average."""
    return len(onset_frames(rises)) * FRAMES_PER_S / len(rises)
