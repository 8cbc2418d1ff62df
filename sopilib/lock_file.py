"""Lock files: one process at a time does some work in a folder.

The lock is the system's, so that it ends with its process, whatever ends that. On a disk that
knows no locks nothing is refused.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sopilib.errors import SampleRNNError
from sopilib.new_files import unwritable


@contextlib.contextmanager
def locked(path: Path, busy: SampleRNNError) -> Iterator[None]:
    """Hold the lock file at `path` in the with block; make its folder where it is missing.

    At the end the file is deleted, and so are the folders made for it that are still empty.

    Args:
      path: of the file.
      busy: what to raise where another process holds it.

    Raises:
      SampleRNNError: `busy`, or one of its type that says why the file cannot be made.
    """
    made = [folder for folder in path.parents if not os.path.lexists(folder)]
    try:
        file = _lock(path)
    except BlockingIOError:
        raise busy from None
    except OSError as error:
        raise type(busy)(unwritable(path, error)) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(file)
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()


def _lock(path: Path) -> int:
    """Return the descriptor of the locked file.

    Raises:
      OSError: it cannot be made; BlockingIOError: another process holds it.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise
        except OSError:
            return file  # some network disks know no locks
        if _is_at(file, path):
            return file
        os.close(file)  # the process that held it has deleted it


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
