"""The ring alone: a simulated Pd plays it while it is written, at any pace."""

import random

import numpy as np
import pytest
from played_array import STEP, Material, PlayedArray, segments

from samplernn_pd.ring import BLOCK, Ring

RATE = 44100
FADE = 220  # 5 ms


def begin(length=8192, place=0):
    """Return array, ring and material; the ring is silent and played at `place`."""
    played = PlayedArray(length)
    played.place = place
    ring = Ring(played, "ring", RATE)
    ring.play_at(played.position)
    clear(ring)
    assert ring.keep_silent()
    return played, ring, Material()


def clear(ring):
    while not ring.is_clear:
        assert ring.silence()


def poll(played, ring, num_samples):
    """Advance the playback and let the ring follow."""
    played.play(num_samples)
    ring.play_at(played.position)
    if ring.is_running_out():
        assert ring.fade_out()
    else:
        assert ring.keep_silent()


def assert_is_material(sound, num_written):
    """Assert that playback is the material, each sample once, up to the fades."""
    material = Material().next(num_written)
    total = 0
    for part in segments(sound):
        begin, total = total, total + len(part) + 1  # a fade's last sample is 0
        assert total <= num_written, "heard twice"
        shape = part / np.array(material[begin : total - 1])
        np.testing.assert_allclose(shape[FADE : len(part) - FADE], 1, atol=1e-5)
        assert np.all(shape < 1 + 1e-5), "louder than written"
        if len(part) > 2 * FADE:
            assert np.all(np.diff(shape[:FADE]) > 0) and np.all(np.diff(shape[1 - FADE :]) < 0)
    return total


def largest_step(sound):
    return np.abs(np.diff(sound, prepend=0, append=0)).max()


def end_is_heard(played, ring):
    """End the stream and keep playing until the ring has nothing left."""
    ring.fade_out(at_once=True)
    while ring.played < ring.end:
        assert ring.silence()
        played.play(BLOCK)
        ring.play_at(played.position)
    clear(ring)


def random_schedule(seed, played, ring, material, num_polls):
    """Polls at many distances, sound in pieces of many lengths, now and then none."""
    rng = random.Random(seed)
    longest = rng.choice([1, 2, 4, 8])  # blocks between two polls
    is_dry = False
    for _ in range(num_polls):
        if rng.random() < 0.02:
            is_dry = not is_dry
        ahead = ring.end - ring.played
        while not is_dry and ahead < 2500 and (rng.random() < 0.8 or ring.is_silent):
            num_samples = rng.randrange(FADE, 900) if ring.is_silent else rng.randrange(1, 400)
            assert ring.write(material.next(num_samples))
            ahead = ring.end - ring.played
        poll(played, ring, BLOCK * rng.randint(1, longest))


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_schedule_all_is_heard_once_and_nothing_old(seed):
    length = [4096, 8192, 8192 + BLOCK, 131072][seed % 4]
    played, ring, material = begin(length, place=seed * 1000)
    random_schedule(seed, played, ring, material, num_polls=2000)
    while not ring.is_silent:
        poll(played, ring, BLOCK)
    end_is_heard(played, ring)
    sound = played.sound()
    assert len(segments(sound)) > 5
    assert np.abs(sound).max() <= 1
    assert largest_step(sound) < STEP
    assert assert_is_material(sound, material.num_given) == material.num_given
    assert not played.samples.any()


def test_sound_without_a_gap_is_heard_sample_by_sample_over_many_rounds():
    played, ring, material = begin(4096)
    for k in range(1000):
        if k % 3 == 0:
            assert ring.write(material.next(3 * 192 if k else 3 * 192 + 1024))
        poll(played, ring, 192)
    (sound,) = segments(played.sound())
    assert len(sound) > 1000 * 192 - 4096
    np.testing.assert_allclose(sound[FADE:], material.at(np.arange(FADE, len(sound))), atol=1e-6)


def test_where_nothing_comes_there_is_silence_for_as_long_as_that_lasts():
    played, ring, material = begin()
    for _ in range(1000):
        poll(played, ring, 5 * BLOCK)
    assert not played.sound().any()
    assert ring.is_silent


def test_before_the_first_write_the_ring_is_silent_whether_or_not_a_poll_came_first():
    for polls_before in (0, 1, 5):
        played = PlayedArray(4096)
        played.place = 1000
        ring = Ring(played, "ring", RATE)
        for _ in range(polls_before):
            ring.play_at(played.position)
            assert ring.keep_silent()
            played.play(256)
        played.heard.clear()
        clear(ring)
        assert ring.keep_silent()
        for _ in range(100):
            poll(played, ring, 256)
        assert not played.sound().any()
        assert not played.samples.any()


