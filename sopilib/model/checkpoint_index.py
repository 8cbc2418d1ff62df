"""The `.index` file of a checkpoint: name, shape, place and checksum of every variable.

It is a table of sorted keys as LevelDB has it, not compressed: blocks of entries whose keys
share a prefix with the previous one, an index of the blocks, and a footer. A value is a
protocol buffer: the entry of a variable or, under the empty key, the header. TensorFlow writes
and reads it (`tensorflow/core/util/tensor_bundle`); this reader tells in a moment, without
TensorFlow and before anything is allocated, what the files on disk hold.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sopilib.errors import CheckpointError
from sopilib.small_files import is_regular, read_bytes

FLOAT32 = 1  # TensorFlow's number of the type

_MOST_BYTES = 64 << 20
_FOOTER_BYTES = 48
_MAGIC = 0xDB4775248B80FB57
_TRAILER_BYTES = 5  # of a block: its compression, then a checksum
_MOST_VARINT_BYTES = 10
_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Entry:
    """Where a variable lies.

    Attributes:
      dtype: TensorFlow's number of it, such as FLOAT32.
      shape: of the variable.
      shard: number of its data file.
      offset, size: in that file, in bytes.
    """

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0


@dataclass
class _Fields:
    """The fields of a protocol buffer by number: numbers, and bytes in their order."""

    numbers: dict[int, int] = field(default_factory=dict)
    parts: dict[int, list[bytes]] = field(default_factory=dict)


def read_index(prefix: str | Path) -> bytes:
    """Return the content of `prefix`.index.

    Raises:
      CheckpointError: it cannot be read.
    """
    try:
        return read_bytes(f"{prefix}.index", _MOST_BYTES)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {prefix}.index: {error.strerror} (check its permissions)"
        ) from error


def read_entries(prefix: str | Path) -> dict[str, Entry]:
    """Return the Entry of each key in a checkpoint, all of them within the data on disk.

    Raises:
      CheckpointError: the index cannot be read or is damaged, or data is missing.
    """
    content = read_index(prefix)
    try:
        values = dict(_table(content))
        num_shards = _fields(values.pop(b"", b"")).numbers.get(1, 1)
        entries = {key.decode("utf-8"): _entry(value) for key, value in values.items()}
        _check_places(str(prefix), num_shards, entries)
    except ValueError as error:
        raise CheckpointError(
            f"the checkpoint {prefix} is damaged: {error} (copy it again from where it was trained)"
        ) from error
    return entries


def _check_places(prefix: str, num_shards: int, entries: dict[str, Entry]) -> None:
    """Raise ValueError where an entry lies outside the data, or its shape has another size."""
    sizes: dict[int, int] = {}
    for key, entry in entries.items():
        count = 1
        for size in entry.shape:
            count *= size
        if entry.dtype == FLOAT32 and count * _FLOAT32_BYTES != entry.size:
            raise ValueError(f"{key[:80]!r} is {entry.shape} in {entry.size} bytes")
        if entry.shard not in sizes:
            sizes[entry.shard] = _shard_bytes(prefix, entry.shard, num_shards)
        if entry.offset + entry.size > sizes[entry.shard]:
            raise ValueError(
                f"its data is {sizes[entry.shard]} bytes, at least {entry.offset + entry.size} "
                "expected"
            )


def _shard_bytes(prefix: str, shard: int, num_shards: int) -> int:
    path = Path(f"{prefix}.data-{shard:05}-of-{num_shards:05}")
    if not is_regular(path):
        raise ValueError(f"there is no file {path.name[-80:]}")
    return os.path.getsize(path)


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a table."""
    footer = content[-_FOOTER_BYTES:]
    if len(footer) < _FOOTER_BYTES or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("its index has no footer")
    _, at = _handle(footer, 0)  # of the block of metadata, which is empty
    index_block, _ = _handle(footer, at)
    for _, handle in _block(content, index_block):
        yield from _block(content, _handle(handle, 0)[0])


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Return (offset, size) of a block, and the position after them."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _block(content: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block."""
    offset, size = handle
    if offset + size + _TRAILER_BYTES > len(content) or size < 4:
        raise ValueError("a block of its index lies outside the file")
    if content[offset + size] != 0:
        raise ValueError("its index is compressed")
    data = content[offset : offset + size]
    (num_restarts,) = struct.unpack("<I", data[-4:])
    end = size - 4 - 4 * num_restarts
    at, key = 0, b""
    while at < end:
        shared, at = _varint(data, at)
        added, at = _varint(data, at)
        value_bytes, at = _varint(data, at)
        if shared > len(key) or at + added + value_bytes > end:
            raise ValueError("an entry of its index lies outside its block")
        key = key[:shared] + data[at : at + added]
        at += added
        yield key, data[at : at + value_bytes]
        at += value_bytes


def _entry(value: bytes) -> Entry:
    """Return the Entry in a BundleEntryProto."""
    fields = _fields(value)
    if 7 in fields.parts:
        raise ValueError("a variable lies in slices")
    shape = _fields((fields.parts.get(2) or [b""])[-1])
    axes = [_fields(axis).numbers.get(1, 0) for axis in shape.parts.get(2, [])]
    numbers = [fields.numbers.get(number, 0) for number in (1, 3, 4, 5)]
    if max([*numbers, *axes]) >= 1 << 63 or len(axes) > 8:  # negative, as int64
        raise ValueError("a number in its index is out of range")
    dtype, shard, offset, size = numbers
    return Entry(dtype, tuple(axes), shard, offset, size)


def _fields(data: bytes) -> _Fields:
    """Return the fields of a protocol buffer."""
    fields, at = _Fields(), 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            fields.numbers[number], at = _varint(data, at)
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, at = _varint(data, at)
        if size is None or at + size > len(data):
            raise ValueError("an entry of its index is cut off")
        fields.parts.setdefault(number, []).append(data[at : at + size])
        at += size
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at`, 7 bits a byte, the lowest first, and the position after it."""
    value = 0
    for k, byte in enumerate(data[at : at + _MOST_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * k
        if byte < 0x80:
            return value, at + k + 1
    raise ValueError("a number in its index has no end")
