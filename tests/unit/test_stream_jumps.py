"""A stream that continues from elsewhere: a recalled or held state, a seed, a random seed."""

import math

import numpy as np
import pytest
from engine_models import engine_generator
from streams import begun, free_run, make_generator, sound, take_of

from sopilib.audio.resample import resample
from sopilib.errors import RequestError
from sopilib.generation.stream import Stream
from sopilib.generation.take import TakeRequest
from sopilib.model.generator_state import state_of_voices

CROSSFADE = 80  # samples, 5 ms at 16 kHz


def mixed(old, new):
    """Return `new` with `old` (80,) fading out over its beginning in a straight line."""
    share = np.arange(1, 81) / 81
    return np.concatenate([(1 - share) * old + share * new[:80], new[80:]])


def state_at(generator):
    """Return the state of the generator, for a twin of it."""
    twin = engine_generator("gru_mulaw", generator.num_seqs, threads=1)
    twin.restore_state(generator.save_state())
    return twin


@pytest.mark.parametrize("kind", ["native", "tensorflow"])
def test_a_recalled_state_goes_on_as_then_after_five_milliseconds_of_crossfade(kind):
    generator = make_generator(kind, num_seqs=2)
    stream = begun(generator)
    sound(stream, 500)
    state = generator.save_state()
    then = sound(stream, 1500)
    left_off = generator.save_state()
    old = free_run(generator, CROSSFADE)
    generator.restore_state(left_off)
    stream.recall(state)
    again = sound(stream, 1000)
    np.testing.assert_allclose(again, mixed(old, then)[: len(again)], atol=1e-6)


def test_a_state_recalled_twice_at_once_is_that_state():
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator)
    sound(stream, 500)
    state = generator.save_state()
    then = sound(stream, 1000)
    stream.recall(state)
    stream.recall(state)
    np.testing.assert_array_equal(sound(stream, 1000)[80:1000], then[80:1000])


def test_a_recall_within_the_crossfade_of_another_begins_where_that_one_was():
    """Chunks of 4 ms end within the crossfade."""
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator, 0.032)
    sound(stream, 500)
    state = generator.save_state()
    then = sound(stream, 1000)
    elsewhere = state_at(generator)
    old = free_run(elsewhere, CROSSFADE)
    stream.recall(state)
    first = stream.next_rows()[0]
    assert len(first) == 64
    stream.recall(state)
    np.testing.assert_allclose(first, mixed(old, then)[:64], atol=1e-6)
    fading = mixed(old, then)[64:144]
    np.testing.assert_allclose(sound(stream, 500)[:500], mixed(fading, then[:500]), atol=1e-6)


@pytest.mark.parametrize("kind", ["native", "tensorflow"])
def test_a_held_state_starts_again_and_again_with_fresh_random_numbers(kind):
    generator = make_generator(kind)
    stream = begun(generator)
    sound(stream, 480)
    held = generator.save_state()
    stream.hold(0.05)
    streamed = sound(stream, 2400)[:2400]
    generator.restore_state(held)
    expected = [free_run(generator, 800)]
    for _ in range(2):
        old = free_run(generator, CROSSFADE)
        generator.restore_state(held, random=False)
        expected.append(mixed(old, free_run(generator, 800)))
    np.testing.assert_allclose(streamed, np.concatenate(expected), atol=1e-6)
    assert not np.array_equal(streamed[900:1600], streamed[1700:])


def test_a_recall_and_a_seed_in_a_held_stream_are_what_is_held_from_then_on():
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator, temperature=(0.0,))
    sound(stream, 480)
    state = generator.save_state()
    then = free_run(generator, 800, temperature=0.0)
    sound(stream, 3000)
    stream.hold(0.05)
    sound(stream, 1000)
    stream.recall(state)
    streamed = sound(stream, 2400)[:2400].reshape(3, 800)
    np.testing.assert_array_equal(streamed[:, CROSSFADE:], [then[CROSSFADE:]] * 3)
    seed = np.random.default_rng(1).uniform(-0.5, 0.5, 300).astype(np.float32)
    stream.prime(seed, 16000)
    twin = state_at(generator)
    twin.prime(seed)
    then = free_run(twin, 800, temperature=0.0)
    stream.listen()
    streamed = sound(stream, 2400)[:2400].reshape(3, 800)
    np.testing.assert_array_equal(streamed[:, CROSSFADE:], [then[CROSSFADE:]] * 3)


