"""A stream that fails, reports it, and returns to where it was healthy."""

import numpy as np
import pytest
from engine_models import engine_generator
from places import GRU
from player import Player
from streams import begun, sound
from worker_in_process import WorkerInProcess

from sopilib.generation.stream_health import Health
from sopilib.generation.stream_voices import StreamVoices
from sopilib.generation.temperature_control import TemperatureControl

RATE = 16000
CROSSFADE = 80  # samples, 5 ms
BLOCK = 200


def played(stream, num_samples):
    """Return the sound of a stream, and (end of the chunk, failing) of what it reports."""
    chunks, reports, position = [], [], 0
    while position < num_samples:
        chunks.append(stream.next_rows()[0])
        position += len(chunks[-1])
        if stream.failing:
            reports.append((position, stream.failing))
    return np.concatenate(chunks), reports


def test_a_stream_that_is_stuck_reports_it_once_and_plays_on():
    """At temperature 0 the fixture holds one level."""
    stream = begun(engine_generator("lstm_mulaw", 1, threads=1), temperature=(0.0,))
    streamed, reports = played(stream, 2 * RATE)
    ((_, failing),) = reports
    assert (failing.kind, failing.is_healed) == ("stuck", False)
    assert np.ptp(streamed[-RATE:]) == 0


def test_a_stream_that_fails_from_its_start_begins_again_each_time_with_a_crossfade():
    stream = begun(engine_generator("lstm_mulaw", 1, threads=1), temperature=(0.0,))
    stream.heal(True)
    streamed, reports = played(stream, 3 * RATE)
    assert len(reports) >= 2 and all(failing.is_healed for _, failing in reports)
    healed_at, begin = reports[0][0], streamed[: RATE // 4]
    again = streamed[healed_at : healed_at + len(begin)]
    np.testing.assert_array_equal(again[CROSSFADE:], begin[CROSSFADE:])
    share = np.arange(1, CROSSFADE + 1) / (CROSSFADE + 1)
    held = streamed[healed_at - 1]  # what sounded fades out
    expected = (1 - share) * held + share * begin[:CROSSFADE]
    np.testing.assert_allclose(again[:CROSSFADE], expected, atol=1e-6)


def test_what_freeze_repeats_is_no_loop():
    """At temperature 0 the fixture repeats itself, which is reported after 6 s."""
    stream = begun(engine_generator("lstm_linear_skip", 1, threads=1), temperature=(0.0,))
    stream.hold(0.05)
    _, reports = played(stream, 7 * RATE)
    assert "loop" not in [failing.kind for _, failing in reports]


class Watched:
    """A generator that advances under made-up sound, watched by a Health."""

    def __init__(self):
        self.generator = engine_generator("lstm_mulaw", 1, threads=1)
        self.generator.reset(5)
        temperature = TemperatureControl(1, (1.0,), None, RATE)
        self.health = Health(self.generator, StreamVoices(self.generator, temperature))
        self.health.is_healing = True
        self.health.begin()
        self.states, self.position = [(0, self.generator.save_state())], 0

    def hear(self, heard):
        """Return what fails at last; note the generator's state after each block."""
        failing = None
        for begin in range(0, len(heard), BLOCK):
            self.generator.generate(np.ones((1, BLOCK), np.float32))
            self.position += BLOCK
            before = self.generator.save_state()
            failing = self.health.push(heard[begin : begin + BLOCK].astype(np.float32), False)
            if failing:
                return failing
            self.states.append((self.position, before))
        return failing

    def returned_to(self):
        """Return the position in samples whose state the generator has now."""
        now = self.generator.next_logits()
        for position, state in self.states:
            self.generator.restore_state(state)
            if np.array_equal(self.generator.next_logits(), now):
                return position
        return None


def ordinary(dur_s):
    """Return a sound like speech: noise that is low and comes and goes."""
    rng = np.random.default_rng(0)
    smooth = np.convolve(rng.standard_normal(round(dur_s * RATE)), np.ones(40) / 40, "same")
    return smooth * (1 + np.sin(np.arange(len(smooth)) / 1500))


def test_it_returns_to_before_the_failure_and_further_back_where_that_fails_again():
    watched = Watched()
    assert watched.hear(ordinary(9)) is None
    assert watched.hear(np.full(RATE, 0.3)).is_healed
    first = watched.returned_to()
    assert first is not None and 1 * RATE <= first < 9 * RATE
    assert watched.hear(np.full(2 * RATE, 0.3)).is_healed
    second = watched.returned_to()
    assert second is not None and second < first
    for _ in range(10):
        watched.hear(np.full(2 * RATE, 0.3))
    assert watched.returned_to() == 0


@pytest.mark.parametrize("is_healing", [False, True])
def test_healing_does_not_change_a_sound_that_does_not_fail(is_healing):
    stream = begun(engine_generator("gru_mulaw", 1, threads=1))
    stream.heal(is_healing)
    expected = sound(begun(engine_generator("gru_mulaw", 1, threads=1)), RATE // 2)
    np.testing.assert_array_equal(sound(stream, RATE // 2)[: len(expected)], expected)


def test_a_stream_in_pd_warns_of_its_noise_and_heals_on_request(monkeypatch):
    """The fixture's random network makes noise from its start."""
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    player = Player(WorkerInProcess)
    player.say(f"load {GRU}")
    player.wait_for("loaded")
    player.say("stream ring 400")
    player.wait_for("warning noise")
    player.say("stop")
    player.wait_for("stream off")
    player.say("heal 1")
    player.say("stream ring 400")
    for _ in range(2):  # it begins again, and fails again
        player.wait_for("warning noise healed")
    player.say("heal 2")
    player.wait_for("error heal: 2 (0 or 1)")
    player.say("stop")
    player.wait_for("stream off")
