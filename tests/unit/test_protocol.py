"""The codec, fed whole, byte by byte and with trailing data; and hostile bytes."""

import json
import math
import struct

import pytest

from samplernn_pd.grammar import parse
from sopilib.errors import ProtocolError, RequestError
from sopilib.protocol import codec as frames
from sopilib.protocol import messages as protocol

LARGEST_OF_PD = int(struct.unpack("<f", b"\xff\xff\x7f\x7f")[0])
CASES = [
    protocol.Hello(1, "0.1.0"),
    protocol.Load("models/a b", 2, None, ("/patches",)),
    protocol.Generate(
        3,
        4.0,
        None,
        (0.8, "Env([1,2],[3])", None),
        (0.5, 2.0),
        44100,
        None,
        48000,
        1,
        1,
        2.5,
        7,
        True,
        "source",
        struct.pack("<2f", 0.25, -1.0),
    ),
    protocol.Generate(4, latency_s=0.1),
    protocol.SetTemperature((0.5, 1.0)),
    protocol.Ramp(0.9, 3.0),
    protocol.Curve(2.5, struct.pack("<2f", 0.5, 1.0)),
    protocol.Played(4, 44100),
    protocol.Latency(0.05),
    protocol.Prime("/sounds/bell.wav", None),
    protocol.Prime(None, 44100, struct.pack("<f", 0.5)),
    protocol.Reseed(None),
    protocol.Freeze(0.25),
    protocol.Freeze(0.25, 2),
    protocol.ReseedVoice(2, 7),
    protocol.Gain(-6.0, 2),
    protocol.Morph(1, 2, 0.5, 3.0),
    protocol.Note(60, 100.0),
    protocol.Release(250.0),
    protocol.WriteStates("/sets/caffè.states"),
    protocol.ReadStates("/sets/caffè.states"),
    protocol.StatesFile("/sets/caffè.states", "written", (1, 60)),
    protocol.Heal(1),
    protocol.SaveState(1),
    protocol.SaveState(LARGEST_OF_PD),
    protocol.RecallState(1),
    protocol.Stop(),
    protocol.Save("/takes/caffè 1.wav"),
    protocol.Loaded("preludes", 16000, 1, (["rnn", "gru"],)),
    protocol.Started(3, 64000, 16000, 123),
    protocol.Alive(10.0),
    protocol.LatencyUsed(3, 0.026, 0.02),
    protocol.SoundWarning(3, "stuck", True),
    protocol.Chunk(3, 128, 2, 0.2, struct.pack("<4f", 0, 1, 2, 3)),
    protocol.Finished(3, 64000),
    protocol.Stopped(3, 12),
    protocol.State(1, "saved"),
    protocol.State(LARGEST_OF_PD, "saved"),
    protocol.Saved("/takes/caffè 1.wav"),
    protocol.Notice("100 % silent: caffè"),
    protocol.Failure("load", "no such folder", None),
]