def test_a_state_that_is_let_go_goes_on_from_where_it_is():
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator)
    stream.hold(0.05)
    sound(stream, 2400)
    sound(stream, 200)
    stream.hold(0)
    twin = state_at(generator)
    streamed = sound(stream, 3000)
    np.testing.assert_array_equal(streamed, free_run(twin, len(streamed)))


@pytest.mark.parametrize("seconds", [-1.0, 0.019, 3601.0, 1e308, math.nan, math.inf])
def test_a_time_to_hold_out_of_range_is_refused_and_the_stream_goes_on(seconds):
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator)
    with pytest.raises(RequestError, match="freeze: .* 0.02 to 3600"):
        stream.hold(seconds)
    streamed = sound(stream, 1000)
    np.testing.assert_array_equal(streamed, take_of(generator, 0.2)[: len(streamed)])


@pytest.mark.parametrize("kind", ["native", "tensorflow"])
def test_while_a_seed_is_being_heard_it_plays_on_and_then_from_the_seed(kind):
    generator = make_generator(kind, num_seqs=2)
    plain = take_of(generator, 0.4)
    stream = begun(generator)
    played = [sound(stream, 640)]
    seed = np.random.default_rng(1).uniform(-0.5, 0.5, 1000).astype(np.float32)
    state = generator.save_state()
    stream.prime(seed, 16000)
    for _ in range(3):
        stream.listen()
        played.append(stream.next_rows()[0])
    assert stream.is_listening
    played = np.concatenate(played)
    np.testing.assert_array_equal(played, plain[: len(played)])
    left_off = generator.save_state()
    stream.listen()
    assert not stream.is_listening
    logits = generator.next_logits()
    streamed = sound(stream, 500)
    generator.restore_state(state)
    generator.prime(seed)
    np.testing.assert_allclose(generator.next_logits(), logits, atol=1e-5)
    seeded = generator.save_state()
    generator.restore_state(left_off)
    old = free_run(generator, CROSSFADE)
    generator.restore_state(seeded, random=False)
    new = free_run(generator, len(streamed))
    np.testing.assert_allclose(streamed, mixed(old, new), atol=1e-6)


@pytest.mark.parametrize("seed_rate", [8000, 16000, 44100])
def test_the_end_of_a_long_seed_is_heard_at_any_rate(seed_rate):
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator)
    sound(stream, 640)
    twin = state_at(generator)
    seed = np.random.default_rng(1).uniform(-0.5, 0.5, (3 * seed_rate, 2)).astype(np.float32)
    stream.prime(seed, seed_rate)
    num_listens = 0
    while stream.is_listening:
        stream.listen()
        num_listens += 1
    assert num_listens == 100  # 20 ms each of two seconds
    twin.prime(resample(seed[-2 * seed_rate :].mean(axis=1), seed_rate, 16000))
    np.testing.assert_allclose(generator.next_logits(), twin.next_logits(), atol=1e-5)


def test_what_is_said_last_holds_a_second_seed_or_a_recall():
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator)
    sound(stream, 640)
    state = generator.save_state()
    then = sound(stream, 640)
    seed = np.random.default_rng(1).uniform(-0.5, 0.5, 1000).astype(np.float32)
    stream.prime(seed, 16000)
    stream.listen()
    stream.recall(state)
    assert not stream.is_listening
    np.testing.assert_array_equal(sound(stream, 640)[80:640], then[80:640])
    stream.prime(seed, 16000)
    stream.listen()
    twin = state_at(generator)
    stream.prime(seed[:500], 16000)
    while stream.is_listening:
        stream.listen()
    twin.prime(seed[:500])
    np.testing.assert_allclose(generator.next_logits(), twin.next_logits(), atol=1e-5)


