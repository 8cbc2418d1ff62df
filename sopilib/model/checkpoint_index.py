"""The `.index` file of a checkpoint, which has a checksum of every variable."""

from pathlib import Path

from sopilib.errors import CheckpointError
from sopilib.small_files import read_bytes

_MOST_BYTES = 64 << 20


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
