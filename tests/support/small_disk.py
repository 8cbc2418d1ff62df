"""A disk of a given size for tests: a real one in memory where the system allows it."""

import contextlib
import shutil
import subprocess
from collections import namedtuple

_Usage = namedtuple("_Usage", "total used free")


@contextlib.contextmanager
def small_disk(folder, size_bytes, monkeypatch):
    """Make `folder` a disk of a size in bytes; yield whether it is a real one that fills up.

    Where nothing can be mounted, programs are told that there is so little space.
    """
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "none", str(folder)]
    is_real = (
        bool(shutil.which("mount")) and not subprocess.run(words, capture_output=True).returncode
    )
    if not is_real:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: _usage(folder, size_bytes))
    try:
        yield is_real
    finally:
        if is_real:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _usage(folder, size_bytes):
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return _Usage(size_bytes, used, max(0, size_bytes - used))


def fill(disk):
    """Take all space of a real disk; return the file that has it."""
    path = disk / "filler"
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return path