@pytest.mark.parametrize("kind", ["native", "tensorflow"])
def test_a_random_seed_in_mid_stream_starts_the_random_numbers_anew(kind):
    generator = make_generator(kind)
    stream = begun(generator)
    sound(stream, 640)
    state = generator.save_state()
    stream.reseed(9)
    first = sound(stream, 640)
    generator.restore_state(state)
    generator.reseed(9)
    np.testing.assert_array_equal(free_run(generator, len(first)), first)
    generator.restore_state(state)
    stream.reseed(None)
    assert not np.array_equal(sound(stream, 640), first)
    with pytest.raises(RequestError, match="-1"):
        stream.reseed(-1)


@pytest.mark.parametrize("kind", ["native", "tensorflow"])
def test_a_state_without_its_random_numbers_goes_on_with_those_of_now(kind):
    generator = make_generator(kind, num_seqs=2, rng_seed=3)
    state = generator.save_state()
    first = free_run(generator, 500)
    generator.restore_state(state)
    np.testing.assert_array_equal(free_run(generator, 500), first)
    generator.restore_state(state, random=False)
    assert not np.array_equal(free_run(generator, 500), first)
    generator.reset(3)
    np.testing.assert_array_equal(free_run(generator, 500), first)


def test_all_that_is_turned_at_a_rate_of_pd_makes_no_click():
    """At temperature 0 the fixture hums: its largest step is known."""
    generator = engine_generator("gru_mulaw", num_seqs=1)
    stream = begun(generator, temperature=(0.0,), out_rate=44100)
    hum = np.abs(np.diff(sound(stream, 20000)[2000:])).max()
    state = generator.save_state()
    pieces = [sound(stream, 3000)]
    for turn in (
        lambda: stream.recall(state),
        lambda: stream.hold(0.02),
        lambda: stream.reseed(4),
        lambda: stream.hold(0),
        lambda: stream.recall(state),
    ):
        turn()
        pieces.append(sound(stream, 3000))
    # beside the material's own step, that of the fade from one extreme to the other
    assert np.abs(np.diff(np.concatenate(pieces))).max() < 1.1 * hum + 2 / 220


@pytest.mark.parametrize("kind", ["native", "tensorflow"])
def test_a_voice_that_jumps_by_itself_leaves_the_other_as_it_is(kind):
    """The voices then stand at different places of their frames."""
    generator = make_generator(kind, num_seqs=2)
    stream = Stream(generator, TakeRequest(None, rng_seed=5), 0.1, is_apart=True)
    stream.begin()
    first = stream.next_rows()[1:]
    state = generator.save_state()
    then = np.concatenate([stream.next_rows()[1:] for _ in range(4)], axis=1)
    generator.restore_state(state)
    played = [stream.next_rows(100)[1:]]
    stream.recall(state, 1)
    played += [stream.next_rows()[1:] for _ in range(3)]
    played = np.concatenate(played, axis=1)
    num_after = played.shape[1] - 100
    np.testing.assert_array_equal(played[0], then[0, : played.shape[1]])
    np.testing.assert_array_equal(played[1, 100 + CROSSFADE :], then[1, CROSSFADE:num_after])
    assert first.shape == (2, 200)
    apart = generator.save_state()
    assert len(set(generator.positions(apart))) == 2
    seed = np.random.default_rng(1).uniform(-0.5, 0.5, 300).astype(np.float32)
    generator.prime(seed)
    logits = generator.next_logits()
    for voice in range(2):
        rows = dict.fromkeys(range(2), (apart, voice))
        generator.restore_state(state_of_voices(apart, rows, generator.voice_axes))
        generator.prime(seed)
        np.testing.assert_allclose(generator.next_logits()[voice], logits[voice], atol=1e-5)
