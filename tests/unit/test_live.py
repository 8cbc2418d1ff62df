"""Streams from a real worker process, paced by the playback position as in Pd."""

import math
import os
import signal
import sys

import numpy as np
import pytest
import soundfile
from golden import copy_checkpoint
from places import GRU, LSTM, PROJECT
from worker_requests import generate, receive

from samplernn_pd.client import WorkerClient, WorkerGone
from sopilib.protocol import messages as protocol

LATENCY_S = 0.4
AHEAD = 6400  # samples in the latency
CHUNK = 320  # 20 ms


@pytest.fixture(scope="module")
def client():
    """Yield a worker with the GRU fixture loaded for one voice."""
    client = WorkerClient(sys.executable, PROJECT)
    client.send(protocol.Load(str(GRU), num_seqs=1))
    receive(client, protocol.Loaded)
    yield client
    client.close()


class Listener:
    """Starts a stream at the model's rate and plays it.

    Attributes:
        ahead, chunk: samples in the latency and in a chunk.
        sound: all samples received so far.
    """

    number = 100

    def __init__(self, client, ahead=AHEAD, **fields):
        Listener.number += 1
        self._client, self.number = client, Listener.number
        self.ahead, self.chunk = ahead, CHUNK
        self.sound, self._num_heard, self._is_over = np.zeros(0, np.float32), 0, False
        fields = {"take": self.number, "latency_s": LATENCY_S, "rng_seed": 5, **fields}
        client.send(protocol.Generate(**fields))
        self.started = receive(client, protocol.Started)
        self.receive()

    def hear(self, num_samples):
        """Play this many samples and receive the new ones; return the total received."""
        self._num_heard = num_samples
        self._client.send(protocol.Played(self.number, num_samples))
        return self.receive()

    def receive(self):
        """Receive until no further chunk fits the latency, and check that none comes."""
        while len(self.sound) + self.chunk <= self._num_heard + self.ahead:
            self._add(receive(self._client, protocol.Chunk))
        for _ in range(10):
            self._client.send(protocol.SaveState(99))
            while isinstance(
                event := receive(self._client, protocol.Chunk, protocol.State), protocol.Chunk
            ):
                self._add(event)
        return len(self.sound)

    def play_on(self, num_samples):
        """Play everything so far and more; return the next samples that are generated."""
        begin = len(self.sound)
        while len(self.sound) < begin + num_samples:
            self.hear(len(self.sound))
        return self.sound[begin : begin + num_samples]

    def stop(self):
        """End the stream if it still runs."""
        if self._is_over:
            return
        self._is_over = True
        self._client.send(protocol.Stop())
        while isinstance(
            event := receive(self._client, protocol.Chunk, protocol.Stopped), protocol.Chunk
        ):
            self._add(event)
        assert event == protocol.Stopped(self.number, len(self.sound))

    def _add(self, chunk):
        assert (chunk.take, chunk.start, chunk.num_seqs) == (self.number, len(self.sound), 1)
        assert chunk.speed > 0
        self.sound = np.concatenate([self.sound, np.frombuffer(chunk.payload, "<f4")])


@pytest.fixture
def listen(client):
    """Begin streams; the last is stopped at the end of the test."""
    begun = []

    def begin(**fields):
        begun.append(Listener(client, **fields))
        return begun[-1]

    yield begin
    for stream in begun:
        stream.stop()


def take_of(client, num_samples, **fields):
    return generate(client, dur_s=num_samples / 16000, **fields)[1][0]


def test_a_stream_has_no_length_and_is_the_take_that_never_ends(client, listen):
    stream = listen()
    assert stream.started == protocol.Started(stream.number, None, 16000, 5)
    stream.play_on(20000)
    stream.stop()
    np.testing.assert_array_equal(take_of(client, len(stream.sound)), stream.sound)


def test_it_is_made_as_far_ahead_as_the_latency_and_no_further(listen):
    stream = listen()
    assert len(stream.sound) == AHEAD
    assert stream.hear(CHUNK - 1) == AHEAD
    assert stream.hear(CHUNK) == AHEAD + CHUNK
    assert stream.hear(3000) == AHEAD + 9 * CHUNK


