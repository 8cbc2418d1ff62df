"""SHA-256 of files of any size, by which a file that was changed is told from one that was not."""

import hashlib
from typing import BinaryIO

from sopilib.small_files import FilePath, open_regular

_BLOCK = 1 << 20  # bytes


def file_digest(path: FilePath) -> str:
    """Return the SHA-256 of a regular file, in hex.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    with open_regular(path) as file:
        return content_digest(file)


def content_digest(file: BinaryIO) -> str:
    """Return the SHA-256 of an open file, from its first byte to its last, in hex."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
