"""The frames in which messages travel between Pd and the worker: to bytes and back.

This module does no I/O: `encode` turns a message into one frame, `Decoder.feed` turns any
bytes into the messages that they complete. docs/protocol.md has the layout.
"""

import dataclasses
import json
import struct
from typing import Any

from sopilib.errors import ProtocolError
from sopilib.protocol import messages
from sopilib.small_files import parse_json

MAGIC = b"SRNN"
MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 1 << 30

_PREFIX = struct.Struct("<4sII")  # magic, header bytes, payload bytes


def encode(message: messages.Message) -> bytes:
    """Return the frame of `message` as bytes.

    Raises:
        ProtocolError: the header or the payload is too large for a frame.
    """
    fields = dict(vars(message))
    payload: bytes = fields.pop("payload", b"")
    header = json.dumps({"type": messages.type_of(message), **fields}).encode()
    _check_sizes(len(header), len(payload))
    return _PREFIX.pack(MAGIC, len(header), len(payload)) + header + payload


class Decoder:
    """Collect bytes and return the messages they complete. One for each direction."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[messages.Message]:
        """Return the messages completed by `data`, in order.

        Raises:
            ProtocolError: the bytes are not frames. Nothing more can be decoded then.
        """
        self._buffer += data
        complete = []
        while (size := self._frame_bytes()) is not None and len(self._buffer) >= size:
            complete.append(_decode(bytes(self._buffer[:size])))
            del self._buffer[:size]
        return complete

    def _frame_bytes(self) -> int | None:
        """Return the size of the frame at the front of the buffer, None while that is unknown."""
        if not MAGIC.startswith(bytes(self._buffer[: len(MAGIC)])):
            raise ProtocolError(f"not a frame: {bytes(self._buffer[:40])!r}")
        if len(self._buffer) < _PREFIX.size:
            return None
        _, header_bytes, payload_bytes = _PREFIX.unpack_from(self._buffer)
        _check_sizes(header_bytes, payload_bytes)
        return _PREFIX.size + int(header_bytes) + int(payload_bytes)


def _check_sizes(header_bytes: int, payload_bytes: int) -> None:
    if header_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_PAYLOAD_BYTES:
        raise ProtocolError(
            f"a frame of {header_bytes} + {payload_bytes} bytes is too large "
            f"(at most {MAX_HEADER_BYTES} + {MAX_PAYLOAD_BYTES})"
        )


def _decode(frame: bytes) -> messages.Message:
    _, header_bytes, _ = _PREFIX.unpack_from(frame)
    header_end = _PREFIX.size + header_bytes
    fields = _parse_header(frame[_PREFIX.size : header_end])
    type_ = fields.pop("type")
    message_class = messages.MESSAGES.get(type_)
    if message_class is None:
        return messages.Unknown(type_)
    return _build(message_class, fields, frame[header_end:])


def _parse_header(header: bytes) -> dict[str, Any]:
    try:
        fields = parse_json(header)
    except ValueError as error:
        raise ProtocolError(f"a header is not JSON: {error}") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise ProtocolError(f"a header has no type: {header[:80]!r}")
    return fields


def _build(
    message_class: type[messages.Message], fields: dict[str, Any], payload: bytes
) -> messages.Message:
    """Return the message; leave out unknown fields, raise ProtocolError for missing ones."""
    known = {field.name for field in dataclasses.fields(message_class)}
    kept: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields.items()
        if name in known
    }
    if "payload" in known:
        kept["payload"] = payload
    try:
        return message_class(**kept)
    except TypeError as error:
        raise ProtocolError(f"an incomplete message: {error}") from None
