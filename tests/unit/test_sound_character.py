"""Harmonicity, onsets and the distance of windows, on sounds whose measures are known."""

import numpy as np
import pytest

from sopilib.evaluation.harmonicity import harmonic_to_noise_db, noise_floor, partials
from sopilib.evaluation.onsets import FRAMES_PER_S, flux, log_mel, onset_frames, onsets_per_second
from sopilib.evaluation.similarity import ReferenceStatistics
from sopilib.evaluation.spectra import (
    frame_length,
    frames,
    octave_edges,
    octave_powers,
    power_spectra,
)
from sopilib.evaluation.windows import (
    Gaussian,
    WindowDistance,
    frechet_distance,
    window_features,
)

RATE = 16000
TIMES = np.arange(4 * RATE) / RATE
NOISE = np.random.default_rng(0).normal(0, 1, len(TIMES))


def harmonicity(sound):
    spectra = power_spectra(frames(sound, RATE))
    return float(harmonic_to_noise_db(spectra, partials(spectra, RATE)).mean())


@pytest.mark.parametrize("hnr_db", [0, 10, 20, 30])
def test_the_ratio_of_tones_to_white_noise_is_found(hnr_db):
    tones = sum(np.sin(2 * np.pi * hertz * TIMES) for hertz in (311.0, 622.0, 1777.0, 4321.0))
    noise = NOISE * np.sqrt(np.mean(tones**2) / 10 ** (hnr_db / 10))
    assert harmonicity(tones + noise) == pytest.approx(hnr_db, abs=1.5)
    assert harmonicity(0.01 * (tones + noise)) == pytest.approx(hnr_db, abs=1.5)


def test_noise_has_no_partials_and_a_sine_no_noise():
    assert harmonicity(NOISE) < -15
    assert harmonicity(np.sin(2 * np.pi * 440 * TIMES)) > 35


def test_the_floor_of_white_noise_is_its_power():
    spectra = power_spectra(frames(NOISE, RATE))
    assert noise_floor(spectra, RATE).mean() == pytest.approx(spectra.mean(), rel=0.06)


def test_a_tone_has_its_power_in_its_octave():
    spectra = power_spectra(frames(np.sin(2 * np.pi * 1500 * TIMES), RATE))
    powers = octave_powers(spectra.mean(axis=0), RATE)
    assert octave_edges(RATE)[powers.argmax()] == 2000
    assert powers.max() / powers.sum() > 0.999


def rises(sound):
    return flux(log_mel(sound, RATE, corpus_power=0.01))


@pytest.mark.parametrize("per_second", [1, 2, 5, 8])
def test_clicks_and_struck_tones_are_onsets(per_second):
    since = np.arange(len(TIMES)) % (RATE // per_second) / RATE
    decay = np.exp(-20 * since)
    struck = 0.5 * decay * np.sin(2 * np.pi * 330 * since) + 1e-4 * NOISE
    assert onsets_per_second(rises(struck)) == pytest.approx(per_second, abs=0.3)
    clicks = 0.5 * (since == 0) + 1e-4 * NOISE
    assert onsets_per_second(rises(clicks)) == pytest.approx(per_second, abs=0.3)


def test_an_onset_lies_where_the_tone_begins():
    sound = 0.3 * np.sin(2 * np.pi * 500 * TIMES) * (TIMES > 2)
    found = onset_frames(rises(sound))
    assert len(found) == 1 and found[0] / FRAMES_PER_S == pytest.approx(2.0, abs=0.04)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(len(TIMES)),
        0.1 * NOISE,
        0.3 * np.sin(2 * np.pi * 500 * TIMES),
        # vibrato: half a semitone, five times a second
        0.3 * np.sin(2 * np.pi * 500 * TIMES + 3 * np.sin(2 * np.pi * 5 * TIMES)),
    ],
    ids=["silence", "noise", "sine", "vibrato"],
)
def test_steady_sounds_have_no_onsets(sound):
    assert onsets_per_second(rises(sound)[8:]) <= 0.3


def test_the_level_of_a_sine_in_its_mel_band_is_its_power():
    mel_db = log_mel(0.1 * np.sqrt(2) * np.sin(2 * np.pi * 1000 * TIMES), RATE, corpus_power=0.01)
    assert 10 * np.log10((10 ** (mel_db / 10)).sum(axis=1)).mean() == pytest.approx(0, abs=0.5)
    assert log_mel(np.zeros(100), RATE, corpus_power=0.01).shape == (1, 24)


def test_the_frechet_distance_of_known_gaussians():
    rng = np.random.default_rng(1)
    features = rng.normal(0, 1, (200_000, 2))
    wide, moved = Gaussian.of(features * [3, 1]), Gaussian.of(features + [3, 4])
    one = Gaussian.of(features)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(one, moved) == pytest.approx(5, abs=1e-2)
    assert frechet_distance(one, wide) == pytest.approx(2, abs=2e-2)  # (3 - 1) ** 2, root


def features_of(sound, rate=RATE):
    spectra = power_spectra(frames(sound, rate))
    hnr_db = harmonic_to_noise_db(spectra, partials(spectra, rate))
    mel_db = log_mel(sound, rate, corpus_power=0.01)
    return window_features(mel_db, flux(mel_db), hnr_db, frame_length(rate) / rate)


def test_a_window_has_mean_spread_harmonicity_and_flux():
    sound = np.concatenate([0.1 * NOISE[: 2 * RATE], 0.1 * np.sin(2 * np.pi * 500 * TIMES)])
    features = features_of(sound)
    assert features.shape == (11, 50)  # 6 s; the last window is not whole
    assert features[:3, 48].max() < -15 and features[5:, 48].min() > 35
    assert features[1, 24:48].mean() > features[6, 24:48].mean()
    assert features_of(sound[:300]).shape == (1, 50)


@pytest.mark.parametrize("rate", [11025, 16000, 22050, 44100, 48000])
def test_the_harmonicity_of_a_window_is_of_its_own_moment_at_each_rate(rate):
    rng = np.random.default_rng(3)
    tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(5 * rate) / rate)
    features = features_of(np.concatenate([tone, rng.normal(0, 0.03, 5 * rate)]), rate)
    # windows of half a second: nine of tone, those at 5 s have some of both, the rest is noise
    assert features[:9, 48].min() > 25 and features[11:, 48].max() < -5


def test_the_corpus_and_its_takes_have_windows_of_the_same_moments():
    rate = 22050
    rng = np.random.default_rng(4)
    tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(5 * rate) / rate)
    sound = np.concatenate([tone, rng.normal(0, 0.03, 5 * rate)])
    features = ReferenceStatistics([sound], rate, dur_s=10.0)._analysed(sound).features
    assert features[:9, 48].min() > 25 and features[11:, 48].max() < -5


def test_pieces_are_one_apart_on_average_and_another_sound_further():
    rng = np.random.default_rng(2)
    pieces = [rng.normal(0, 3, (40, 50)) for _ in range(8)]
    distance = WindowDistance(pieces)
    assert np.mean(distance.of_pieces) == pytest.approx(1)
    assert distance.measure(rng.normal(0, 3, (40, 50))) == pytest.approx(1, abs=0.1)
    assert distance.measure(rng.normal(6, 3, (40, 50))) > 2


def test_a_corpus_of_one_window_has_a_distance():
    distance = WindowDistance([np.ones((1, 50))])
    assert distance.of_pieces == [0.0] and distance.measure(np.ones((1, 50))) == 0.0
