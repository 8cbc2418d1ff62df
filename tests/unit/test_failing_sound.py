"""The live detector against made-up sounds of every kind, and against sound that is none."""

import numpy as np
import pytest
import soundfile
from places import PROJECT

from sopilib.evaluation.failing_sound import KINDS, SLOWEST_S, FailureDetector

RATE = 16000
BLOCK = 200  # samples heard at a time, as a stream of 100 ms makes them
_rng = np.random.default_rng(3)


def seconds(dur_s, rate=RATE):
    return np.arange(round(dur_s * rate)) / rate


def notes(dur_s, rate=RATE):
    """Return ordinary sound: a decaying note each 0.4 to 0.9 s, between soft noises."""
    rng = np.random.default_rng(1)
    sound = 0.002 * rng.standard_normal(round(dur_s * rate))
    begin = 0.0
    while begin < dur_s:
        time = seconds(dur_s, rate) - begin
        pitch = 110 * 2 ** (rng.integers(0, 30) / 12)
        note = np.sin(2 * np.pi * pitch * time) + 0.4 * np.sin(4.003 * np.pi * pitch * time)
        sound += np.where(time < 0, 0, 0.2 * np.exp(-np.maximum(time, 0) / 0.3) * note)
        begin += rng.uniform(0.4, 0.9)
    return sound


def word(dur_s, rate):
    return np.tile(notes(0.35, rate), 100)[: round(dur_s * rate)]


FAILURES = {
    "stuck": lambda rate: np.full(2 * rate, -0.3),
    "silence": lambda rate: 0.001 * _rng.standard_normal(5 * rate),
    "noise": lambda rate: 0.2 * _rng.standard_normal(3 * rate),
    "dc": lambda rate: 0.4 + 0.05 * np.sin(1000 * seconds(3, rate)),
    "loop": lambda rate: word(8, rate),
}


def heard(sound, rate=RATE, ignored=frozenset()):
    """Return (seconds, kind) of each report."""
    detector, reports = FailureDetector(rate), []
    for begin in range(0, len(sound), BLOCK):
        kind = detector.push(sound[begin : begin + BLOCK].astype(np.float32), ignored)
        if kind:
            reports.append((begin / rate, kind))
    return reports


@pytest.mark.parametrize(
    "kind, rate", [*((kind, RATE) for kind in FAILURES), ("noise", 44100), ("loop", 44100)]
)
def test_each_kind_is_reported_once_and_in_time_and_ordinary_sound_is_not(kind, rate):
    failure = FAILURES[kind](rate)
    (report,) = heard(np.concatenate([notes(4, rate), failure, notes(6, rate)]), rate)
    began, (found_at, found) = 4.0, report
    assert found == kind
    assert 0 < found_at - began <= min(SLOWEST_S, len(failure) / rate + 0.5)


def test_the_kinds_are_these():
    assert set(KINDS) == set(FAILURES)


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_that_comes_back_is_reported_again(kind):
    failure = FAILURES[kind](RATE)
    sound = np.concatenate([notes(3), failure, notes(4), failure])
    assert [found for _, found in heard(sound)] == [kind, kind]


def test_what_is_intended_is_not_reported():
    assert heard(np.concatenate([notes(3), FAILURES["loop"](RATE)]), ignored={"loop"}) == []


@pytest.mark.parametrize(
    "sound",
    [
        notes(20),
        np.concatenate([notes(4), np.zeros(RATE * 2), notes(4)]),  # a pause
        0.3 * np.sin(2 * np.pi * 220 * seconds(3)),  # a held note, from and into silence
        (notes(10) > 0.05) * 0.9,  # clipped beyond all measure
        notes(6) + 0.09,  # a recording with an offset
        np.concatenate([0.3 * _rng.standard_normal(RATE // 2), notes(4)]),  # a consonant
    ],
    ids=["notes", "pause", "tone", "clipped", "offset", "burst"],
)
def test_sound_that_is_close_to_a_failure_is_not_one(sound):
    assert heard(sound) == []


@pytest.mark.parametrize("preview", ["preludes/preview.flac", "voce/preview.flac"])
def test_the_bundled_models_sound_ordinary(preview):
    sound, rate = soundfile.read(PROJECT / "models" / preview, dtype="float32")
    assert heard(sound[: 15 * rate], rate) == []
