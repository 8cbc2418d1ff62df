"""A change of a stream sounds exactly the latency after the position told before it."""

import queue

import numpy as np
import pytest
from places import GRU

from sopilib.generation.generator import make_generator
from sopilib.generation.take import TakeRequest
from sopilib.model.folder import find_model
from sopilib.protocol import messages
from sopilib.worker.live_stream import LiveStream
from sopilib.worker.priority import RealTime
from sopilib.worker.states import States

NOTHING = messages.Gain(0.0)  # changes no sample


@pytest.fixture(scope="module")
def generator():
    return make_generator(find_model(GRU), 1, "native", "float32", 1)


def heard(generator, latency_s, rate, *requests):
    """Return the sound of a stream that gets these requests before it is stopped."""
    request = TakeRequest(None, rng_seed=5, out_rate=rate)
    stream = LiveStream(1, generator, request, latency_s, States(), lambda prime: (None, None))
    inbox, events, failures = queue.Queue(), [], []
    for sent in (*requests, messages.Stop()):
        inbox.put(sent)
    stream.run(inbox, events.append, lambda *failure: failures.append(failure), RealTime())
    assert not failures
    chunks = [event for event in events if isinstance(event, messages.Chunk)]
    return np.concatenate([np.frombuffer(chunk.payload, "<f4") for chunk in chunks])


def steps_to(position, latency):
    """Return the requests of a Pd that has played up to `position`, however far ahead."""
    steps = [NOTHING]
    for played in range(latency, position, latency):
        steps += [messages.Played(1, played), NOTHING]
    return [*steps, messages.Played(1, position)]


@pytest.mark.parametrize("latency_ms", [20, 100])
@pytest.mark.parametrize("position", [1, 1234])
def test_each_change_begins_at_the_sample_that_the_latency_says(generator, latency_ms, position):
    rate = 16000
    latency = rate * latency_ms // 1000
    before = steps_to(position, latency // 2)
    after = [messages.Played(1, position + latency // 2), NOTHING]
    plain = heard(generator, latency_ms / 1e3, rate, *before, *after)
    due = position + latency
    state = messages.SaveState(1)
    for change, at in (
        (messages.SetTemperature((0.0,)), due),
        (messages.RecallState(1), due),
        (messages.Reseed(9), due),
        (messages.Note(1, 127.0), due),
    ):
        sound = heard(generator, latency_ms / 1e3, rate, NOTHING, state, *before, change, *after)
        assert len(sound) >= due + latency // 2 - 4
        first = np.flatnonzero(sound[: len(plain)] != plain[: len(sound)])[0]
        assert at - 3 <= first <= at + 40  # the first samples may happen to be the same


@pytest.mark.parametrize("latency_ms", [20, 50])
def test_a_freeze_starts_again_its_time_after_that_sample(generator, latency_ms):
    rate, period = 16000, 320
    latency = rate * latency_ms // 1000
    before = steps_to(1234, latency // 2)
    after = steps_to(1234 + 2 * period, latency // 2)[len(before) :]
    plain = heard(generator, latency_ms / 1e3, rate, *before, *after, NOTHING)
    frozen = messages.Freeze(period / rate)
    sound = heard(generator, latency_ms / 1e3, rate, *before, frozen, *after, NOTHING)
    first = np.flatnonzero(sound != plain[: len(sound)])[0]
    due = 1234 + latency + period
    assert due - 3 <= first <= due + 40


def test_at_the_rate_of_pd_a_change_is_within_a_block_of_it(generator):
    rate, latency, firsts = 44100, 4410, []
    for position in range(3000, 3300, 101):
        before = steps_to(position, latency // 2)
        after = [messages.Played(1, position + latency // 2), NOTHING]
        plain = heard(generator, 0.1, rate, *before, *after)
        cold = messages.SetTemperature((0.0,))
        sound = heard(generator, 0.1, rate, *before, cold, *after)
        changed = np.abs(sound - plain[: len(sound)]) > 0.01
        firsts.append(np.flatnonzero(changed)[0] - position)
    assert all(abs(first - latency) < 64 + 32 for first in firsts)