@pytest.mark.parametrize("message", CASES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_wire_whole_byte_by_byte_and_with_more_behind_it(message):
    frame = frames.encode(message)
    assert frames.Decoder().feed(frame) == [message]
    decoder = frames.Decoder()
    collected = [got for byte in frame for got in decoder.feed(bytes([byte]))]
    assert collected == [message]
    decoder = frames.Decoder()
    assert decoder.feed(frame + frame[:7]) == [message]
    assert decoder.feed(frame[7:]) == [message]


def test_every_message_type_is_among_the_cases():
    assert {type(case) for case in CASES} == set(protocol.MESSAGES.values())


def test_a_frame_is_laid_out_as_the_page_says():
    frame = frames.encode(protocol.Chunk(1, 0, 1, 2.5, b"\x00\x00\x80\x3f"))
    assert frame[:4] == b"SRNN"
    header_bytes, payload_bytes = struct.unpack("<II", frame[4:12])
    assert payload_bytes == 4
    assert json.loads(frame[12 : 12 + header_bytes]) == {
        "type": "chunk",
        "take": 1,
        "start": 0,
        "num_seqs": 1,
        "speed": 2.5,
    }
    assert frame[12 + header_bytes :] == b"\x00\x00\x80\x3f"


def frame_of(header, payload=b""):
    return struct.pack("<4sII", b"SRNN", len(header), len(payload)) + header + payload


def test_fields_that_are_not_known_are_ignored():
    header = b'{"type": "finished", "take": 1, "num_samples": 5, "mood": "good"}'
    assert frames.Decoder().feed(frame_of(header)) == [protocol.Finished(1, 5)]


def test_an_unknown_type_is_a_message_of_its_own():
    assert frames.Decoder().feed(frame_of(b'{"type": "dance"}')) == [protocol.Unknown("dance")]


@pytest.mark.parametrize(
    "data",
    [
        b"Traceback (most recent call last):",
        b"SRNX" + bytes(8),
        struct.pack("<4sII", b"SRNN", 1 << 21, 0),
        struct.pack("<4sII", b"SRNN", 2, 0xFFFFFFFF),
        frame_of(b"{]"),
        frame_of(b"[1]"),
        frame_of(b"[" * 200_000),
        frame_of(b'{"take": 1}'),
        frame_of(b'{"type": "finished"}'),
        frame_of(b"\xff\xfe"),
    ],
)
def test_bytes_that_are_no_frame_are_an_error(data):
    with pytest.raises(ProtocolError):
        frames.Decoder().feed(data)


def test_the_error_comes_with_the_first_wrong_byte():
    with pytest.raises(ProtocolError):
        frames.Decoder().feed(b"W")


OUT_OF_RANGE = [
    (
        protocol.Load("D", sample_rate=999),
        "rate: 999 Hz (a whole number from 1000 to 384000)",
    ),
    (
        protocol.Load("D", sample_rate=384_001),
        "rate: 384001 Hz (a whole number from 1000 to 384000)",
    ),
    (
        protocol.Load("D", sample_rate=22050.5),
        "rate: 22050.5 Hz (a whole number from 1000 to 384000)",
    ),
    (
        protocol.SetTemperature((1.0, -0.5)),
        "temperature: -0.5 (0 or more; 0 is the likeliest sample)",
    ),
    (protocol.SetTemperature((math.nan,)), "temperature: nan is not a finite number"),
    (protocol.SetTemperature(("hot",)), "temperature: 'hot' is not a number"),
    (protocol.Ramp(-1.0, 1.0), "temperature: -1 (0 or more; 0 is the likeliest sample)"),
    (protocol.Ramp(1.0, -1.0), "ramp: -1 s (0 or more)"),
    (protocol.Ramp(1.0, math.inf), "ramp: inf is not a finite number"),
    (protocol.Reseed(-1), "rng: -1 (a whole number, 0 or more)"),
    (protocol.Reseed(1.5), "rng: 1.5 (a whole number, 0 or more)"),
    (protocol.Freeze(-1.0), "freeze: -1 s (0 to release, or 0.02 to 3600)"),
    (protocol.Freeze(0.019), "freeze: 0.019 s (0 to release, or 0.02 to 3600)"),
    (protocol.Freeze(3601.0), "freeze: 3601 s (0 to release, or 0.02 to 3600)"),
    (protocol.Freeze(math.nan), "freeze: nan is not a finite number"),
    (protocol.Freeze(None), "freeze: None is not a number"),
    (protocol.SaveState(-1), "save_state: -1 (a whole number, 0 or more)"),
    (protocol.RecallState(1.5), "recall_state: 1.5 (a whole number)"),
]


@pytest.mark.parametrize("message, text", OUT_OF_RANGE, ids=[str(m) for m, _ in OUT_OF_RANGE])
def test_a_value_out_of_range_is_refused_with_the_value_and_the_range(message, text):
    (decoded,) = frames.Decoder().feed(frames.encode(message))
    with pytest.raises(RequestError) as caught:
        decoded.check()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "message",
    [
        protocol.SetTemperature((0.0, 2.5)),
        protocol.Ramp(0.0, 0.0),
        protocol.Reseed(None),
        protocol.Reseed(0),
        protocol.Freeze(0.0),
        protocol.Freeze(0.02),
        protocol.Freeze(3600.0),
        protocol.SaveState(0),
        protocol.Load("D", sample_rate=1000),
        protocol.Load("D", sample_rate=384_000),
        *CASES,
    ],
    ids=lambda message: str(message)[:40],
)
def test_a_value_within_its_range_is_allowed(message):
    message.check()


def test_what_a_performer_gets_for_a_wrong_value_is_what_the_worker_says():
    for selector, atoms, message in (
        ("freeze", [0.019], protocol.Freeze(0.019)),
        ("ramp", [1, -1], protocol.Ramp(1.0, -1.0)),
        ("temperature", [-0.5], protocol.SetTemperature((-0.5,))),
        ("rng", [-1], protocol.Reseed(-1)),
        ("save_state", [-1], protocol.SaveState(-1)),
        ("load", ["D", "rate", 999], protocol.Load("D", sample_rate=999)),
    ):
        with pytest.raises(RequestError) as from_pd:
            parse(selector, atoms)
        with pytest.raises(RequestError) as from_worker:
            message.check()
        assert str(from_pd.value) == str(from_worker.value)
