"""A stream whose voices are changed one by one: each sounds as it does alone."""

import numpy as np
import pytest
from places import GRU, LSTM

from sopilib.generation.generator import make_generator
from sopilib.generation.stream import Stream
from sopilib.generation.stream_voices import StreamVoices
from sopilib.generation.take import TakeRequest
from sopilib.model.folder import find_model

CROSSFADE = 80  # samples, 5 ms at 16 kHz
SEED = np.random.default_rng(1).uniform(-0.5, 0.5, 500).astype(np.float32)


def begun(num_seqs, folder=GRU, threads=1, **fields):
    generator = make_generator(find_model(folder), num_seqs, "native", "float32", threads)
    request = TakeRequest(None, **{"rng_seed": 5, **fields})
    stream = Stream(generator, request, 0.1, is_apart=True)
    stream.begin()
    return stream, generator


def play(stream, num_samples):
    """Return the next samples of each voice, float32 (num_seqs, num_samples)."""
    rows = [np.zeros((0, 0))]
    while sum(row.shape[1] for row in rows) < num_samples:
        rows.append(stream.next_rows(num_samples - sum(row.shape[1] for row in rows)))
    return np.concatenate(rows[1:], axis=1)[1:]


class Ensemble:
    """Three voices of one stream, and three streams with one of them each."""

    def __init__(self, folder, threads):
        self.together, self.generator = begun(3, folder, threads)
        self.alone = [begun(1, folder) for _ in range(3)]
        self.sound, self.sounds = [], [[] for _ in self.alone]
        for voice in range(3):
            self.change("reseed", voice, 20 + voice)

    def change(self, method, voice, *arguments):
        getattr(self.together, method)(*arguments, voice)
        getattr(self.alone[voice][0], method)(*arguments)

    def recall(self, saved, voice):
        self.together.recall(saved[0], voice)
        self.alone[voice][0].recall(saved[1 + voice])

    def save(self):
        return [g.save_state() for g in (self.generator, *(g for _, g in self.alone))]

    def play(self, num_samples):
        self.sound.append(play(self.together, num_samples))
        for sound, (stream, _) in zip(self.sounds, self.alone):
            sound.append(play(stream, num_samples)[0])

    def listen(self, voice):
        while self.together.is_listening:
            self.together.listen()
            self.alone[voice][0].listen()


@pytest.mark.parametrize("folder, threads", [(GRU, 1), (GRU, 2), (LSTM, 1)])
def test_whatever_the_others_do_each_voice_is_what_it_is_alone(folder, threads):
    three = Ensemble(folder, threads)
    three.play(500)  # not a whole number of frames: the voices stand at other places from here
    saved = three.save()
    three.play(333)
    three.recall(saved, 1)
    three.play(200)
    three.change("hold", 2, 0.03)
    three.change("set_gain", 0, 0.5)
    three.play(1200)
    three.recall(saved, 2)
    three.change("prime", 0, SEED, 16000)
    three.listen(0)
    three.play(700)
    three.change("hold", 2, 0.0)
    three.change("reseed", 1, 9)
    three.together.recall(saved[0])
    for (stream, _), state in zip(three.alone, saved[1:]):
        stream.recall(state)
    three.play(400)
    together = np.concatenate(three.sound, axis=1)
    for voice in range(3):
        np.testing.assert_array_equal(together[voice], np.concatenate(three.sounds[voice]))
    assert all(voice.std() > 0.05 for voice in together)


def test_two_voices_that_are_given_seeds_at_once_continue_each_from_its_own():
    """As in one message box of Pd, `seed 1 a, seed 2 b`; a third seed replaces the first."""
    three = Ensemble(GRU, 1)
    three.play(300)
    three.together.prime(SEED[:200], 16000, 0)
    three.change("prime", 1, SEED[::-1][:400], 16000)
    three.change("prime", 0, SEED, 16000)
    while three.together.is_listening:
        three.together.listen()
    for stream, _ in three.alone[:2]:
        while stream.is_listening:
            stream.listen()
    three.play(700)
    for voice in range(3):
        expected = np.concatenate(three.sounds[voice])
        np.testing.assert_array_equal(np.concatenate(three.sound, axis=1)[voice], expected)


