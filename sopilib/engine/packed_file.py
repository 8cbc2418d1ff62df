"""The file of a packed model, written once and read by mmap.

Layout, little-endian: the 8 bytes `SRNNPACK`; uint32 version, header size in bytes,
CRC-32 of the header, CRC-32 of the data; the header, JSON; the data, from the next multiple
of 4096 on, every array on the next multiple of 64. The header holds the settings of the
kernels, the config of the model, the dtype, shape and offset of each array, and the digest of
the checkpoint, which files of earlier versions lack.

Anyone may have written a file, and right checksums prove nothing. Reading evaluates no code and
accepts the one header that `write_packed` writes for the config and these arrays: the settings
follow from the config, the offsets from the sizes, the last array ends where the file does.
What the kernels need of each array is checked by them, see `kernels/model_reader.h`.
"""

import hashlib
import json
import math
import mmap
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from sopilib.engine import is_built
from sopilib.engine.pack import RECIPES, PackedModel, packed_settings
from sopilib.errors import CheckpointError, ConfigError
from sopilib.model.config import ModelConfig
from sopilib.new_files import NewFiles
from sopilib.small_files import SMALL_BYTES, open_regular, parse_json

# increase this whenever the layouts of `pack` or of this file change
VERSION = 1

_MAGIC = b"SRNNPACK"
_PREFIX = struct.Struct("<8s4I")
_PAGE = 4096
_ALIGNMENT = 64
_DTYPES = ("float32", "uint16", "uint8")
_MOST_AXES = 8
_MOST_SIZE = 1 << 40  # of an axis
_SHA256 = re.compile("[0-9a-f]{64}")


def write_packed(path: str | Path, config: ModelConfig, packed: PackedModel) -> None:
    """Write a PackedModel to `path` atomically: an incomplete file never appears there.

    Raises:
      OSError: the file cannot be written.
    """
    places, end = _places(packed.arrays)
    values = {
        "settings": packed.settings,
        "config": config.to_dict(),
        "checkpoint": packed.checkpoint,
        "arrays": places,
    }
    header = json.dumps(values).encode()
    data = bytearray(end)
    for name, array in packed.arrays.items():
        offset = places[name]["offset"]
        data[offset : offset + array.nbytes] = np.ascontiguousarray(array).data.cast("B")
    prefix = _PREFIX.pack(_MAGIC, VERSION, len(header), zlib.crc32(header), zlib.crc32(data))
    with NewFiles() as files:
        file = files.open(path)
        file.write((prefix + header).ljust(_data_begin(len(header)), b"\0"))
        file.write(data)


def is_packed(path: Path) -> bool:
    """Return whether the file at `path` begins as a packed model does."""
    try:
        with open_regular(path) as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def packed_paths(folder: Path, precision: str) -> list[Path]:
    """Return the packed files of an exported model in this precision, the one to play first."""
    return sorted(folder.glob(f"*.{precision}.pack"))


def read_packed(path: str | Path) -> tuple[ModelConfig, PackedModel]:
    """Return the ModelConfig and the PackedModel in the file at `path`, its arrays mapped.

    Raises:
      CheckpointError: the file cannot be read, is damaged or of another version, or the
        kernels cannot play what it holds.
    """
    try:
        with open_regular(path) as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: it is empty
        raise _unusable(path, f"cannot be read: {_reason(error)}") from error
    header, data = _checked_parts(path, content)
    try:
        return _checked_model(_Header(header), data)
    except (ValueError, ConfigError) as error:
        raise _unusable(path, f"is damaged: {error}") from error


