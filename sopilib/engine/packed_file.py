"""The file of a packed model, written once and read by mmap.

Layout, little-endian: the 8 bytes `SRNNPACK`; uint32 version, header size in bytes,
CRC-32 of the header, CRC-32 of the data; the header, JSON; the data, from the next multiple
of 4096 on, every array on a multiple of 64. The header holds the settings of the kernels,
the config of the model, and the dtype, shape and offset of each array. Reading evaluates no
code and checks every number in the header against the file's size.
"""

import hashlib
import json
import math
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sopilib.engine.pack import PackedModel
from sopilib.errors import CheckpointError, ConfigError
from sopilib.model.config import ModelConfig

# increase this whenever the layouts of `pack` or of this file change
VERSION = 1

_MAGIC = b"SRNNPACK"
_PREFIX = struct.Struct("<8s4I")
_PAGE = 4096
_ALIGNMENT = 64
_DTYPES = ("float32", "uint16", "uint8")


def write_packed(path: str | Path, config: ModelConfig, packed: PackedModel) -> None:
    """Write a PackedModel to `path` atomically: an incomplete file never appears there.

    Raises:
      OSError: the file cannot be written.
    """
    places, end = _places(packed.arrays)
    values = {"settings": packed.settings, "config": config.to_dict(), "arrays": places}
    header = json.dumps(values).encode()
    data = bytearray(end)
    for name, array in packed.arrays.items():
        offset = places[name]["offset"]
        data[offset : offset + array.nbytes] = np.ascontiguousarray(array).data.cast("B")
    prefix = _PREFIX.pack(_MAGIC, VERSION, len(header), zlib.crc32(header), zlib.crc32(data))
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path) or ".", delete=False) as file:
        try:
            file.write((prefix + header).ljust(_data_begin(len(header)), b"\0"))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise


def packed_paths(folder: Path, precision: str) -> list[Path]:
    """Return the packed files of an exported model in this precision, the one to play first."""
    return sorted(folder.glob(f"*.{precision}.pack"))


def read_packed(path: str | Path) -> tuple[ModelConfig, PackedModel]:
    """Return the ModelConfig and the PackedModel in the file at `path`, its arrays mapped.

    Raises:
      CheckpointError: the file cannot be read, is damaged or of another version.
    """
    try:
        with open(path, "rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: it is empty
        raise _unusable(path, f"cannot be read: {error}") from error
    header, data = _checked_parts(path, content)
    try:
        arrays = {name: _array(data, **place) for name, place in header["arrays"].items()}
        config = ModelConfig.from_dict(header["config"])
        return config, PackedModel(header["settings"], arrays)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise _unusable(path, f"is damaged: {error}") from error


def packed_digest(path: str | Path) -> str:
    """Return the SHA-256 in hex of a packed file's header, which has a checksum of the data.

    Raises:
      CheckpointError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            prefix = file.read(_PREFIX.size)
            size = _PREFIX.unpack(prefix)[2]
            return hashlib.sha256(prefix + file.read(size)).hexdigest()
    except (OSError, struct.error) as error:
        raise _unusable(path, f"cannot be read: {error}") from error


def _checked_parts(path: str | Path, content: mmap.mmap) -> tuple[dict[str, Any], memoryview]:
    """Return the header and the data after checking both checksums."""
    if len(content) < _PREFIX.size:
        raise _unusable(path, "is damaged: it is too short")
    magic, version, header_size, header_crc, data_crc = _PREFIX.unpack_from(content)
    if magic != _MAGIC:
        raise _unusable(path, "is not a packed model")
    if version != VERSION:
        raise _unusable(path, f"has version {version}, this program reads {VERSION}")
    header = content[_PREFIX.size : _PREFIX.size + header_size]
    data = memoryview(content)[_data_begin(header_size) :]
    if zlib.crc32(header) != header_crc or zlib.crc32(data) != data_crc:
        raise _unusable(path, "is damaged: a checksum is wrong")
    return json.loads(header), data


def _places(arrays: dict[str, np.ndarray]) -> tuple[dict[str, dict[str, Any]], int]:
    """Return the offset of each array, and the total size in bytes."""
    places: dict[str, dict[str, Any]] = {}
    offset = 0
    for name, array in arrays.items():
        places[name] = {"dtype": str(array.dtype), "shape": array.shape, "offset": offset}
        offset += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    return places, offset


def _array(data: memoryview, dtype: str, shape: Sequence[int], offset: int) -> np.ndarray:
    if dtype not in _DTYPES or offset < 0 or any(size < 0 for size in shape):
        raise ValueError(f"an array of {dtype} {shape} at {offset}")
    array = np.frombuffer(data, dtype, math.prod(shape), offset)
    return array.reshape(shape)


def _data_begin(header_size: int) -> int:
    return -(-(_PREFIX.size + header_size) // _PAGE) * _PAGE


def _unusable(path: str | Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} {what} (delete it, or export the model again)")
