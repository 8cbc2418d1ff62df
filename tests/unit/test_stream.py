"""Streams against takes and against generators driven directly in the same way."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from engine_models import engine_generator, packed_model
from golden import NAMES, golden_model
from streams import begun, free_run, sound, take_of

from sopilib.engine.engine import EngineGenerator
from sopilib.errors import AudioError, RequestError
from sopilib.generation.stream_speed import settle
from sopilib.generation.temperature import Curve
from sopilib.generation.tensorflow_generator import Generator

RATES = (16000, 44100, 48000, 8000)


@pytest.mark.parametrize("out_rate", RATES)
@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_the_take_without_an_end(name, out_rate):
    generator = engine_generator(name, num_seqs=1, threads=1)
    streamed = sound(begun(generator, out_rate=out_rate), out_rate)
    taken = take_of(generator, 1.5, out_rate=out_rate)[: len(streamed)]
    np.testing.assert_allclose(streamed, taken, atol=2e-6 if out_rate != 16000 else 0)


@pytest.mark.parametrize("out_rate", RATES)
def test_the_voices_are_summed(out_rate):
    generator = engine_generator("gru_mulaw", num_seqs=3, threads=2)
    fields = dict(out_rate=out_rate, temperature=(0.5, 1.0, 1.2))
    streamed = sound(begun(generator, **fields), 5000)
    taken = take_of(generator, 1.0, **fields)[: len(streamed)]
    np.testing.assert_allclose(streamed, taken, atol=5e-6)
    assert np.ptp(streamed) > 1  # louder than one voice alone may be


def test_the_latency_decides_on_the_chunks_and_not_on_the_sound():
    generator = engine_generator("gru_mulaw", num_seqs=1, threads=1)
    expected = take_of(generator, 0.6, out_rate=44100)
    for latency_s in (0.04, 0.4, 2.0):
        streamed = sound(begun(generator, latency_s, out_rate=44100), 22050)
        np.testing.assert_allclose(streamed, expected[: len(streamed)], atol=2e-6)


def test_a_seed_a_ramp_and_a_curve_are_those_of_a_take():
    generator = engine_generator("gru_mulaw", num_seqs=2, threads=1)
    seed = np.sin(np.arange(3000) * 0.3).astype(np.float32) * 0.5
    curve = Curve([0.0, 1.5, 0.5], 0.1)
    for fields in (
        dict(seed_audio=seed, seed_rate=16000),
        dict(seed_audio=np.stack([seed, seed], axis=1), seed_rate=22050, out_rate=44100),
        dict(temperature=(curve,)),
        dict(ramp=(0.2, 0.05)),
    ):
        streamed = sound(begun(generator, **fields), 3000)
        taken = take_of(generator, 0.5, **fields)[: len(streamed)]
        np.testing.assert_allclose(streamed, taken, atol=2e-6)


def test_a_seed_is_heard_from_its_end_for_two_seconds():
    generator = engine_generator("gru_mulaw", num_seqs=1, threads=1)
    seed = np.random.default_rng(0).uniform(-0.5, 0.5, 40000).astype(np.float32)
    streamed = sound(begun(generator, seed_audio=seed), 1000)
    np.testing.assert_array_equal(
        streamed, take_of(generator, 0.1, seed_audio=seed[-32000:])[: len(streamed)]
    )


def test_a_take_goes_on_from_where_a_stream_was():
    generator = engine_generator("gru_mulaw", num_seqs=1, threads=1)
    streamed = sound(begun(generator), 1000)
    rest = take_of(generator, 0.05, resume=True)
    whole = take_of(generator, 0.2)
    np.testing.assert_array_equal(rest, whole[len(streamed) :][:800])


def test_a_stream_hands_its_voices_over_to_the_take_that_resumes_it():
    generator = engine_generator("gru_mulaw", num_seqs=2, threads=1)
    streamed = sound(begun(generator), 1000)
    expected = engine_generator("gru_mulaw", num_seqs=2, threads=1, rng_seed=5)
    voices = expected.generate(np.ones((2, len(streamed)), np.float32))
    np.testing.assert_array_equal(generator.handover.played, voices)
    assert generator.handover.unplayed.shape == (2, 0)


def test_a_seed_in_mid_stream_is_handed_over_after_the_sound_before_it():
    generator = engine_generator("gru_mulaw", num_seqs=2, threads=1)
    stream = begun(generator)
    sound(stream, 640)
    before = generator.handover.played
    seed = np.random.default_rng(1).uniform(-0.5, 0.5, 300).astype(np.float32)
    stream.prime(seed, 16000)
    stream.listen()
    assert not stream.is_listening
    expected = np.concatenate([before, [seed, seed]], axis=1)
    np.testing.assert_array_equal(generator.handover.played, expected)


# Latency


@pytest.mark.parametrize("out_rate", RATES)
@pytest.mark.parametrize("latency_s", [0.05, 0.1, 0.4, 2.0])
def test_what_is_made_is_never_further_ahead_than_the_latency_and_never_runs_out(
    latency_s, out_rate
):
    stream = begun(
        engine_generator("gru_mulaw", num_seqs=1, threads=1), latency_s, out_rate=out_rate
    )
    num_played, poll = 0, round(0.005 * out_rate)
    for _ in range(200):
        while stream.is_due(num_played):
            stream.next_rows()
        assert stream.front <= num_played + latency_s * out_rate + 1e-6
        assert stream.num_made - num_played > latency_s * out_rate / 2
        num_played += poll


@pytest.mark.parametrize("out_rate", RATES)
@pytest.mark.parametrize("latency_s", [0.05, 0.1, 0.4])
def test_a_turn_of_the_temperature_is_heard_within_the_latency(latency_s, out_rate):
    generator = engine_generator("gru_mulaw", num_seqs=1, threads=1)
    plain = sound(begun(generator, out_rate=out_rate), 2 * out_rate)
    for turned_at in (0, 777, 5000):
        stream = begun(generator, latency_s, out_rate=out_rate)
        chunks, num_played, is_turned = [], 0, False
        while num_played < 5000 + latency_s * out_rate:
            if num_played >= turned_at and not is_turned:
                heard_at, is_turned = num_played, True
                stream.temperature.set([0.0])
            while stream.is_due(num_played):
                chunks.append(stream.next_rows()[0])
            num_played += round(0.005 * out_rate)
        turned = np.concatenate(chunks)
        changed = np.abs(turned - plain[: len(turned)]) > 1e-4
        assert 0 <= np.argmax(changed) - heard_at <= latency_s * out_rate
        assert changed.any()


def test_a_latency_changed_in_mid_stream_holds_from_then_on():
    stream = begun(engine_generator("gru_mulaw", num_seqs=1, threads=1), 0.4)
    while stream.is_due(0):
        stream.next_rows()
    assert 6400 - 320 < stream.front <= 6400
    stream.set_latency(0.1)
    assert not stream.is_due(0)
    assert not stream.is_due(4800)
    assert stream.is_due(6400)
    stream.set_latency(0.8)
    assert stream.is_due(0)
    with pytest.raises(RequestError):
        stream.set_latency(5)
    while stream.is_due(0):
        stream.next_rows()
    assert 12800 - 320 < stream.front <= 12800


@pytest.mark.parametrize("latency_s", [0.0, -1.0, 2.001, math.nan, math.inf])
def test_a_latency_out_of_range_is_refused_with_the_range(latency_s):
    with pytest.raises(RequestError, match=r"ms \(give 14 to 2000\)"):
        begun(engine_generator("gru_mulaw", num_seqs=1), latency_s)


def test_a_resampled_stream_needs_the_time_of_the_filter_besides():
    generator = engine_generator("gru_mulaw", num_seqs=1)
    assert begun(generator, 0.02, out_rate=44100).latency_s == 0.02
    assert begun(generator, 0.013).latency_s == 0.014
    assert 0.019 < begun(generator, 0.019, out_rate=44100).latency_s <= 0.02
    stream = begun(generator, 0.02, out_rate=8000)
    assert 0.025 < stream.latency_s <= 0.026
    stream.set_latency(0.1)
    stream.set_latency(0.02)
    assert 0.025 < stream.latency_s <= 0.026


# Refusals


@pytest.mark.parametrize(
    "fields, error, quoted",
    [
        (dict(out_rate=10), RequestError, "10"),
        (dict(temperature=(1.0, 1.0, 1.0)), RequestError, "3 temperatures"),
        (dict(temperature=(-1.0,)), RequestError, "-1"),
        (dict(temperature=(Curve([1.0, 0.5]),)), RequestError, "seconds"),
        (dict(rng_seed=-1), RequestError, "-1"),
        (dict(ramp=(1.0, -1.0)), RequestError, "-1"),
        (dict(seed_audio=np.zeros(0)), AudioError, "empty"),
        (dict(seed_audio=np.array([0.1, math.nan])), AudioError, "NaN"),
        (dict(seed_audio=np.zeros(100), seed_rate=0), RequestError, "seed sample rate 0"),
    ],
)
def test_what_cannot_be_streamed_is_refused(fields, error, quoted):
    with pytest.raises(error, match=quoted):
        begun(engine_generator("gru_mulaw", num_seqs=1), **fields)


def test_a_seed_that_cannot_be_heard_is_refused_and_the_stream_goes_on():
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator)
    for audio, rate in (([], 16000), ([math.inf], 16000), ([0.1], 0), ([0.1], 1e9)):
        with pytest.raises((RequestError, AudioError)):
            stream.prime(np.array(audio, np.float32), rate)
    assert not stream.is_listening
    streamed = sound(stream, 1000)
    np.testing.assert_array_equal(streamed, take_of(generator, 0.2)[: len(streamed)])


# Speed


def config_at_rate(sample_rate):
    config = golden_model("gru_mulaw").config
    fields = {**dataclasses.asdict(config), "sample_rate": sample_rate}
    return SimpleNamespace(**fields, big_frame_size=config.big_frame_size)


def at_rate(sample_rate, num_seqs=1, precision="float32"):
    """Return a generator whose model claims another rate, however high."""
    config = config_at_rate(sample_rate)
    packed = packed_model("gru_mulaw", precision)
    return EngineGenerator(config, packed, num_seqs, threads=2)


def test_a_model_that_is_fast_enough_settles_and_its_state_stays():
    generator = at_rate(1000)
    assert settle(generator) > 1.05
    other = engine_generator("gru_mulaw", num_seqs=1)
    np.testing.assert_array_equal(free_run(generator, 500), free_run(other, 500))


@pytest.mark.parametrize(
    "precision, num_seqs, help_",
    [
        ("float32", 1, "load it with precision int4, a smaller model"),
        ("float32", 64, "load it with precision int4, fewer voices, a smaller model"),
        ("int4", 1, "a smaller model"),
    ],
)
def test_a_model_too_slow_is_refused_with_its_speed_and_what_would_help(precision, num_seqs, help_):
    generator = at_rate(100_000_000, num_seqs, precision)
    with pytest.raises(RequestError) as caught:
        settle(generator)
    start, end = str(caught.value).split(" runs at ")
    assert start == f"24 x 2 gru with {num_seqs} voice(s)"
    speed, rest = end.split(maxsplit=1)
    assert 0 < float(speed) < 1
    assert rest == f"times real time here, too slow to stream ({help_})"


def test_an_exported_model_too_slow_is_told_only_of_precisions_that_it_has():
    generator = at_rate(100_000_000, precision="int8")
    with pytest.raises(RequestError, match=r"\(a smaller model\)$"):
        settle(generator, ("float32", "int8"))


def test_tensorflow_too_slow_is_told_that_the_engine_would_help():
    generator = Generator(golden_model("gru_mulaw"), 1)
    generator.config = config_at_rate(100_000_000)
    with pytest.raises(RequestError, match=r"\(install a C\+\+ compiler, then make, a smaller"):
        settle(generator)