def packed_digest(path: str | Path) -> str:
    """Return the SHA-256 in hex of a packed file's header, which has a checksum of the data.

    Raises:
      CheckpointError: the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            prefix = file.read(_PREFIX.size)
            size = min(_PREFIX.unpack(prefix)[2], SMALL_BYTES)
            return hashlib.sha256(prefix + file.read(size)).hexdigest()
    except (OSError, struct.error) as error:
        raise _unusable(path, f"cannot be read: {_reason(error)}") from error


def _checked_parts(path: str | Path, content: mmap.mmap) -> tuple[bytes, memoryview]:
    """Return the header and the data after checking both checksums."""
    if len(content) < _PREFIX.size:
        raise _unusable(path, "is damaged: it is too short")
    magic, version, header_size, header_crc, data_crc = _PREFIX.unpack_from(content)
    if magic != _MAGIC:
        raise _unusable(path, "is not a packed model")
    if version != VERSION:
        raise _unusable(path, f"has version {version}, this program reads {VERSION}")
    if header_size > SMALL_BYTES:
        raise _unusable(path, f"is damaged: its header has {header_size} bytes")
    header = content[_PREFIX.size : _PREFIX.size + header_size]
    data = memoryview(content)[_data_begin(header_size) :]
    if zlib.crc32(header) != header_crc or zlib.crc32(data) != data_crc:
        raise _unusable(path, "is damaged: a checksum is wrong")
    return header, data


class _Header:
    """The parts of a header by name, each of its type; their content is still to be checked."""

    def __init__(self, header: bytes) -> None:
        values = parse_json(header)
        if not isinstance(values, dict):
            raise ValueError("its header is not an object")
        self.settings, self.config, self.arrays = (
            _dict_in(values, key) for key in ("settings", "config", "arrays")
        )
        checkpoint = values.get("checkpoint")
        if checkpoint is not None and not (
            isinstance(checkpoint, str) and _SHA256.fullmatch(checkpoint)
        ):
            raise ValueError("the digest of its checkpoint is none")
        self.checkpoint: str | None = checkpoint


def _dict_in(values: dict[str, Any], key: str) -> dict[str, Any]:
    value = values.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"its header has no {key}")
    return value


def _checked_model(header: _Header, data: memoryview) -> tuple[ModelConfig, PackedModel]:
    """Return what a file holds.

    Raises:
      ConfigError, ValueError: a part is not what `write_packed` writes.
    """
    config = ModelConfig.from_dict(header.config)
    settings = _checked_settings(config, header.settings)
    arrays, offset = {}, 0
    for name, place in header.arrays.items():
        arrays[name], offset = _array(data, name, place, offset)
    if offset != len(data):
        raise ValueError(f"its arrays have {offset} bytes, its data {len(data)}")
    if is_built():
        from sopilib.engine import native

        native.check_model(settings, arrays)
    return config, PackedModel(settings, arrays, header.checkpoint)


def _checked_settings(config: ModelConfig, found: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that follow from the config, which those found must equal."""
    for precision in RECIPES:
        settings = packed_settings(config, precision)
        if found == settings:
            return settings
    raise ValueError("its settings do not fit its config")


def _places(arrays: dict[str, np.ndarray]) -> tuple[dict[str, dict[str, Any]], int]:
    """Return the offset of each array, and the total size in bytes."""
    places: dict[str, dict[str, Any]] = {}
    offset = 0
    for name, array in arrays.items():
        places[name] = {"dtype": str(array.dtype), "shape": array.shape, "offset": offset}
        offset += _aligned(array.nbytes)
    return places, offset


def _array(data: memoryview, name: str, place: Any, begin: int) -> tuple[np.ndarray, int]:
    """Return the array at `place`, which begins at `begin`, and where the next one begins."""
    place = place if isinstance(place, dict) else {}
    dtype, shape, offset = (place.get(key) for key in ("dtype", "shape", "offset"))
    if dtype not in _DTYPES or not _is_shape(shape) or type(offset) is not int or offset != begin:
        raise ValueError(f"the array {name[:40]!r} is not where it should be")
    count = math.prod(shape)
    end = begin + _aligned(count * np.dtype(dtype).itemsize)
    if end > len(data):
        raise ValueError(f"the array {name[:40]!r} ends beyond the data")
    return np.frombuffer(data, dtype, count, begin).reshape(shape), end


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, list)
        and 1 <= len(shape) <= _MOST_AXES
        and all(type(size) is int and 1 <= size <= _MOST_SIZE for size in shape)
    )


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // _ALIGNMENT) * _ALIGNMENT


def _data_begin(header_size: int) -> int:
    return -(-(_PREFIX.size + header_size) // _PAGE) * _PAGE


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _unusable(path: str | Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} {what} (delete it, or export the model again)")
