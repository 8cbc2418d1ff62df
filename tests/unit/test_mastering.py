"""Tracks have one loudness, and peaks that are limited without overshoot."""

import numpy as np
import pytest

from sopilib.album.mastering import mastered, true_peak
from sopilib.audio.loudness import loudness_lufs

pytest.importorskip("pyloudnorm")

RATE = 16000


def sine(level, seconds=2.0):
    return (level * np.sin(np.arange(round(seconds * RATE)) * 0.3)).astype(np.float32)


@pytest.mark.parametrize("level", [1e-3, 0.05, 0.9])
def test_a_track_has_the_same_loudness_whatever_the_take_has(level):
    track, figures = mastered(sine(level), RATE)
    assert loudness_lufs(track, RATE) == pytest.approx(-16, abs=0.1) == figures.loudness_lufs
    assert figures.limited_db == 0


def test_peaks_are_limited_without_overshoot_and_the_rest_stays():
    clicks = 0.02 * np.random.default_rng(0).normal(size=4 * RATE)
    clicks[::4000] = 0.5
    track, figures = mastered(clicks.astype(np.float32), RATE)
    assert 0 < figures.limited_db <= 6.1
    assert 20 * np.log10(true_peak(track)) < -1 and figures.true_peak_dbfs < -1
    assert figures.loudness_lufs <= -15.9
    quiet = slice(2 * RATE + 500, 2 * RATE + 2500)  # between two clicks
    gain = track[quiet] / clicks[quiet]
    assert 20 * np.log10(np.median(gain)) == pytest.approx(figures.gain_db, abs=0.1)


@pytest.mark.parametrize("sound", [np.zeros(RATE, np.float32), sine(0.5, 0.1), sine(0.5, 0.001)])
def test_silence_and_short_sounds_keep_their_level(sound):
    track, figures = mastered(sound, RATE)
    assert figures.gain_db == 0 and figures.loudness_lufs is None
    assert len(track) == len(sound) and np.isfinite(track).all()
