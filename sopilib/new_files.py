"""New files that take their places together: whole and on disk, or not at all.

Each is written under a temporary name in its own folder. A full disk or a kill while they are
written leaves what stood there as it was; the last file, which names the others, such as the
record of a take, never stands beside an older version of them. The temporary file is locked
while its process lives, so that the next writer in that folder can delete an abandoned one.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_PREFIX = ".samplernn-"
_UNFINISHED, _ASIDE = ".part", ".old"
# an old file set aside has no lock; it is needed for less than a second
_ASIDE_S = 60.0
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class _NewFile(NamedTuple):
    place: Path
    temporary: Path
    file: BinaryIO


class NewFiles:
    """A set of new files, put in place when its `with` block ends without an exception."""

    def __init__(self) -> None:
        self._files: list[_NewFile] = []
        self._outdated: list[Path] = []

    def __enter__(self) -> "NewFiles":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._put_in_place()
        finally:
            for new in self._files:
                with contextlib.suppress(OSError):
                    new.file.close()
                with contextlib.suppress(OSError):
                    new.temporary.unlink()

    def open(self, path: str | Path) -> BinaryIO:
        """Return a binary file that will stand at `path`; the last one opened names the others.

        A link stays, and what it points to is replaced.

        Raises:
          OSError: no file can be written there.
        """
        place = Path(path).resolve()
        _check_place(place)
        _delete_abandoned(place.parent)
        temporary, file = _create(place.parent)
        self._files.append(_NewFile(place, temporary, file))
        return file

    def remove(self, path: Path) -> None:
        """Delete an older file at `path` when the new ones are in place."""
        self._outdated.append(path)

    def _put_in_place(self) -> None:
        for new in self._files:
            _finish(new)
        places = [new.place for new in self._files]
        if len(places) + len(self._outdated) == 1:
            _move(self._files)
        else:
            with _set_aside([*self._outdated, *places]):
                _move(self._files)
                for path in self._outdated:
                    path.unlink(missing_ok=True)
        for folder in {place.parent for place in places}:
            _sync_folder(folder)


def check_writable(*paths: Path) -> None:
    """Raise the OSError that writing files at `paths` would raise; change nothing there."""
    places = [path.resolve() for path in paths]
    for place in places:
        _check_place(place)
    for folder in {place.parent for place in places}:
        temporary, file = _create(folder)
        file.close()
        temporary.unlink()


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file that is never there in part.

    Raises:
      OSError: it cannot be written; an older one is as it was.
    """
    with NewFiles() as files:
        files.open(path).write(content)


def write_if_absent(path: Path, content: bytes) -> bool:
    """Write a file that is never there in part; return False where one is there already.

    Of several processes that write it at the same time, one does.

    Raises:
      OSError: it cannot be written.
    """
    if os.path.lexists(path):
        return False
    temporary, file = _create(path.parent.resolve())
    try:
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # a disk without links
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def unwritable(path: str | Path, error: OSError) -> str:
    """Return `cannot write PATH: WHY (WHAT TO DO)` for an OSError of this module."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        reason, fix = "the disk is full", "free space, or choose another disk"
    elif error.errno == errno.EFBIG:
        reason, fix = "the file is larger than this disk or account allows", "choose another disk"
    elif error.errno in _FORBIDDEN:
        fix = f"choose a folder in which you may write, or change {Path(path).parent}"
    elif error.errno == errno.ENAMETOOLONG:
        reason, fix = "the name is too long", "choose a shorter name"
    elif error.errno == errno.EISDIR:
        reason, fix = "that is a folder", "choose another name"
    elif error.errno in (errno.ENOENT, errno.ENOTDIR):
        reason, fix = _missing_folder(Path(path))
    else:
        fix = "check the disk, or choose another folder"
    return f"cannot write {path}: {reason} ({fix})"


def _missing_folder(path: Path) -> tuple[str, str]:
    """Return why there is no folder for a file, and what to do."""
    place = path.resolve().parent if path.is_symlink() else path.parent
    if place.is_dir():  # such as /proc
        return f"{place} takes no files", "choose another folder"
    return f"no folder {place}", "make it, or choose another"


def _check_place(place: Path) -> None:
    """Raise OSError where a name is too long, or something other than a file stands there."""
    with contextlib.suppress(FileNotFoundError):
        place.stat()
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        if not place.is_file():
            raise OSError(errno.EINVAL, "that is no regular file", str(place))
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, "that file is read-only", str(place))


def _create(folder: Path) -> tuple[Path, BinaryIO]:
    """Return a temporary file in `folder`, its permissions those of any new file, locked."""
    while True:
        path = folder / f"{_PREFIX}{secrets.token_hex(6)}{_UNFINISHED}"
        file = open(path, "x+b")  # noqa: SIM115  # its owner closes it
        with contextlib.suppress(OSError):  # some network disks know no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # another process took it for an abandoned one


def _finish(new: _NewFile) -> None:
    """Put the content on the disk, with the permissions of the file to replace."""
    new.file.flush()
    os.fsync(new.file.fileno())
    with contextlib.suppress(OSError):
        shutil.copymode(new.place, new.temporary)


def _move(files: list[_NewFile]) -> None:
    for new in files:
        os.replace(new.temporary, new.place)


@contextlib.contextmanager
def _set_aside(places: list[Path]) -> Iterator[None]:
    """Keep the files at `places` under other names, and put them back after an OSError.

    The last one, which names the others, is away meanwhile: a kill at any moment leaves
    none of them beside a last one that says something else.
    """
    kept: dict[Path, Path | None] = {}  # None where there was no file
    try:
        for place in reversed(places):
            kept[place] = _moved_aside(place) if place is places[-1] else _linked_aside(place)
        yield
    except BaseException:
        for place in places:
            with contextlib.suppress(OSError):
                _put_back(place, kept)
        raise
    finally:
        for aside in filter(None, kept.values()):
            with contextlib.suppress(OSError):
                aside.unlink()


def _put_back(place: Path, kept: dict[Path, Path | None]) -> None:
    if place in kept:
        aside = kept[place]
        place.unlink() if aside is None else os.replace(aside, place)


def _moved_aside(place: Path) -> Path | None:
    """Return where the file at `place` is now, None if there was none."""
    aside = _aside(place)
    try:
        os.replace(place, aside)
    except FileNotFoundError:
        return None
    return aside


def _linked_aside(place: Path) -> Path | None:
    """Return a second name of the file at `place`, or its new one; None if there was none."""
    aside = _aside(place)
    try:
        os.link(place, aside)
    except FileNotFoundError:
        return None
    except OSError:  # a disk without links
        return _moved_aside(place)
    return aside


def _aside(place: Path) -> Path:
    return place.with_name(f"{_PREFIX}{secrets.token_hex(6)}{_ASIDE}")


def _delete_abandoned(folder: Path) -> None:
    """Delete temporary files in `folder` whose process is gone."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*{_UNFINISHED}"):
            _delete_unlocked(path)
        for path in folder.glob(f"{_PREFIX}*{_ASIDE}"):
            if time.time() - path.stat().st_ctime > _ASIDE_S:
                path.unlink()


def _delete_unlocked(path: Path) -> None:
    with contextlib.suppress(OSError):  # locked, or not ours to delete
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some disks cannot
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
