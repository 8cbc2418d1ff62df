"""Measures of similarity, on sounds whose measures are known."""

import numpy as np
import pytest

from sopilib.evaluation.similarity import (
    ReferenceStatistics,
    correlations_at_long_lags,
    limits_within,
    longest_run,
)
from sopilib.evaluation.verdict import LEAST

RATE = 16000
TIMES = np.arange(4 * RATE) / RATE


def notes(num_notes, rng):
    """Plucked notes of a quarter of a second, any from 110 to 880 Hz: float (num_samples,)."""
    t = TIMES[: RATE // 4]
    pitches = 110 * 2 ** (rng.integers(0, 37, num_notes) / 12)
    phases = rng.uniform(0, 6, num_notes)
    hertz = pitches[:, np.newaxis]
    return (0.3 * np.exp(-4 * t) * np.sin(2 * np.pi * hertz * t + phases[:, np.newaxis])).ravel()


@pytest.fixture(scope="module")
def corpus():
    return notes(240, np.random.default_rng(0))


@pytest.fixture(scope="module")
def reference(corpus):
    return ReferenceStatistics([corpus], RATE, dur_s=4.0)


def test_more_of_the_corpus_kind_holds(reference):
    similarity = reference.measure(notes(16, np.random.default_rng(1)))
    assert similarity.misfit <= 1
    assert similarity.reasons == []
    assert abs(similarity.measures["level"]) < 1


def test_silence_is_silent_throughout(reference):
    similarity = reference.measure(np.zeros(len(TIMES)))
    assert similarity.measures["silence"] == 1.0
    assert [similarity.measures[name] for name in ("loop", "noise", "stuck")] == [0, 0, 0]
    assert "silence for 100 % of the time (limit 10)" in similarity.reasons


def test_half_the_level_is_six_decibels(corpus, reference):
    similarity = reference.measure(corpus / 2)
    assert similarity.measures["level"] == pytest.approx(-6.02, abs=0.01)
    assert similarity.octave_db == pytest.approx(np.zeros(8), abs=1e-6)
    assert "12.0 dB louder (limit 6.0)" in reference.measure(4 * corpus).reasons


def test_white_noise_is_a_burst_where_it_is_loud(corpus, reference):
    rng = np.random.default_rng(2)
    noise = rng.normal(0, corpus.std(), RATE)
    assert reference.measure(noise).measures["noise"] == 1.0
    assert reference.measure(noise / 100).measures["noise"] == 0.0
    take = corpus[: 4 * RATE].copy()
    take[RATE : RATE + 1600] += 3 * noise[:1600]  # 0.1 s of 4 s
    similarity = reference.measure(take)
    assert 0.015 <= similarity.measures["noise"] <= 0.05
    assert any("noise bursts for" in reason for reason in similarity.reasons)


def test_a_sine_is_a_steady_tone_and_no_noise(reference):
    similarity = reference.measure(0.1 * np.sin(2 * np.pi * 3000 * TIMES))
    assert similarity.measures["loop"] == 1.0
    assert similarity.measures["noise"] == 0.0
    assert "loops or a steady tone for 100 % of the time" in " ".join(similarity.reasons)
    assert similarity.octave_db.argmax() == 6  # 2 to 4 kHz of eight octaves
    assert similarity.octave_hz.tolist() == [62.5, 125, 250, 500, 1000, 2000, 4000, 8000]


def test_a_loop_of_the_corpus_differs_in_nothing_but_that_it_repeats(corpus, reference):
    similarity = reference.measure(np.tile(corpus[: RATE // 2], 8))
    assert similarity.measures["loop"] == 1.0
    assert similarity.measures["noise"] == similarity.measures["silence"] == 0.0


def test_correlation_of_a_loop_is_one_and_of_noise_about_none():
    noise = np.random.default_rng(3).normal(0, 0.1, 4 * RATE)
    assert correlations_at_long_lags(np.tile(noise[:8000], 8), RATE) == pytest.approx([1, 1, 1])
    assert correlations_at_long_lags(noise, RATE).max() < 0.05
    # longer than a second: no lag of a stretch finds it
    assert correlations_at_long_lags(np.tile(noise[:20000], 3), RATE).max() < 0.05


def test_a_stuck_value_counts_where_it_is_not_at_rest(corpus, reference):
    assert longest_run([0.0] * 9 + [0.5] * 4 + [0.005] * 9 + [-0.5] * 3 + [0.1]) == 4
    assert longest_run(np.zeros(5)) == 0
    take = corpus[: 4 * RATE].copy()
    take[100:1700] = 0.25
    similarity = reference.measure(take)
    assert similarity.measures["stuck"] == pytest.approx(0.1)
    assert "stuck on one level for 100 ms (limit 20)" in similarity.reasons


def test_limits_are_wider_where_the_corpus_itself_varies():
    loud, soft = notes(64, np.random.default_rng(4)), notes(64, np.random.default_rng(5)) / 10
    varied = ReferenceStatistics([loud, soft], RATE, dur_s=4.0)
    # half at 0 dB, half at -20 dB: the soft pieces lie 17 dB below the mean power
    assert varied.measure(soft).limits["level"] == pytest.approx(17, abs=1)


def test_a_corpus_and_a_take_shorter_than_a_frame_are_measured():
    short = np.sin(np.arange(300) / 5)
    assert ReferenceStatistics([short], RATE, dur_s=4.0).measure(short).measures["level"] == 0.0


def test_absolute_levels_of_octaves_are_measured_from_125_hz_up(corpus, reference):
    similarity = reference.measure(corpus / 4)
    assert similarity.measures["octaves"] == pytest.approx(-12.04, abs=0.01)
    assert similarity.octave_level_db[3] == pytest.approx(-12.04, abs=0.01)
    reason = "an octave 12.0 dB off in absolute level (limit"
    assert any(line.startswith(reason) for line in similarity.reasons)
    rumble = corpus[: len(TIMES)] + 0.5 * np.sin(2 * np.pi * 40 * TIMES)
    assert abs(reference.measure(rumble).measures["octaves"]) < 3


def test_a_take_with_noise_on_it_is_less_harmonic(corpus, reference):
    take = corpus[: len(TIMES)]
    noise = np.random.default_rng(6).normal(0, take.std(), len(take))
    similarity = reference.measure(take + noise)
    assert similarity.measures["harmonicity"] < -10
    noisy, clean = similarity.figures["harmonicity"]
    assert similarity.measures["harmonicity"] == pytest.approx(noisy - clean)
    assert f"harmonic-to-noise ratio {noisy:.1f} dB, not {clean:.1f} " in str(similarity.reasons)


def test_partials_that_end_an_octave_lower_are_an_octave_of_reach():
    def tones(hertz, seed):
        rng = np.random.default_rng(seed)
        strengths = rng.uniform(0.8, 1.2, (len(hertz), 16))
        beats = np.repeat(strengths, RATE // 2, axis=1)  # 8 s
        t = np.arange(beats.shape[1]) / RATE
        sines = np.sin(2 * np.pi * np.array(hertz)[:, np.newaxis] * t)
        return 0.05 * (beats * sines).sum(axis=0) + rng.normal(0, 1e-3, len(t))

    reference = ReferenceStatistics([tones((180, 700, 1500, 3000), 0)], RATE, dur_s=4.0)
    similarity = reference.measure(tones((180, 700), 1))
    assert similarity.measures["reach"] == 2.0
    assert similarity.figures["reach"] == (1000.0, 4000.0)
    assert any(
        reason.startswith("partials up to 1000 Hz, not 4000") for reason in similarity.reasons
    )
    assert reference.measure(tones((180, 700, 3000), 2)).measures["reach"] == 0.0


def test_half_as_many_onsets_and_one_window_over_and_over_are_far_off(corpus, reference):
    take = np.zeros(len(TIMES))
    take[:: RATE // 2] = 0.5  # clicks, two a second
    similarity = reference.measure(take)
    onsets, of_corpus = similarity.figures["onsets"]
    assert onsets == pytest.approx(2.0, abs=0.3)
    assert of_corpus == pytest.approx(4.0, abs=0.3)  # a note in each quarter of a second
    expected = np.log2((onsets + 0.25) / (of_corpus + 0.25))
    assert similarity.measures["onsets"] == pytest.approx(expected)
    assert similarity.measures["windows"] > 1.5
    assert any("times as far from the corpus" in reason for reason in similarity.reasons)


def test_nineteen_of_twenty_pieces_stay_within_all_limits_at_once():
    # each piece is the worst in another measure; two exceed the least limit by much
    pieces = [dict.fromkeys(LEAST, 0.0) for _ in range(20)]
    pieces[3]["level"], pieces[7]["windows"], pieces[9]["silence"] = -12.0, 9.0, 0.05
    limits = limits_within(pieces)
    held = [all(abs(piece[name]) <= limits[name] for name in LEAST) for piece in pieces]
    assert sum(held) == 19
    assert limits["silence"] == LEAST["silence"] and limits["stuck"] == LEAST["stuck"]
