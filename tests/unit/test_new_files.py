"""Files that take their places together: whole, or as they were."""

import errno
import os
import re
import resource
import signal
import subprocess
import sys

import pytest
from places import PROJECT

from sopilib import new_files
from sopilib.new_files import NewFiles, check_writable, unwritable, write_whole

KILLED = """
import os, signal, sys
from sopilib.new_files import NewFiles
with NewFiles() as files:
    files.open(sys.argv[1]).write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def old(tmp_path):
    """Return the paths of two old files, a sound and its record."""
    paths = [tmp_path / "take.wav", tmp_path / "take.json"]
    for path in paths:
        path.write_text("old")
    return paths


@pytest.fixture
def small_files():
    """Let no file grow beyond 100 kB while a test runs, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(paths, content, outdated=(), error=None):
    with NewFiles() as files:
        for path in outdated:
            files.remove(path)
        for path in paths:
            files.open(path).write(content)
        if error:
            raise error


def test_new_files_replace_the_old_ones_and_leave_nothing_else(old, tmp_path):
    write(old, b"new")
    assert [path.read_text() for path in old] == ["new", "new"]
    assert names(tmp_path) == ["take.json", "take.wav"]


def test_an_error_leaves_the_old_files(old, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(old, b"new", error=KeyboardInterrupt())
    assert [path.read_text() for path in old] == ["old", "old"]
    assert names(tmp_path) == ["take.json", "take.wav"]


def test_a_full_disk_leaves_the_old_files(old, tmp_path, small_files):
    with pytest.raises(OSError) as raised:
        write(old, bytes(200_000))
    assert raised.value.errno == errno.EFBIG
    assert [path.read_text() for path in old] == ["old", "old"]
    assert names(tmp_path) == ["take.json", "take.wav"]


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("has_links", [True, False])
def test_a_move_that_fails_takes_the_others_back(failing, has_links, old, tmp_path, monkeypatch):
    replace, moved = os.replace, []

    def replace_some(source, target):
        if str(source).endswith(".part"):
            moved.append(target)
            if len(moved) == failing:
                raise OSError(errno.EIO, "input/output error")
        replace(source, target)

    def no_link(source, target):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "replace", replace_some)
    if not has_links:
        monkeypatch.setattr(os, "link", no_link)
    fresh = tmp_path / "take.seed.wav"
    with pytest.raises(OSError, match="input/output"):
        write([fresh, *old], b"new")
    assert [path.read_text() for path in old] == ["old", "old"]
    assert names(tmp_path) == ["take.json", "take.wav"]


def test_between_two_moves_no_sound_stands_beside_an_older_record(old, tmp_path, monkeypatch):
    replace, seen = os.replace, []

    def watched(source, target):
        replace(source, target)
        contents = {path.suffix: path.read_text() for path in old if path.exists()}
        seen.append((contents.get(".wav"), contents.get(".json")))

    monkeypatch.setattr(os, "replace", watched)
    write(old, b"new")
    assert seen == [("old", None), ("new", None), ("new", "new")]


def test_what_is_removed_goes_with_the_change_and_stays_without(old, tmp_path):
    outdated = tmp_path / "take.seed.wav"
    outdated.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write(old, b"new", [outdated], KeyboardInterrupt())
    assert outdated.exists()
    write(old[1:], b"new", [outdated])
    assert names(tmp_path) == ["take.json", "take.wav"]


def test_what_a_killed_process_leaves_is_deleted_by_the_next_writer(tmp_path):
    path = tmp_path / "model.pack"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, timeout=60)
    assert done.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(".samplernn-")
    write_whole(path, b"whole")
    assert names(tmp_path) == ["model.pack"]


def test_what_another_process_is_writing_stays(tmp_path):
    with NewFiles() as files:
        files.open(tmp_path / "a").write(b"a")
        write_whole(tmp_path / "b", b"b")
    assert names(tmp_path) == ["a", "b"]


def test_a_file_set_aside_by_a_killed_process_is_deleted_later(tmp_path, monkeypatch):
    (tmp_path / ".samplernn-0.old").touch()
    write_whole(tmp_path / "a", b"")
    assert names(tmp_path) == [".samplernn-0.old", "a"]
    monkeypatch.setattr(new_files, "_ASIDE_S", -1.0)
    write_whole(tmp_path / "a", b"")
    assert names(tmp_path) == ["a"]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "take.wav"
    link.symlink_to("disk/take.wav")
    for content in (b"first", b"second"):
        write_whole(link, content)
        assert link.is_symlink()
        assert (tmp_path / "disk" / "take.wav").read_bytes() == content


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path):
    mask = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", b"")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    (tmp_path / "a").chmod(0o604)
    write_whole(tmp_path / "a", b"")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o604


@pytest.mark.parametrize(
    "name, told",
    [
        ("no/x", "no folder .*no "),
        ("file/x", "no folder .*file "),
        ("folder", "that is a folder"),
        ("x" * 256, "the name is too long"),
        ("pipe", "no regular file"),
    ],
)
def test_what_cannot_be_written_is_told_with_its_reason(name, told, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / name
    for attempt in (lambda: check_writable(path), lambda: write_whole(path, b"")):
        with pytest.raises(OSError) as raised:
            attempt()
        text = unwritable(path, raised.value)
        assert text.startswith(f"cannot write {path}: ") and text.endswith(")")
        assert re.search(told, text)
    assert names(tmp_path) == ["file", "folder", "pipe"]


@pytest.mark.parametrize(
    "number, told",
    [
        (errno.ENOSPC, "the disk is full (free space"),
        (errno.EDQUOT, "the disk is full (free space"),
        (errno.EFBIG, "larger than this disk or account allows"),
        (errno.EACCES, "Permission denied (choose a folder in which you may write"),
        (errno.EROFS, "Read-only file system (choose a folder in which you may write"),
        (errno.EIO, "Input/output error (check the disk"),
    ],
)
def test_each_reason_has_its_own_text(number, told):
    assert told in unwritable("takes/x.wav", OSError(number, os.strerror(number)))
