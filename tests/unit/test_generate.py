"""Takes: exact lengths, clean starts, takes that resume, resampling, refusals."""

import numpy as np
import pytest
import soxr
from golden import golden_generator

from sopilib.audio.resample import StreamResampler
from sopilib.errors import AudioError, RequestError, SampleRNNError
from sopilib.generation.take import Take, TakeRequest

NAME = "gru_mulaw"


def generator(num_seqs=1):
    return golden_generator(NAME, num_seqs)


def make(num_seqs=1, **request):
    """Return the whole audio (num_seqs, num_samples) of a take."""
    return np.concatenate(list(Take(generator(num_seqs), TakeRequest(**request))), axis=1)


def noise(num_samples):
    return np.random.default_rng(0).uniform(-0.5, 0.5, num_samples).astype(np.float32)


@pytest.mark.parametrize(
    "dur_s, out_rate, num_samples",
    [
        (0.1, None, 1600),
        (0.06251, None, 1000),
        (1 / 16000, None, 1),
        (0.123, None, 1968),
        (0.1, 44100, 4410),
        (0.0333, 44100, 1469),
        (0.1, 8000, 800),
        (0.1, 16001, 1600),
        (1 / 44100, 44100, 1),
    ],
)
def test_a_take_has_exactly_the_rounded_length(dur_s, out_rate, num_samples):
    take = Take(generator(2), TakeRequest(dur_s=dur_s, out_rate=out_rate))
    chunks = list(take)
    assert take.num_samples == num_samples
    assert take.sample_rate == (out_rate or 16000)
    assert sum(chunk.shape[1] for chunk in chunks) == num_samples
    assert all(chunk.shape[0] == 2 and chunk.dtype == np.float32 for chunk in chunks)


def test_a_take_starts_from_a_clean_state_whatever_was_before():
    first = make(dur_s=0.05, rng_seed=3)
    make(dur_s=0.0777, rng_seed=4, seed_audio=noise(1000))
    np.testing.assert_array_equal(make(dur_s=0.05, rng_seed=3), first)


def test_without_a_random_seed_a_fresh_one_is_taken_and_told():
    takes = [Take(generator(), TakeRequest(dur_s=0.05)) for _ in range(2)]
    assert takes[0].rng_seed != takes[1].rng_seed
    audio = np.concatenate(list(takes[0]), axis=1)
    np.testing.assert_array_equal(make(dur_s=0.05, rng_seed=takes[0].rng_seed), audio)


def test_two_takes_the_second_resuming_are_one_of_twice_the_length():
    whole = make(2, dur_s=0.1, rng_seed=9)
    halves = [make(2, dur_s=0.05, rng_seed=9), make(2, dur_s=0.05, resume=True)]
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), whole)


@pytest.mark.parametrize("out_rate", [44100, 8000])
def test_resampled_takes_join_without_a_click(out_rate):
    whole = make(2, dur_s=0.4, rng_seed=9, out_rate=out_rate)
    halves = [
        make(2, dur_s=0.2, rng_seed=9, out_rate=out_rate),
        make(2, dur_s=0.2, resume=True, out_rate=out_rate),
    ]
    np.testing.assert_allclose(np.concatenate(halves, axis=1), whole, atol=1e-5)


def test_a_resampled_take_is_soxrs_resampling_of_the_samples():
    samples = make(2, dur_s=0.25, rng_seed=9)
    resampled = make(2, dur_s=0.25, rng_seed=9, out_rate=44100)
    whole = soxr.resample(samples.T, 16000, 44100, quality="HQ").T
    # near the end soxr gets silence here, where the take continues
    np.testing.assert_allclose(resampled[:, :-300], whole[:, :-300], atol=1e-5)


def stopped(out_rate, num_wanted):
    """Return the audio (1, any) of a take stopped after about `num_wanted` samples."""
    heard = np.zeros((1, 0), np.float32)
    for chunk in Take(generator(), TakeRequest(dur_s=9.0, rng_seed=2, out_rate=out_rate)):
        heard = np.concatenate([heard, chunk], axis=1)
        if heard.shape[1] >= num_wanted:
            break
    return heard


def test_a_take_that_was_stopped_is_resumed_where_it_was_stopped():
    whole = make(dur_s=1.0, rng_seed=2)
    heard = stopped(16000, 800)
    assert 800 <= heard.shape[1] < 8000
    rest = make(dur_s=0.5, resume=True)
    joined = np.concatenate([heard, rest], axis=1)
    np.testing.assert_array_equal(joined, whole[:, : joined.shape[1]])


def test_a_resampled_take_that_was_stopped_goes_on_with_what_was_made_and_not_heard():
    samples = make(dur_s=1.0, rng_seed=2)
    heard = stopped(44100, 2000)
    assert 2000 <= heard.shape[1] < 22050
    rest = make(dur_s=0.3, resume=True, out_rate=44100)
    position = round(heard.shape[1] * 16000 / 44100)
    resampler = StreamResampler(16000, 44100, samples[:, :position])
    expected = resampler.push(samples[:, position:])[:, : rest.shape[1]]
    np.testing.assert_allclose(rest, expected, atol=1e-5)