def test_the_sound_fades_in_and_out_within_five_milliseconds():
    played, ring, material = begin()
    ring.write(material.next(2000))
    for _ in range(60):
        poll(played, ring, BLOCK)
    (sound,) = segments(played.sound())
    assert len(sound) == 2000 - 1  # the last sample of the fade is zero
    shape = sound / material.at(np.arange(1999))
    np.testing.assert_allclose(shape[:220], np.arange(1, 221) / 221, atol=1e-4)
    np.testing.assert_allclose(shape[220:1780], 1, atol=1e-5)
    np.testing.assert_allclose(shape[1780:], np.arange(219, 0, -1) / 220, atol=1e-4)


@pytest.mark.parametrize("place", [0, 3000, 4000, 4095])
def test_a_stream_that_ends_is_heard_a_few_milliseconds_more_and_never_again(place):
    played, ring, material = begin(4096, place)
    ring.write(material.next(1500))
    for _ in range(6):
        poll(played, ring, 2 * BLOCK)
    before, lead = len(played.sound()), ring.lead
    end_is_heard(played, ring)
    assert len(played.sound()) - before < lead + FADE + BLOCK
    assert largest_step(played.sound()) < STEP
    for _ in range(100):
        played.play(BLOCK)
    assert not played.sound()[-100 * BLOCK :].any()
    assert not played.samples.any()


def test_cut_silences_the_whole_ring_with_the_sound_in_it():
    played, ring, material = begin(4096, 4000)
    ring.write(material.next(1500))
    poll(played, ring, BLOCK)
    ring.cut()
    assert not played.samples.any()


def test_a_pause_of_play_loses_nothing():
    """As when DSP is off: the position stands still, polls continue."""
    played, ring, material = begin(4096)
    ring.write(material.next(2000))
    for num_samples in [BLOCK] * 5 + [0] * 300 + [4 * BLOCK] * 3:
        poll(played, ring, num_samples)
    (sound,) = segments(played.sound())
    np.testing.assert_allclose(sound[FADE:], material.at(np.arange(FADE, len(sound))), atol=1e-6)
    assert not ring.is_silent


def test_polls_that_come_rarely_only_need_more_sound_ahead():
    played, ring, material = begin(65536)
    poll(played, ring, 4096)
    for _ in range(50):
        while ring.end - ring.played < 3 * 4096 + 2 * FADE:
            ring.write(material.next(512))
        poll(played, ring, 4096)
    (sound,) = segments(played.sound())
    np.testing.assert_allclose(sound[FADE:], material.at(np.arange(FADE, len(sound))), atol=1e-6)


@pytest.mark.parametrize("back", [500, 1000, 1900])
def test_where_play_begins_anew_it_is_silent_from_the_next_poll_on_and_then_goes_on(back):
    played, ring, material = begin(4096)
    for _ in range(60):
        if ring.end - ring.played < 1500:
            ring.write(material.next(512))
        poll(played, ring, 2 * BLOCK)
    played.place -= back
    poll(played, ring, 4 * BLOCK)
    played.heard.clear()
    for _ in range(100):
        poll(played, ring, 2 * BLOCK)
    assert not played.sound().any()
    assert ring.lead < 1024
    later = material.num_given
    ring.write(material.next(1000))
    for _ in range(20):
        poll(played, ring, 2 * BLOCK)
    (sound,) = segments(played.sound())
    np.testing.assert_allclose(
        sound[FADE:-FADE], material.at(later + np.arange(FADE, len(sound) - FADE)), atol=1e-5
    )


def test_a_stall_of_play_messages_repeats_nothing_within_the_silence_behind_the_end():
    """No poll for longer than the sound lasts: it breaks off, and silence follows."""
    played, ring, material = begin(8192)
    ring.write(material.next(1500))
    for _ in range(4):
        poll(played, ring, BLOCK)
    ahead = ring.end - ring.played
    poll(played, ring, ahead + ring.lead // BLOCK * BLOCK)
    for _ in range(500):
        poll(played, ring, 2 * BLOCK)
    assert played.sound()[4 * BLOCK :].max() <= 1
    assert len(segments(played.sound())) == 1
    assert played.sound().astype(bool).sum() <= 1500


def test_a_long_ring_is_silenced_in_slices_while_it_sounds():
    """Behind the sound everything becomes silence, so that a stall repeats nothing."""
    played = PlayedArray(131072)
    ring, material = Ring(played, "ring", RATE), Material()
    ring.play_at(0)
    num_slices = 0
    while not ring.is_clear:
        while ring.end - ring.played < 3000:
            ring.write(material.next(1000))
        poll(played, ring, 256)
        assert ring.silence()
        num_slices += 1
    assert 8 <= num_slices <= 32
    assert np.abs(played.sound()).max() <= 1
    assert np.count_nonzero(played.samples) <= ring.end - ring.played
    played.play(131072)
    assert len(segments(played.sound())) == 1


def test_an_array_that_is_gone_or_too_short_is_told():
    played, ring, material = begin(4096, 4000)
    played.samples = played.samples[:1000]
    assert not ring.write(material.next(500))
    ring.cut()
    assert not played.samples.any()
