"""Successive streams into a ring that a simulated Pd plays."""

import numpy as np
import pytest
from played_array import STEP, Material, PlayedArray, segments

from samplernn_pd.settings import Settings
from samplernn_pd.stream import StreamInPd, check_ring
from sopilib.errors import RequestError
from sopilib.protocol import messages as protocol

RATE = 48000
POLL = 480  # samples from one poll to the next
LATENCY = 4800


class Host:
    """A Pd with one array, and a worker that is always in time."""

    def __init__(self):
        self.arrays = PlayedArray(32768)
        self.sample_rate, self.patch_folder = RATE, "/"
        self.material = Material()
        self.num_sent = 0

    def stream(self):
        request = protocol.Generate(take=1, latency_s=LATENCY / RATE, out_rate=RATE)
        self.num_sent, self.num_played = 0, 0
        return StreamInPd(request, "ring", Settings(), self, self.note, lambda *atoms: None)

    def note(self, request):
        self.num_played = request.num_samples

    def play(self, stream, num_polls, is_begun=True):
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
