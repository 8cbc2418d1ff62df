"""A stream in a large `[block~]`, against a worker that needs no time for its work."""

import collections

import numpy as np
import pytest
from class_host import Host

from samplernn_pd.settings import Settings
from samplernn_pd.stream import StreamInPd
from sopilib.audio.resample import StreamResampler
from sopilib.generation.stream_lead import Lead
from sopilib.protocol import messages

RATE = 44100
DUR_S = 20


class Rehearsal:
    """A stream at 100 ms that Pd plays block by block and polls every `poll_s` seconds."""

    def __init__(self, block, poll_s, latency_s=0.1, model_rate=RATE):
        self.host, self.told, self.underruns = Host(), [], []
        self.host.sample_rate = RATE
        self.host.arrays.samples["ring"] = np.zeros(1 << 18, np.float32)
        request = messages.Generate(1, latency_s=latency_s, out_rate=RATE)
        self._lead, self._played = Lead(model_rate, RATE, latency_s), 0
        margin = 0.0  # what the resampler holds back
        if model_rate != RATE:
            margin = StreamResampler.margin_s(model_rate, RATE) * RATE
        self._stream = StreamInPd(request, "ring", Settings(), self.host, self._send, self._say)
        self._stream.begin(None, RATE)
        arriving, num_made = collections.deque(), 0
        for poll in range(round(DUR_S / poll_s)):
            self._now_s = poll * poll_s
            if told := self._stream.play_at(int(self._now_s * RATE) // block * block % (1 << 18)):
                self.told.append(told)
            while arriving:
                self._stream.write(arriving.popleft())
            self._stream.advance()
            while self._lead.is_due(self._played):
                self._lead.note_generated(self._lead.chunk_size)
                size = max(0, int(self._lead.front - margin) - num_made)
                num_made += size
                arriving.append(messages.Chunk(1, 0, 1, 9.0, bytes(4 * size)))

    def _send(self, message):
        if isinstance(message, messages.Played):
            self._played = message.num_samples
        elif isinstance(message, messages.Latency):
            self._lead.set_latency(message.seconds)
            self._stream.use_latency(self._lead.latency_s, message.seconds)

    def _say(self, selector, *atoms):
        if selector == "underrun":
            self.underruns.append(self._now_s)


@pytest.mark.parametrize("block, poll_s", [(64, 0.005), (64, 0.02), (512, 0.005), (1024, 0.005)])
def test_100_ms_last_for_ordinary_blocks_and_polls(block, poll_s):
    rehearsal = Rehearsal(block, poll_s, 0.1 if block < 1024 else 0.12)
    assert rehearsal.told == [] and rehearsal.underruns == []


@pytest.mark.parametrize("model_rate", [RATE, 22050, 16000])
def test_20_ms_last_where_every_block_is_polled(model_rate):
    rehearsal = Rehearsal(64, 0.001, 0.02, model_rate)
    assert rehearsal.told == []
    assert all(when < 0.5 for when in rehearsal.underruns)  # until the steps have been seen


@pytest.mark.parametrize("block, poll_s, used_ms", [(2048, 0.005, 220), (64, 0.06, 0)])
def test_a_latency_too_short_for_block_or_polls_is_lengthened_and_told_once(block, poll_s, used_ms):
    rehearsal = Rehearsal(block, poll_s)
    (told,) = rehearsal.told
    assert told.startswith("a latency of 100 ms is too short for this [block~] and these polls: ")
    assert not used_ms or told.endswith(f" {used_ms} ms is used")
    assert all(when < 1 for when in rehearsal.underruns)
