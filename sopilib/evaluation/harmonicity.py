"""Divide power spectra into what stands out of the noise and the noise.

The noise floor around a bin is what the median of the bins within 250 Hz says: of noise, whose
power has an exponential distribution, the mean is the median divided by log 2. Bins more than
9 dB above the floor are partials. Their power above the floor is the harmonic part, all else the
noise. This needs no pitch, so it holds for chords, bells and drums as well as for a voice.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sopilib.evaluation.spectra import TINY, decibels

FLOOR_HZ = 500.0  # width of the surroundings of a bin
PROMINENCE = 8.0  # of a partial above the floor, a ratio of powers
RANGE_DB = 40.0  # the largest harmonic-to-noise ratio, and minus the smallest
_PIECE_FRAMES = 1024  # sorted at a time


def noise_floor(spectra: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the mean power of the noise in each bin, float, shaped as `spectra`.

    Args:
      spectra: from `power_spectra`, (num_frames, num_bins).
      sample_rate: in Hz.
    """
    num_frames, num_bins = spectra.shape
    width = max(1, min(num_bins, round(FLOOR_HZ / (sample_rate / 2) * num_bins)) - 1) | 1  # odd
    hop = max(1, width // 4)
    around = sliding_window_view(spectra, width, axis=1)[:, ::hop]  # (frames, places, width)
    num_places = around.shape[1]
    medians = np.empty((num_frames, num_places))
    for k in range(0, num_frames, _PIECE_FRAMES):
        piece = around[k : k + _PIECE_FRAMES]
        medians[k : k + _PIECE_FRAMES] = np.partition(piece, width // 2, axis=2)[..., width // 2]
    places = np.arange(num_places) * hop + (width - 1) / 2
    at = np.clip(np.arange(num_bins), places[0], places[-1])
    after = np.minimum(np.searchsorted(places, at, side="right"), len(places) - 1)
    before = np.maximum(after - 1, 0)
    weight = np.clip((at - places[before]) / hop, 0, 1)
    floor: np.ndarray = medians[:, before] * (1 - weight) + medians[:, after] * weight
    return floor / np.log(2)


def partials(spectra: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the power of partials above the noise, 0 elsewhere, shaped as `spectra`."""
    floor = noise_floor(spectra, sample_rate)
    return np.where(spectra > PROMINENCE * floor, spectra - floor, 0)


def harmonic_to_noise_db(spectra: np.ndarray, of_partials: np.ndarray) -> np.ndarray:
    """Return the harmonic-to-noise ratio of each frame in dB, float (num_frames,).

    Args:
      spectra: float (num_frames, num_bins).
      of_partials: from `partials`, of the same spectra.
    """
    harmonic = of_partials.sum(axis=1)
    noise = np.maximum(spectra.sum(axis=1) - harmonic, TINY)
    return np.clip(decibels(harmonic / noise), -RANGE_DB, RANGE_DB)