def test_what_another_take_or_more_than_there_is_has_been_heard_makes_no_difference(client, listen):
    stream = listen()
    client.send(protocol.Played(stream.number - 1, 100000))
    assert stream.receive() == AHEAD
    client.send(protocol.Played(stream.number, 10**15))
    stream.ahead = 2 * AHEAD  # everything so far counts as played
    assert stream.receive() == 2 * AHEAD


def test_at_the_rate_of_pd_the_filter_is_within_the_latency(listen):
    stream = listen(out_rate=44100, ahead=round(0.38 * 44100))  # but a chunk; chunks are 20 ms
    assert stream.started.sample_rate == 44100
    assert len(stream.sound) < 0.394 * 44100  # 6 ms of it are the filter's
    assert 0.46 * 44100 < stream.hear(4410) < 0.494 * 44100


def test_a_latency_that_the_rates_do_not_allow_is_the_shortest_one(client):
    client.send(protocol.Generate(take=7, latency_s=0.02, out_rate=8000))
    used = receive(client, protocol.LatencyUsed)
    assert (used.take, used.asked) == (7, 0.02) and 0.025 < used.seconds <= 0.026
    receive(client, protocol.Started)
    client.send(protocol.Latency(0.2))
    assert receive(client, protocol.LatencyUsed) == protocol.LatencyUsed(7, 0.2, 0.2)
    client.send(protocol.Latency(0.02))
    assert receive(client, protocol.LatencyUsed) == used
    client.send(protocol.Stop())
    receive(client, protocol.Stopped)


def test_a_latency_in_mid_stream_holds_at_once(client, listen):
    stream = listen()
    client.send(protocol.Latency(0.8))
    stream.ahead = 2 * AHEAD
    assert stream.receive() == 2 * AHEAD
    client.send(protocol.Latency(0.1))
    stream.ahead, stream.chunk = 1600, 200
    assert stream.hear(2 * AHEAD - 1600) == 2 * AHEAD
    assert stream.hear(2 * AHEAD) == 2 * AHEAD + 1600


def test_streams_and_takes_follow_each_other(client, listen):
    expected = take_of(client, AHEAD)
    for _ in range(2):
        stream = listen()
        np.testing.assert_array_equal(stream.sound, expected)
        stream.stop()
        np.testing.assert_array_equal(take_of(client, AHEAD), expected)


def test_a_take_continues_a_stream(client, listen):
    stream = listen()
    stream.stop()
    whole = take_of(client, AHEAD + 1600)
    stream = listen()
    stream.stop()
    np.testing.assert_array_equal(take_of(client, 1600, resume=True), whole[AHEAD:])


def test_temperature_ramp_and_curve_act_on_what_is_made_next(client, listen):
    stream = listen()
    for request in (
        protocol.SetTemperature((0.0,)),
        protocol.Ramp(0.0, 0.0),
        protocol.Curve(1.0, np.zeros(5, "<f4").tobytes()),
    ):
        client.send(protocol.SetTemperature((1.0,)))
        assert np.unique(stream.play_on(1600)).size > 50
        client.send(request)
        assert np.unique(stream.play_on(6400)[-800:]).size < 16  # temperature 0 is not random


def test_a_state_is_recalled_in_the_stream_and_in_a_later_one_whatever_the_seed(client, listen):
    stream = listen()
    client.send(protocol.SaveState(3))
    assert receive(client, protocol.State) == protocol.State(3, "saved")
    then = stream.play_on(3200)
    client.send(protocol.RecallState(3))
    assert receive(client, protocol.State) == protocol.State(3, "recalled")
    np.testing.assert_array_equal(stream.play_on(3200)[80:], then[80:])
    stream.stop()
    client.send(protocol.RecallState(3))
    assert receive(client, protocol.State) == protocol.State(3, "recalled")
    tone = np.sin(np.arange(800) * 0.3).astype("<f4")
    seed = dict(payload=tone.tobytes(), seed_samples=800, seed_rate=16000)
    stream = listen(rng_seed=17, **seed)
    assert stream.started.rng_seed == 5
    np.testing.assert_array_equal(stream.sound[:3200], then)


def test_a_take_between_a_recall_and_a_stream_leaves_nothing_recalled(client, listen):
    stream = listen()
    expected = stream.sound
    client.send(protocol.SaveState(3))
    receive(client, protocol.State)
    stream.stop()
    client.send(protocol.RecallState(3))
    receive(client, protocol.State)
    take_of(client, 1000, rng_seed=8)
    np.testing.assert_array_equal(listen().sound, expected)