def test_a_recall_takes_its_voice_from_the_seeds_that_are_listened_to():
    stream, generator = begun(3)
    play(stream, 300)
    saved = generator.save_state()
    for voice in range(2):
        stream.prime(SEED, 16000, voice)
    stream.recall(saved, 0)
    stream.listen()
    stream.recall(saved, 1)
    assert not stream.is_listening


def test_a_gain_glides_for_twenty_milliseconds():
    stream, _ = begun(2)
    twin, _ = begun(2)
    play(stream, 100), play(twin, 100)
    stream.set_gain(0.25, 1)
    heard, plain = play(stream, 1000), play(twin, 1000)
    gains = np.concatenate([1 - 0.75 * np.arange(1, 321) / 320, np.full(680, 0.25)])
    np.testing.assert_allclose(
        heard, plain * [[1.0], [1.0]] * np.stack([gains**0, gains]), atol=1e-6
    )
    stream.set_gain(0.0)
    play(stream, 320)
    assert not play(stream, 100).any()


def test_a_stream_begins_with_the_gain_that_it_is_given():
    stream, _ = begun(2)
    twin, _ = begun(2)
    stream.set_gain(0.25, 1, seconds=0)
    np.testing.assert_array_equal(play(stream, 500), play(twin, 500) * [[1.0], [0.25]])


def test_a_stream_that_is_turned_down_has_not_fallen_silent():
    stream, _ = begun(1)
    stream.set_gain(0.0)
    silent_s, kinds = 0.0, set()
    while silent_s < 3.2:
        silent_s += stream.next_rows().shape[1] / 16000
        kinds |= {stream.failing.kind} if stream.failing else set()
    assert not kinds & {"silence", "stuck"}


def test_a_morph_at_0_and_1_is_a_recall_and_between_them_neither():
    stream, generator = begun(2)
    play(stream, 500)
    first = generator.save_state()
    play(stream, 777)
    second = generator.save_state()
    heard = {}
    for name, change in {
        "first": lambda: stream.recall(first),
        "0": lambda: stream.morph(first, second, 0.0, 0.0),
        "second": lambda: stream.recall(second),
        "1": lambda: stream.morph(first, second, 1.0, 0.0),
        "0.5": lambda: stream.morph(first, second, 0.5, 0.0),
        "0.5 again": lambda: stream.morph(first, second, 0.5, 0.0),
    }.items():
        change()
        heard[name] = play(stream, 1000)[:, CROSSFADE:]
    np.testing.assert_array_equal(heard["0"], heard["first"])
    np.testing.assert_array_equal(heard["1"], heard["second"])
    np.testing.assert_array_equal(heard["0.5"], heard["0.5 again"])
    for name in ("first", "second"):
        assert not np.array_equal(heard["0.5"], heard[name])
    assert heard["0.5"].std() > 0.05


def test_the_vectors_of_a_morph_stand_between_those_of_its_states():
    stream, generator = begun(1)
    states = []
    for _ in range(2):
        play(stream, 640)  # ten big frames, so that no state has to be carried on
        states.append(generator.save_state())
    stream.morph(*states, 0.25, 0.0)
    (first, second), blend = (state.network[0] for state in states), generator.save_state()
    np.testing.assert_allclose(blend.network[0], 0.75 * first + 0.25 * second, atol=1e-6)


def test_a_morph_with_seconds_ends_at_the_state_itself():
    stream, generator = begun(1)
    play(stream, 500)
    state = generator.save_state()
    then = play(stream, 1000)
    play(stream, 3000)
    stream.morph(state, state, 1.0, 0.2)
    play(stream, 3 * 800)  # three steps of 50 ms, each nearer
    np.testing.assert_array_equal(play(stream, 1000)[:, CROSSFADE:], then[:, CROSSFADE:])


def test_a_morph_with_seconds_takes_its_time_and_what_is_held_along():
    stream, generator = begun(1)
    play(stream, 500)
    state = generator.save_state()
    then = play(stream, 480)
    play(stream, 3000)
    stream.hold(0.03)  # 480 samples
    play(stream, 100)
    stream.morph(state, state, 1.0, 0.2)
    before = play(stream, 3 * 800)
    np.testing.assert_array_equal(play(stream, 480)[:, CROSSFADE:], then[:, CROSSFADE:])
    for begin in range(2000):
        assert not np.array_equal(
            before[:, begin : begin + 300], then[:, CROSSFADE : CROSSFADE + 300]
        )


