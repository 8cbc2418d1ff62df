"""The `.index` file of a checkpoint, which has a checksum of every variable."""

from pathlib import Path

from sopilib.errors import CheckpointError


def read_index(prefix: str | Path) -> bytes:
    """Return the content of `prefix`.index.

    Raises:
      CheckpointError: it cannot be read.
    """
    try:
        return Path(f"{prefix}.index").read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {prefix}.index: {error.strerror} (check its permissions)"
        ) from error
