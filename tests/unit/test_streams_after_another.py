"""Streams, one or several in turn, into a ring that a simulated Pd plays."""

import numpy as np
import pytest
from played_array import STEP, Material, PlayedArray, segments

from samplernn_pd.play_position import PlayPosition
from samplernn_pd.playout import Playout
from samplernn_pd.ring import Ring
from samplernn_pd.settings import Settings
from samplernn_pd.stream import StreamInPd, check_ring
from sopilib.errors import RequestError
from sopilib.protocol import messages as protocol

RATE = 48000
POLL = 480  # samples from one poll to the next
LATENCY = 4800
LEAD = 2 * POLL + 64  # samples of the ring that two polls and a block cover


class Host:
    """A Pd with one array, and a worker that is always in time."""

    def __init__(self):
        self.arrays = PlayedArray(32768)
        self.sample_rate, self.patch_folder = RATE, "/"
        self.material = Material()
        self.num_sent = 0
        self.told = []  # (samples heard when it was sent, request)

    def stream(self, latency=LATENCY, number=1):
        request = protocol.Generate(take=number, latency_s=latency / RATE, out_rate=RATE)
        self.num_sent, self.num_played = 0, 0
        return StreamInPd(request, "ring", Settings(), self, self.note, lambda *atoms: None)

    def note(self, request):
        self.told.append((np.count_nonzero(self.arrays.sound()), request))
        if isinstance(request, protocol.Played):
            self.num_played = request.num_samples
        elif isinstance(request, protocol.Latency):
            self.playing.use_latency(request.seconds, request.seconds)

    def play(self, stream, num_polls, is_begun=True):
        self.playing = stream
        for _ in range(num_polls):
            self.arrays.play(POLL)
            stream.play_at(self.arrays.position)
            while is_begun and self.num_sent < self.num_played + LATENCY:
                payload = self.material.next(POLL).tobytes()
                stream.write(protocol.Chunk(1, self.num_sent, 1, 2.0, payload))
                self.num_sent += POLL
            assert stream.advance()
            stream.silence_slice()


@pytest.mark.parametrize("num_polls_between", [0, 1, 2, 10])
def test_a_stream_that_follows_at_once_lets_the_one_before_fade_out(num_polls_between):
    host = Host()
    first = host.stream()
    first.begin(None, RATE)
    host.play(first, 60)
    first.fade_out()
    host.play(first, num_polls_between)
    second = host.stream()
    assert second.continue_in_ring_of(first)
    host.play(second, 3, is_begun=False)
    second.begin(None, RATE)
    host.play(second, 60)
    sound = host.arrays.sound()
    heard = segments(sound)
    assert len(heard) == 2 and len(heard[1]) > 50 * POLL
    assert np.abs(np.diff(sound)).max() < STEP


def test_a_stream_does_not_continue_in_a_ring_of_another_length_or_name():
    host = Host()
    first = host.stream()
    host.arrays.samples = np.zeros(65536, np.float32)
    assert not host.stream().continue_in_ring_of(first)
    second = host.stream()
    second.array_names = ("other",)
    assert not second.continue_in_ring_of(first)


@pytest.mark.parametrize(
    "length, latency, told",
    [
        (0, 4800, "no array 'ring'"),
        (131072, 96000, "131072 samples .give it a multiple of 64 from 192000 to 524288"),
        (9601, 4800, "9601 samples .give it a multiple of 64 from 9600 to 524288"),
        (524288 + 64, 4800, "524352 samples"),
        (524288, 262145, "262145 samples is too long for any array .at most 262144"),
    ],
)
def test_an_array_that_cannot_be_a_ring_is_refused_with_what_can(length, latency, told):
    with pytest.raises(RequestError, match=told):
        check_ring("ring", latency, PlayedArray(length))


@pytest.mark.parametrize("length", [9600, 131072, 524288])
def test_an_array_that_holds_the_latency_twice_is_a_ring(length):
    check_ring("ring", 4800, PlayedArray(length))


def begin_silent(latency=LATENCY):
    """Return a host and its stream, whose ring is silent and has been played for 10 polls."""
    host = Host()
    stream = host.stream(latency)
    stream.begin(None, RATE)
    host.play(stream, 10, is_begun=False)
    host.arrays.heard.clear()
    host.arrays.play(0)
    return host, stream


