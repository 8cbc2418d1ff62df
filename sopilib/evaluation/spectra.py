"""Frames of a sound and their power spectra, which several measures share.

A frame is a power of two samples, the one that is nearest to 64 ms (46 to 85 ms at the usual
sample rates), minus its mean. Frames do not overlap.
Spectra use Hann windows. Octaves go from half the sample rate down to the octave that contains
50 Hz, which includes all below.
"""

import math

import numpy as np

FRAME_S = 0.064
LOWEST_OCTAVE_HZ = 50.0
TINY = 1e-12  # of power


def frame_length(sample_rate: int) -> int:
    """Return the samples of a frame."""
    return int(2 ** round(math.log2(FRAME_S * sample_rate)))


def frames(sound: np.ndarray, sample_rate: int, step: int = 1) -> np.ndarray:
    """Return every `step`-th frame minus its mean: float (num_frames, length), at least one."""
    length = frame_length(sample_rate)
    padded = np.pad(sound, (0, max(0, length - len(sound))))
    cut = padded[: len(padded) // length * length].reshape(-1, length)[::step]
    return cut - cut.mean(axis=1, keepdims=True)


def power(of_frames: np.ndarray) -> np.ndarray:
    """Return the mean power of each frame: float (num_frames,)."""
    mean: np.ndarray = np.mean(np.square(of_frames), axis=1)
    return mean


def power_spectra(of_frames: np.ndarray) -> np.ndarray:
    """Return power spectra without the bin at 0 Hz: float (num_frames, frame length // 2)."""
    hann = np.hanning(of_frames.shape[1] + 1)[:-1]
    return np.square(np.abs(np.fft.rfft(of_frames * hann, axis=1)))[:, 1:]


def flatness(spectra: np.ndarray) -> np.ndarray:
    """Return the spectral flatness of frames, 0 to 1: float (num_frames,); 0 for no frames."""
    if not len(spectra):
        return np.zeros(1)
    means = spectra.mean(axis=1)
    return np.exp(np.log(spectra + TINY).mean(axis=1)) / np.maximum(means, TINY)


def octave_edges(sample_rate: int) -> np.ndarray:
    """Return the upper edges of the octaves in Hz, float (num_octaves,), from the lowest up."""
    num_octaves = max(1, math.ceil(math.log2(sample_rate / 2 / LOWEST_OCTAVE_HZ)))
    edges: np.ndarray = sample_rate / 2 / 2.0 ** np.arange(num_octaves - 1, -1, -1)
    return edges


def octave_powers(mean_spectrum: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the power in each octave: float (num_octaves,).

    Args:
      mean_spectrum: as a row of `power_spectra`, (frame length // 2,).
      sample_rate: in Hz.
    """
    num_bins, edges = len(mean_spectrum), octave_edges(sample_rate)
    hertz = np.arange(1, num_bins + 1) * sample_rate / (2 * num_bins)
    octave = np.searchsorted(edges, hertz)
    return np.bincount(octave, weights=mean_spectrum, minlength=len(edges))


def decibels(powers: np.ndarray | float) -> np.ndarray:
    """Return powers in dB, those below `TINY` as `TINY`."""
    values: np.ndarray = 10 * np.log10(np.maximum(powers, TINY))
    return values
