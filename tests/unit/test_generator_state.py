"""The state that both generators carry besides that of their network."""

import numpy as np

from sopilib.generation.stream_voices import Crossfade
from sopilib.model.generator_state import CONTEXT, Handover, VoiceRandom


def ramp(begin, end, num_seqs=2):
    """Return samples that count from `begin` to before `end`, 1000 more in each further voice."""
    return np.arange(begin, end, dtype=np.float32) + 1000 * np.arange(num_seqs)[:, np.newaxis]


def test_a_voice_draws_from_the_random_seed_and_its_number_whatever_the_chunks():
    random = VoiceRandom(3, rng_seed=7)
    drawn = np.concatenate([random.uniform(n) for n in (1, 0, 40, 9)], axis=1)
    expected = [np.random.default_rng([7, v]).random(50, dtype=np.float32) for v in range(3)]
    np.testing.assert_array_equal(drawn, expected)
    assert drawn.dtype == np.float32
    assert random.rng_seed == 7


def test_random_numbers_continue_from_a_saved_state_in_another_object():
    random = VoiceRandom(2, rng_seed=7)
    random.uniform(5)
    state = random.save()
    expected = random.uniform(30)
    other = VoiceRandom(2, rng_seed=8)
    other.restore(state)
    np.testing.assert_array_equal(other.uniform(30), expected)
    assert other.rng_seed == 7
    other.reseed(8)
    np.testing.assert_array_equal(other.uniform(30), VoiceRandom(2, rng_seed=8).uniform(30))


def test_a_handover_begins_with_silence_of_no_length():
    handover = Handover(3)
    assert handover.played.shape == handover.unplayed.shape == (3, 0)


def test_a_handover_keeps_the_newest_samples_and_those_not_played_besides():
    handover = Handover(2)
    kept = handover.replace(ramp(0, 9000), num_unplayed=100)
    np.testing.assert_array_equal(handover.unplayed, ramp(8900, 9000))
    np.testing.assert_array_equal(handover.played, ramp(8900 - CONTEXT, 8900))
    np.testing.assert_array_equal(kept, ramp(8900 - CONTEXT, 9000))


def test_appended_samples_are_played_and_leave_nothing_unplayed():
    handover = Handover(2)
    handover.replace(ramp(0, 30), num_unplayed=10)
    handover.append(ramp(20, 50))
    np.testing.assert_array_equal(handover.played, ramp(0, 50))
    assert handover.unplayed.shape == (2, 0)
    handover.append(ramp(50, 6000))
    np.testing.assert_array_equal(handover.played, ramp(6000 - CONTEXT, 6000))


def test_a_saved_handover_is_not_changed_by_what_follows():
    handover = Handover(2)
    handover.replace(ramp(0, 30), num_unplayed=10)
    state = handover.save()
    handover.append(ramp(0, 500))
    handover.clear()
    assert handover.played.shape == (2, 0)
    handover.restore(state)
    np.testing.assert_array_equal(handover.played, ramp(0, 20))
    np.testing.assert_array_equal(handover.unplayed, ramp(20, 30))


def silence(num_samples):
    return np.zeros((1, num_samples), np.float32)


def test_a_crossfade_is_a_straight_line_whatever_the_chunks():
    for sizes in ((6,), (1, 3, 2), (4, 2), (1, 1, 1, 1, 1, 1)):
        crossfade = Crossfade(4)
        crossfade.start(np.ones((1, 4), np.float32))
        mixed = np.concatenate([crossfade.mix(silence(size)) for size in sizes], axis=1)
        np.testing.assert_allclose(mixed, [[0.8, 0.6, 0.4, 0.2, 0.0, 0.0]], atol=1e-7)


def test_a_crossfade_within_another_fades_their_mixture_out():
    crossfade = Crossfade(4)
    crossfade.start(np.ones((1, 4), np.float32))
    crossfade.mix(silence(2))
    crossfade.start(silence(4))  # the rest of the first, 0.4 and 0.2, is in it
    np.testing.assert_allclose(crossfade.mix(silence(4)), [[0.32, 0.12, 0.0, 0.0]], atol=1e-7)