def num_until_sound(host, stream):
    """Give the stream samples, one at a time, until it writes them; return their number."""
    num_samples = 0
    while not host.arrays.samples.any():
        stream.write(protocol.Chunk(1, num_samples, 1, 2.0, host.material.next(1).tobytes()))
        num_samples += 1
        assert stream.advance()
    return num_samples


@pytest.mark.parametrize(
    "latency, num_in_hand",
    # the first two are too short for these polls, so that the stream lengthens them to 55 ms
    [(200, 565), (1920, 565), (4800, 1258), (9600, 2858)],
)
def test_sound_begins_with_a_third_of_the_latency_in_hand_and_the_lead_ahead(latency, num_in_hand):
    host, stream = begin_silent(latency)
    assert num_until_sound(host, stream) == num_in_hand
    assert np.flatnonzero(host.arrays.samples)[0] == host.arrays.position + LEAD


def test_after_an_underrun_sound_begins_again_with_as_much_in_hand():
    host, stream = begin_silent()
    host.play(stream, 30)
    host.play(stream, 100, is_begun=False)  # the ring becomes silent all over
    assert num_until_sound(host, stream) == 1258
    start = host.arrays.position + LEAD
    assert host.arrays.samples[start] != 0
    assert not host.arrays.samples[host.arrays.position : start].any()


@pytest.mark.parametrize("latency", [1920, 4800])
def test_while_it_is_silent_what_waits_counts_as_if_it_came_right_after_the_lead(latency):
    played = PlayedArray(32768)
    ring, material = Ring(played, "ring", RATE), Material()
    ring.play_at(0)
    playout = Playout(ring, latency)
    playout.write(material.next(2000))
    assert playout.num_played == playout.num_ahead == 0
    assert playout.begin_again()
    assert playout.num_ahead == LEAD + 2000
    played.play(LEAD + 1500)
    ring.play_at(played.position)
    assert playout.num_played == 1500
    assert ring.fade_out()
    playout.write(material.next(300))
    assert playout.num_played == 2000 - min(playout.ring.lead, latency // 3)
    assert playout.num_ahead == 0


def test_a_position_is_told_once_an_eighth_of_the_latency_has_passed():
    sent = []
    position = PlayPosition(3, sent.append)
    for num_played in (0, 599, 600, 1199, 1200):
        position.tell(num_played, LATENCY)
    assert sent == [protocol.Played(3, 600), protocol.Played(3, 1200)]


def positions(told):
    return [(heard, request.num_samples) for heard, request in told]


def test_the_position_is_that_of_the_stream_with_its_number():
    host = Host()
    host.play(host.stream(number=7), 30)
    assert {told.take for _, told in host.told} == {7}


def test_the_worker_is_told_in_time_how_many_samples_have_been_heard():
    host, stream = begin_silent()
    host.play(stream, 60)
    told = positions(host.told)
    assert all(heard == num_samples for heard, num_samples in told)
    gaps = np.diff([0] + [num_samples for _, num_samples in told])
    assert gaps.min() >= LATENCY // 8
    assert gaps.max() < LATENCY // 8 + POLL
    assert np.count_nonzero(host.arrays.sound()) - told[-1][1] < LATENCY // 8


def test_after_an_underrun_the_position_goes_on_where_the_sound_does():
    host, stream = begin_silent()
    host.play(stream, 30)
    host.play(stream, 30, is_begun=False)
    num_before = host.num_sent
    assert not host.arrays.samples.any()
    host.told.clear()
    host.play(stream, 60)
    told = [pair for pair in positions(host.told) if pair[1] > num_before]
    assert len(told) > 20
    # the last sample of the fade was 0 and was not counted as heard
    assert all(heard + 1 == num_samples for heard, num_samples in told)


def test_a_new_latency_goes_to_the_worker_and_changes_how_often_it_is_told():
    host, stream = begin_silent()
    stream.apply(protocol.Latency(0.2))
    assert host.told.pop()[1] == protocol.Latency(0.2)
    host.play(stream, 60)
    gaps = np.diff([num_samples for _, num_samples in positions(host.told)])
    assert gaps.min() >= 1200
    assert gaps.max() < 1200 + POLL
