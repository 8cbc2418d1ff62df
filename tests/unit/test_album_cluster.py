"""An album has the same files whoever makes it: one process, two, or a Dask cluster.

The scheduler and its three workers are real processes with a cache folder of their own each.
One worker is killed in the middle of a job.
"""

import json
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from sopilib.album import cluster_runner
from sopilib.album.work_folder import WorkFolder
from sopilib.commands.main import main

pytest.importorskip("distributed")
pytest.importorskip("pyloudnorm")

TRACKS = 6
# in a worker: the third piece of its first take never comes
STUCK = """
import os, time
from sopilib.engine.engine import EngineGenerator
generate, calls = EngineGenerator.generate_scored, []
def stuck(self, temperature):
    calls.append(1)
    if len(calls) == 3:
        open(os.environ["IN_A_JOB"], "w").close()
        time.sleep(3600)
    return generate(self, temperature)
EngineGenerator.generate_scored = stuck
"""


@pytest.fixture
def cluster(tmp_path):
    """Start a scheduler and three workers; the last one gets stuck in its first job."""
    (tmp_path / "stuck.py").write_text(STUCK)
    processes = []

    def start(name, *arguments):
        cache = str(tmp_path / name)
        own = {"XDG_CACHE_HOME": cache, "XDG_DATA_HOME": cache, "IN_A_JOB": str(tmp_path / "job")}
        command = [sys.executable, "-m", "dask", *arguments]
        with open(tmp_path / f"{name}.log", "w") as log:
            process = subprocess.Popen(
                command, env={**os.environ, **own}, stdout=log, stderr=log, cwd=tmp_path
            )
        processes.append(process)
        return process

    file = ["--scheduler-file", str(tmp_path / "scheduler.json")]
    place = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
    scheduler = start("scheduler", "scheduler", *place, *file)
    flags = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "300"]
    workers = [start(f"worker{k}", "worker", *file, *flags) for k in range(2)]
    workers.append(start("worker2", "worker", *file, *flags, "--preload", "stuck.py"))

    def address(num_workers):
        while not (tmp_path / "scheduler.json").exists():
            assert scheduler.poll() is None, (tmp_path / "scheduler.log").read_text()
            time.sleep(0.1)
        return _address(tmp_path / "scheduler.json", num_workers)

    yield SimpleNamespace(scheduler=scheduler, workers=workers, address=address)
    for process in processes:
        process.kill()
        process.wait()


def _address(file, num_workers):
    """Return the address in a scheduler's file when so many workers are there."""
    from distributed import Client  # may be missing

    address = json.loads(file.read_text())["address"]
    with Client(address, timeout=120, set_as_default=False) as client:
        client.wait_for_workers(num_workers, timeout=300)
    return address


def files_of(folder):
    """Return the bytes of an album's files, by name; the page holds the folder's path."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "album.html"}


def test_the_files_are_the_same_whoever_makes_them(bells, cluster, tmp_path, monkeypatch, capsys):
    def make(place, *more):
        out = tmp_path / place / "album"
        flags = ["--tracks", TRACKS, "--dur", "0.9:1", "--best_of", 1, "--rng_seed", 3, *more]
        assert main(["album", "--ckpt_dir", str(bells), "--out", str(out), *map(str, flags)]) == 0
        return files_of(out)

    alone = make("alone", "--processes", 1)
    assert make("two", "--processes", 2) == alone

    def kill_in_job():
        while not (tmp_path / "job").exists():
            time.sleep(0.05)
        cluster.workers[2].kill()

    killer = threading.Thread(target=kill_in_job, daemon=True)
    killer.start()
    assert make("cluster", "--scheduler", cluster.address(3)) == alone
    assert (tmp_path / "job").exists()
    killer.join()
    assert cluster.workers[2].wait() == -9
    assert [worker.poll() for worker in cluster.workers[:2]] == [None, None]
    for k in range(2):  # each got the weights, once
        assert len(list((tmp_path / f"worker{k}").rglob("*.pack"))) == 1

    keep = WorkFolder.keep

    def keep_and_stop(self, job, take):
        keep(self, job, take)
        cluster.scheduler.kill()

    monkeypatch.setattr(WorkFolder, "keep", keep_and_stop)
    monkeypatch.setattr(cluster_runner, "_CONNECT_S", 3)
    scheduler = cluster.address(2)
    with pytest.raises(AssertionError):
        make("stopped", "--scheduler", scheduler)
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"the scheduler {scheduler} has gone; " in error
    assert "of 6 tracks are finished (start it again" in error and "Traceback" not in error
    assert len(list((tmp_path / "stopped" / "album").glob("*.flac"))) >= 1
    monkeypatch.undo()
    assert make("stopped", "--processes", 1) == alone