def test_freeze_comes_back_and_lets_go(client, listen):
    client.send(protocol.SetTemperature((0.0,)))
    stream = listen(temperature=(0.0,))
    client.send(protocol.Freeze(0.05))
    stream.play_on(3200)
    held = stream.play_on(3200)
    np.testing.assert_array_equal(held[:800], held[800:1600])
    client.send(protocol.Freeze(0.0))
    stream.play_on(3200)


def contains(sound, piece):
    return (np.lib.stride_tricks.sliding_window_view(sound, len(piece)) == piece).all(axis=1).any()


def test_a_seed_in_mid_stream_is_gone_on_from(client, listen, tmp_path):
    """Playback runs while the worker waits; how long it takes is up to chance."""
    tone = (np.sin(np.arange(1600) * 0.3) * 0.5).astype("<f4")
    soundfile.write(tmp_path / "tone.wav", tone, 16000, subtype="FLOAT")
    sounds = []
    for request in (
        None,
        protocol.Prime(None, 16000, tone.tobytes()),
        protocol.Prime(str(tmp_path / "tone.wav")),
    ):
        stream = listen(temperature=(0.0,))
        if request:
            client.send(request)
        sounds.append(stream.play_on(10 * AHEAD))
        stream.stop()
    joint = np.flatnonzero(sounds[0] != sounds[1])[0]
    seeded = sounds[1][joint + 80 : joint + 480]
    assert contains(sounds[2], seeded)
    assert not contains(sounds[0], seeded)


def test_a_silent_seed_in_mid_stream_is_noticed(client, listen):
    stream = listen()
    client.send(protocol.Prime(None, 16000, bytes(400)))
    assert "silence" in receive(client, protocol.Notice).text
    stream.play_on(640)


def test_random_numbers_in_mid_stream_start_anew(client, listen):
    stream = listen()
    sounds = []
    for number in (9, 9, 10):
        client.send(protocol.RecallState(99))  # where the stream is
        receive(client, protocol.State)
        client.send(protocol.Reseed(number))
        sounds.append(stream.play_on(1600)[80:])
        client.send(protocol.RecallState(99))
        receive(client, protocol.State)
    np.testing.assert_array_equal(sounds[0], sounds[1])
    assert not np.array_equal(sounds[0], sounds[2])


WRONG = [
    (protocol.SetTemperature((math.nan,)), "nan"),
    (protocol.SetTemperature((-1.0,)), "-1"),
    (protocol.SetTemperature((1.0, 1.0)), "2 temperatures"),
    (protocol.SetTemperature(()), "0 temperatures"),
    (protocol.Ramp(math.inf, 1.0), "inf"),
    (protocol.Ramp(1.0, -1.0), "-1"),
    (protocol.Curve(1.0, b""), "without values"),
    (protocol.Curve(None, bytes(8)), "seconds"),
    (protocol.Curve(-1.0, bytes(8)), "-1"),
    (protocol.Curve(1.0, np.array([-1, 1], "<f4").tobytes()), "-1"),
    (protocol.Latency(math.nan), "nan"),
    (protocol.Latency(-0.1), "-100 ms"),
    (protocol.Latency(1e300), "give 14 to 2000"),
    (protocol.Freeze(math.nan), "nan"),
    (protocol.Freeze(-1.0), "-1"),
    (protocol.Freeze(1e308), "1e+308"),
    (protocol.RecallState(7), "no state 7 is saved"),
    (protocol.RecallState(-1), "no state -1 is saved"),
    (protocol.Reseed(-1), "-1"),
    (protocol.Reseed(1.5), "1.5"),
    (protocol.Prime("/no/such/file.wav"), "/no/such/file.wav"),
    (protocol.Prime(), "no sound"),
    (protocol.Prime(None, 0, bytes(400)), "seed sample rate 0"),
    (protocol.Prime(None, 16000, np.array([math.nan], "<f4").tobytes()), "NaN"),
    (protocol.Load(str(LSTM)), "running"),
    (protocol.Generate(take=900, dur_s=1.0), "running"),
    (protocol.Generate(take=900, latency_s=0.1), "running"),
]


