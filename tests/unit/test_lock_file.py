"""Lock files: one process at a time, and nothing left behind."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest
from places import PROJECT

from sopilib.errors import AudioError, CheckpointError
from sopilib.lock_file import locked

BUSY = AudioError("another process works here (wait for it)")
HOLD = """
import sys
from pathlib import Path
from sopilib.errors import AudioError
from sopilib.lock_file import locked
with locked(Path(sys.argv[1]), AudioError("busy")):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path):
    """Return a process that holds the lock file at `path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    return process


def test_another_process_is_refused_until_the_first_one_ends(tmp_path):
    path = tmp_path / "work.lock"
    process = holder(path)
    with pytest.raises(AudioError, match="another process works here"), locked(path, BUSY):
        pass
    process.communicate(timeout=20)
    with locked(path, BUSY):
        assert path.exists()
    assert not path.exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    path = tmp_path / "work.lock"
    process = holder(path)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert path.exists()
    with locked(path, BUSY):
        pass
    assert not path.exists()


def test_a_file_that_is_deleted_while_it_is_being_locked_locks_nobody_out_of_its_successor(
    tmp_path, monkeypatch
):
    path = tmp_path / "work.lock"
    flock, num_deleted = fcntl.flock, []

    def delete_then_lock(file, operation):
        if not num_deleted:  # as the process that held it does at its end
            num_deleted.append(1)
            path.unlink()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", delete_then_lock)
    with locked(path, BUSY):
        assert num_deleted and path.exists()
        with pytest.raises(AudioError, match="another process"), locked(path, BUSY):
            pass


def test_folders_that_were_made_for_it_are_deleted_unless_something_is_in_them(tmp_path):
    with locked(tmp_path / "a" / "b" / "work.lock", BUSY):
        assert (tmp_path / "a" / "b").is_dir()
    assert not list(tmp_path.iterdir())
    with locked(tmp_path / "a" / "b" / "work.lock", BUSY):
        (tmp_path / "a" / "found").write_text("")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["found"]


def test_a_disk_that_knows_no_locks_refuses_nobody(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "work.lock", BUSY), locked(tmp_path / "work.lock", BUSY):
        pass


def test_a_place_where_no_file_can_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CheckpointError, match="cannot write .*work.lock: "),
        locked(tmp_path / "file" / "work.lock", CheckpointError("busy")),
    ):
        pass
