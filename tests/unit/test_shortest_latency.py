"""A stream in a large `[block~]`, against a worker that needs no time for its work."""

import collections

import numpy as np
import pytest
from class_host import Host

from samplernn_pd.settings import Settings
from samplernn_pd.stream import StreamInPd
from sopilib.generation.stream_lead import Lead
from sopilib.protocol import messages

RATE = 44100
DUR_S = 20


class Rehearsal:
    """A stream at 100 ms that Pd plays block by block and polls every `poll_s` seconds."""

    def __init__(self, block, poll_s, latency_s=0.1):
        self.host, self.told, self.underruns = Host(), [], []
        self.host.sample_rate = RATE
        self.host.arrays.samples["ring"] = np.zeros(1 << 18, np.float32)
        request = messages.Generate(1, latency_s=latency_s, out_rate=RATE)
        self._lead, self._played = Lead(RATE, RATE, latency_s), 0
        self._stream = StreamInPd(request, "ring", Settings(), self.host, self._send, self._say)
        self._stream.begin(None, RATE)
        arriving = collections.deque()
        for poll in range(round(DUR_S / poll_s)):
            self._now_s = poll * poll_s
            if told := self._stream.play_at(int(self._now_s * RATE) // block * block % (1 << 18)):
                self.told.append(told)
            while arriving:
                self._stream.write(arriving.popleft())
            self._stream.advance()
            while self._lead.is_due(self._played):
                size = self._lead.chunk_size
                self._lead.note_generated(size)
                arriving.append(messages.Chunk(1, 0, 1, 9.0, bytes(4 * size)))

    def _send(self, message):
        if isinstance(message, messages.Played):
            self._played = message.num_samples
        elif isinstance(message, messages.Latency):
            self._lead.set_latency(message.seconds)

    def _say(self, selector, *atoms):
        if selector == "underrun":
            self.underruns.append(self._now_s)


@pytest.mark.parametrize("block, poll_s", [(64, 0.005), (64, 0.02), (512, 0.005), (1024, 0.005)])
def test_100_ms_last_for_ordinary_blocks_and_polls(block, poll_s):
    rehearsal = Rehearsal(block, poll_s, 0.1 if block < 1024 else 0.12)
    assert rehearsal.told == [] and rehearsal.underruns == []


@pytest.mark.parametrize("block, poll_s, used_ms", [(2048, 0.005, 220), (64, 0.06, 0)])
def test_a_latency_too_short_for_block_or_polls_is_lengthened_and_told_once(block, poll_s, used_ms):
    rehearsal = Rehearsal(block, poll_s)
    (told,) = rehearsal.told
    assert told.startswith("a latency of 100 ms is too short for this [block~] and these polls: ")
    assert not used_ms or told.endswith(f" {used_ms} ms is used")
    assert all(when < 1 for when in rehearsal.underruns)