@pytest.mark.parametrize("request_, quoted", WRONG, ids=[str(r)[:60] for r, _ in WRONG])
def test_what_is_wrong_fails_in_one_line_and_the_stream_goes_on(client, listen, request_, quoted):
    stream = listen()
    client.send(request_)
    failure = receive(client, protocol.Failure)
    assert failure.request == protocol.type_of(request_)
    assert quoted in failure.text and "\n" not in failure.text
    stream.play_on(640)


@pytest.mark.parametrize("heard", [-5, -(10**15), math.nan, -math.inf])
def test_a_place_that_cannot_be_waits_for_the_next(client, listen, heard):
    stream = listen()
    client.send(protocol.Played(stream.number, heard))
    assert stream.receive() == AHEAD
    stream.play_on(640)


@pytest.mark.parametrize(
    "wrong, quoted",
    [
        ({"latency_s": math.nan}, "nan ms"),
        ({"latency_s": 0.0}, "0 ms"),
        ({"latency_s": 1e9}, "2000"),
        ({"out_rate": 1}, "1"),
        ({"temperature": (None,), "envelope_samples": 2, "payload": bytes(8)}, "seconds"),
        ({"temperature": (-1.0,)}, "-1"),
        ({"rng_seed": -1}, "-1"),
        ({"seed_file": "/no/such/file.wav"}, "/no/such/file.wav"),
    ],
)
def test_a_stream_that_cannot_be_is_refused_and_the_next_one_plays(client, listen, wrong, quoted):
    client.send(protocol.Generate(**{"take": 77, "latency_s": LATENCY_S, **wrong}))
    failure = receive(client, protocol.Failure)
    assert (failure.request, failure.take) == ("generate", 77)
    assert quoted in failure.text and "\n" not in failure.text
    assert len(listen().sound) == AHEAD


def test_what_steers_a_stream_does_nothing_after_its_end(client, listen):
    listen().stop()
    for request in (
        protocol.Played(1, 10),
        protocol.Latency(0.2),
        protocol.Freeze(1.0),
        protocol.Reseed(3),
        protocol.SetTemperature((0.0,)),
        protocol.Stop(),
    ):
        client.send(request)
    client.send(protocol.RecallState(12345))
    assert "no state 12345" in receive(client, protocol.Failure).text
    assert len(listen().sound) == AHEAD


def test_without_a_model_nothing_is_streamed_saved_or_recalled():
    client = WorkerClient(sys.executable, PROJECT)
    for request in (
        protocol.Generate(take=1, latency_s=0.1),
        protocol.SaveState(1),
        protocol.RecallState(1),
    ):
        client.send(request)
        assert "no model is loaded" in receive(client, protocol.Failure).text
    client.close()


def test_a_killed_worker_is_reported_in_mid_stream():
    client = WorkerClient(sys.executable, PROJECT)
    client.send(protocol.Load(str(GRU), num_seqs=1))
    receive(client, protocol.Loaded)
    Listener(client)
    os.kill(client.pid, signal.SIGKILL)
    assert "signal 9" in receive(client, WorkerGone).reason
    client.close()


def test_a_new_model_forgets_the_states_of_the_old_and_one_too_slow_says_so(tmp_path):
    """TensorFlow is far slower than 384000 samples a second."""
    folder = copy_checkpoint("gru_mulaw", tmp_path / "fast")
    config = folder / "gru-mulaw.config.json"
    config.write_text(config.read_text().replace("{", '{"sample_rate": 384000,', 1))
    client = WorkerClient(sys.executable, PROJECT)
    client.send(protocol.Load(str(GRU), num_seqs=1))
    client.send(protocol.SaveState(1))
    receive(client, protocol.State)
    client.send(protocol.Load(str(folder), num_seqs=2, engine="tensorflow"))
    receive(client, protocol.Loaded)
    client.send(protocol.RecallState(1))
    assert "no state 1 is saved" in receive(client, protocol.Failure).text
    client.send(protocol.Generate(take=4, latency_s=0.1))
    failure = receive(client, protocol.Failure)
    assert failure.take == 4
    assert "times real time here, too slow to stream" in failure.text
    assert "fewer voices" in failure.text and "\n" not in failure.text
    assert generate(client, dur_s=0.001)[0][-1] == protocol.Finished(1, 384)
    client.close()