def test_a_seed_of_any_rate_and_channels_is_mixed_and_resampled_to_the_models():
    mono = noise(4410)
    stereo = np.stack([2 * mono, np.zeros_like(mono)], axis=1)
    make(dur_s=0.01, rng_seed=1, seed_audio=stereo, seed_rate=44100)
    logits = generator().next_logits()
    at_model_rate = soxr.resample(mono, 44100, 16000, quality="HQ")
    take = make(dur_s=0.01, rng_seed=1, seed_audio=at_model_rate)
    np.testing.assert_allclose(generator().next_logits(), logits, atol=1e-5)
    generator().reset(1)
    generator().prime(at_model_rate)
    np.testing.assert_array_equal(generator().generate(np.ones((1, 160), np.float32)), take)


def test_a_silent_seed_is_a_seed():
    assert make(dur_s=0.01, seed_audio=np.zeros(500, np.float32)).shape == (1, 160)


def test_while_a_long_seed_is_primed_there_are_empty_chunks():
    take = Take(generator(), TakeRequest(dur_s=0.01, seed_audio=noise(16000)))
    shapes = [chunk.shape for chunk in take]
    assert shapes[:3] == [(1, 0)] * 3
    assert sum(num_samples for _, num_samples in shapes) == 160


def test_a_take_stopped_while_it_is_primed_hands_over_what_it_primed():
    take = Take(generator(2), TakeRequest(dur_s=1.0, seed_audio=noise(3000)))
    next(iter(take))
    primed = take.record.seed_audio
    assert 0 < len(primed) <= 3000
    np.testing.assert_array_equal(primed, noise(3000)[: len(primed)])
    np.testing.assert_array_equal(generator(2).handover.played, [primed, primed])


def test_temperature_turned_in_mid_take_changes_what_follows():
    take = Take(generator(), TakeRequest(dur_s=0.2, rng_seed=1))
    chunks = []
    for chunk in take:
        chunks.append(chunk)
        take.temperature.set([0.0])
    audio, num_before = np.concatenate(chunks, axis=1), chunks[0].shape[1]
    generator().reset(1)
    generator().generate(np.ones((1, num_before), np.float32))
    rest = generator().generate(np.zeros((1, 3200 - num_before), np.float32))
    np.testing.assert_array_equal(audio[:, num_before:], rest)


def test_a_ramp_glides_from_the_takes_start():
    glide = np.maximum(0.0, 1.0 - np.arange(1600) / 800).astype(np.float32)
    generator().reset(1)
    expected = generator().generate(glide[np.newaxis])
    audio = make(dur_s=0.1, rng_seed=1, ramp=(0.0, 0.05))
    np.testing.assert_array_equal(audio, expected)


def test_chunks_are_small_at_first():
    first = next(iter(Take(generator(), TakeRequest(dur_s=1.0))))
    assert 0 < first.shape[1] <= 64


@pytest.mark.parametrize(
    "request_, error, told",
    [
        ({"dur_s": 0.0}, RequestError, "length 0 s"),
        ({"dur_s": -1.0}, RequestError, "length -1 s"),
        ({"dur_s": float("nan")}, RequestError, "length nan s"),
        ({"dur_s": float("inf")}, RequestError, "length inf s"),
        ({"dur_s": 1e-9}, RequestError, "less than a sample"),
        ({"dur_s": 1e12}, RequestError, "GB for 2 voices at 16000 Hz"),
        ({"dur_s": 1e308}, RequestError, "GB"),
        ({"out_rate": 10}, RequestError, "output sample rate 10"),
        ({"out_rate": 44100.5}, RequestError, "44100.5"),
        ({"rng_seed": -1}, RequestError, "random seed -1"),
        ({"rng_seed": 1.5}, RequestError, "random seed 1.5"),
        ({"temperature": (1.0, 1.0, 1.0)}, RequestError, "3 temperatures for 2 voices"),
        ({"temperature": (-1.0,)}, RequestError, "temperature -1"),
        ({"ramp": (float("nan"), 1.0)}, RequestError, "temperature nan"),
        ({"seed_audio": np.zeros(0)}, AudioError, "empty"),
        ({"seed_audio": np.zeros((0, 2))}, AudioError, "empty"),
        ({"seed_audio": np.array([0.0, np.nan])}, AudioError, "NaN"),
        ({"seed_audio": np.zeros(9), "seed_rate": 0}, RequestError, "seed sample rate 0"),
    ],
)
def test_a_bad_request_is_refused_in_one_line_and_the_next_works(request_, error, told):
    with pytest.raises(SampleRNNError) as raised:
        Take(generator(2), TakeRequest(**request_))
    assert isinstance(raised.value, error)
    message = str(raised.value)
    assert told in message and "(" in message and "\n" not in message
    assert make(2, dur_s=0.01).shape == (2, 160)