def test_a_held_stream_returns_to_the_latest_step_of_a_morph(monkeypatch):
    stream, generator = begun(1)
    play(stream, 500)
    state = generator.save_state()
    play(stream, 3000)
    stream.hold(0.03)  # 480 samples
    jumps, jump = [], StreamVoices.jump

    def spy(voices, state, random=False):
        jumps.append(state)
        jump(voices, state, random)

    monkeypatch.setattr(StreamVoices, "jump", spy)
    stream.morph(state, state, 1.0, 0.2)
    play(stream, 481)
    step, returned = (np.concatenate([x.ravel() for x in jumped.network]) for jumped in jumps)
    np.testing.assert_array_equal(returned, step)


class Keyboard:
    """Keys that play what a stream of two voices sounded like at some moments."""

    def __init__(self):
        self.stream, self.generator = begun(2)
        self.states, self.sounds = {}, {}
        for pitch in (60, 62, 64):
            play(self.stream, 500)
            self.states[pitch] = self.generator.save_state()
            self.sounds[pitch] = play(self.stream, 640)[0]
        self.stream.set_release(0.01)

    def press(self, pitch, loudness=1.0):
        self.stream.press_key(pitch, loudness, self.states[pitch])

    def voices_of(self, heard):
        """Return for each voice the pitch that it plays and how loud, None where it is silent."""
        return [self._pitch_of(voice[CROSSFADE:]) for voice in heard]

    def _pitch_of(self, voice):
        for pitch, sound in self.sounds.items():
            sound = sound[CROSSFADE : CROSSFADE + len(voice)]
            loudness = float(voice @ sound / (sound @ sound))
            if loudness and np.allclose(voice, loudness * sound, atol=1e-5):
                return pitch, round(loudness, 3)
        assert not voice.any()
        return None


def test_keys_play_moments_in_as_many_voices_as_there_are_and_the_oldest_is_stolen():
    keys = Keyboard()
    play(keys.stream, 100)
    keys.press(60, 0.5)
    play_on = play(keys.stream, 400)
    assert keys.voices_of(play_on[:1]) == [(60, 0.5)]
    assert not play_on[1, 200:].any()  # what played by itself has faded out
    keys.press(60)
    keys.press(62)
    assert keys.voices_of(play(keys.stream, 400)) == [(60, 1.0), (62, 1.0)]
    keys.press(64)
    heard = play(keys.stream, 400)
    assert keys._pitch_of(heard[0, CROSSFADE:]) == (64, 1.0)
    keys.press(62)
    keys.stream.let_key_go(64)
    heard = play(keys.stream, 400)
    assert keys._pitch_of(heard[1, CROSSFADE:]) == (62, 1.0)
    assert heard[0, :150].any() and not heard[0, 160:].any()
    keys.stream.let_key_go(61)
    keys.press(60)  # in the voice that was let go
    assert keys._pitch_of(play(keys.stream, 400)[0, CROSSFADE:]) == (60, 1.0)


def test_many_keys_at_one_moment_are_one_jump_for_a_voice_and_cost_one_crossfade(monkeypatch):
    keys, alone = Keyboard(), Keyboard()
    made = []
    generate = keys.generator.generate
    monkeypatch.setattr(keys.generator, "generate", lambda t: made.append(t.shape) or generate(t))
    for sounding in (keys, alone):
        play(sounding.stream, 100)
    made.clear()
    for _ in range(40):
        for pitch in (64, 60, 62):
            keys.press(pitch)
    assert len(made) == 1
    for pitch in (60, 62):
        alone.press(pitch)
    heard, expected = play(keys.stream, 640), play(alone.stream, 640)
    assert sorted(keys.voices_of(heard)) == [(60, 1.0), (62, 1.0)]
    if keys.voices_of(heard) != alone.voices_of(expected):
        heard = heard[::-1]
    np.testing.assert_allclose(heard[:, CROSSFADE:], expected[:, CROSSFADE:], atol=1e-6)


def test_a_recall_ends_the_keyboard():
    keys = Keyboard()
    keys.press(60)
    play(keys.stream, 400)
    keys.stream.recall(keys.states[62])
    keys.stream.let_key_go(60)
    heard = play(keys.stream, 400)
    assert keys._pitch_of(heard[0, CROSSFADE:]) == (62, 1.0)
    assert heard[1, CROSSFADE:].any()
