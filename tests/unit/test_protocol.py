"""The codec, fed whole, byte by byte and with trailing data; and hostile bytes."""

import json
import struct

import pytest

from sopilib.errors import ProtocolError
from sopilib.protocol import codec as frames
from sopilib.protocol import messages as protocol

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
    protocol.SaveState(1),
    protocol.RecallState(1),
    protocol.Stop(),
    protocol.Save("/takes/caffè 1.wav"),
    protocol.Loaded("preludes", 16000, 1, (["rnn", "gru"],)),
    protocol.Started(3, 64000, 16000, 123),
    protocol.Chunk(3, 128, 2, 0.2, struct.pack("<4f", 0, 1, 2, 3)),
    protocol.Finished(3, 64000),
    protocol.Stopped(3, 12),
    protocol.State(1, "saved"),
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
