"""Jobs of an album: alike wherever they run, locked against each other, gone with their command."""

import contextlib
import dataclasses
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sopilib.album.job import Job, run_job
from sopilib.album.pack_store import store
from sopilib.album.work_folder import WorkFolder
from sopilib.engine.packed_file import packed_digest, read_packed
from sopilib.errors import AudioError, CheckpointError


def test_a_job_runs_wherever_its_weights_are(bells, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (path,) = bells.glob("*.pack")
    config, digest = read_packed(path)[0], packed_digest(path)
    one = Job(1, 0, 5, 0.1, 1.0, config, digest, "")
    assert run_job(one).lacks == digest
    with pytest.raises(CheckpointError, match="another digest"):
        store(digest, path.read_bytes()[:100])
    store(digest, path.read_bytes())
    here = run_job(dataclasses.replace(one, weights_path=str(path))).take
    np.testing.assert_array_equal(run_job(one).take.levels, here.levels)
    assert "install the same version" in run_job(dataclasses.replace(one, version="0.0")).error


def test_one_process_at_a_time_makes_an_album(tmp_path):
    work = WorkFolder(tmp_path)
    with (
        work.opened("all"),
        pytest.raises(AudioError, match="another process makes the album"),
        WorkFolder(tmp_path).opened("all"),
    ):
        pass
    with work.opened("all"), WorkFolder(tmp_path).opened("part-1-of-2"):
        pass


def test_local_processes_end_with_the_command(bells, tmp_path):
    """A command killed by the system leaves no process, and its album goes on."""
    pytest.importorskip("joblib")
    pytest.importorskip("pyloudnorm")
    command = [sys.executable, "-c", "from sopilib.commands.main import main; main()", "album"]
    flags = ["--ckpt_dir", str(bells), "--tracks", "2", "--dur", "600", "--best_of", "1"]
    more = ["--out", str(tmp_path / "x"), "--processes", "2"]
    process = subprocess.Popen([*command, *flags, *more], stderr=subprocess.DEVNULL)
    children = []
    while len(children) < 2 and process.poll() is None:
        time.sleep(0.1)
        children = [pid for pid in _children(process.pid) if "LokyProcess" in _command_of(pid)]
    while not all(map(_has_engine, children)):
        time.sleep(0.1)
    process.kill()
    process.wait()
    while any("LokyProcess" in _command_of(pid) for pid in children):
        time.sleep(0.1)


def _children(parent):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[1]) == parent:
                found.append(int(name))
    return found


def _command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except OSError:
        return ""


def _has_engine(pid):
    """Return whether a process has loaded the engine, and so is at its job."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/maps") as file:
        return "engine/native" in file.read()
    return True  # it is gone


def test_threads_of_a_worker_have_a_generator_each(bells):
    (path,) = bells.glob("*.pack")
    config, digest = read_packed(path)[0], packed_digest(path)
    jobs = [Job(1, k, k, 0.3, 1.0, config, digest, str(path)) for k in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = [outcome.take.sha256 for outcome in pool.map(run_job, jobs)]
    assert together == [run_job(one).take.sha256 for one in jobs]
    assert len(set(together)) == 6
