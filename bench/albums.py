"""Make an album in one process, in two, and on a Dask cluster of which a worker is killed.

    python -m bench.albums --ckpt_dir preludes --tracks 6 --dur 60

The scheduler and three workers with a cache folder of their own run on this machine. The third
worker is killed in the middle of its first job. Prints how long each way took, whether the files
are the same, and what the measured job times and transfers come to on more machines, computed:
with J jobs of mean time t on M machines of one thread each, the last one ends after ceil(J / M) t,
and each machine gets the weights once and sends the levels of its takes.
"""

import argparse
import hashlib
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sopilib.album.job import Job, MadeTake
from sopilib.album.work_folder import WorkFolder
from sopilib.commands.main import main as samplernn

WORKERS = 3
MACHINES = (1, 2, 4, 8, 16)
NETWORK_BYTES_S = 12.5e6  # 100 Mbit/s


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt_dir", default="preludes")
    parser.add_argument("--tracks", type=int, default=6)
    parser.add_argument("--dur", default="60")
    parser.add_argument("--best_of", type=int, default=1)
    args = parser.parse_args()
    jobs = _collect_jobs()
    with tempfile.TemporaryDirectory(prefix="samplernn-albums-") as folder:
        results = {}
        for name, flags in (("one", ["--processes", "1"]), ("two", ["--processes", "2"])):
            results[name] = _made(args, Path(folder) / name / "album", flags)
            if name == "one":
                alone = list(jobs)
        with _cluster(Path(folder)) as (address, kill_later):
            kill_later()
            results["cluster"] = _made(
                args,
                Path(folder) / "cluster" / "album",
                [
                    "--scheduler",
                    address,
                ],
            )
        for name, (seconds, _) in results.items():
            print(f"{name}: {seconds:.1f} s")
        same = len({json.dumps(digests) for _, digests in results.values()}) == 1
        print("the files are the same" if same else "THE FILES DIFFER")
        for name, digest in results["one"][1].items():
            print(f"  {digest}  {name}")
        _print_scaling(alone)
    sys.exit(0 if same else 1)


class Made(NamedTuple):
    """A job that was done: what it made, and how large its weights are."""

    job: Job
    take: MadeTake
    weights_bytes: int


def _collect_jobs() -> list[Made]:
    """Return the list to which every job and its take are added from now on."""
    jobs: list[Made] = []
    keep = WorkFolder.keep

    def noted(self: WorkFolder, job: Job, take: MadeTake) -> None:
        jobs.append(Made(job, take, Path(job.weights_path).stat().st_size))
        keep(self, job, take)

    WorkFolder.keep = noted  # type: ignore[method-assign]
    return jobs


def _made(args: argparse.Namespace, out: Path, more: list[str]) -> tuple[float, dict[str, str]]:
    """Make an album; return its seconds and the digests of its files."""
    begin = time.perf_counter()
    flags = ["--ckpt_dir", args.ckpt_dir, "--tracks", str(args.tracks), "--dur", args.dur]
    flags += ["--best_of", str(args.best_of), "--rng_seed", "1", "--out", str(out)]
    if samplernn(["album", *flags, *more]):
        sys.exit(1)
    seconds = time.perf_counter() - begin
    names = sorted(path.name for path in out.iterdir() if path.name != "album.html")
    return seconds, {n: hashlib.sha256((out / n).read_bytes()).hexdigest() for n in names}


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Start scheduler and workers; yield the address and what kills a worker in its first job."""
    from distributed import Client

    file, processes = folder / "scheduler.json", []

    def start(name: str, *words: str) -> subprocess.Popen[bytes]:
        env = {**os.environ, "XDG_CACHE_HOME": str(folder / name)}
        with open(folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words], env=env, stdout=log, stderr=log
            )
        processes.append(process)
        return process

    place = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
    start("scheduler", "scheduler", *place, "--scheduler-file", str(file))
    flags = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--scheduler-file", str(file)]
    workers = [start(f"worker{k}", "worker", *flags, "--name", str(k)) for k in range(WORKERS)]
    try:
        while not file.exists():
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        client = Client(address, timeout=120, set_as_default=False)
        client.wait_for_workers(WORKERS)

        def kill_in_job() -> None:
            while str(WORKERS - 1) not in _executing(client):
                time.sleep(0.2)
            workers[-1].send_signal(signal.SIGKILL)
            print("worker killed in its job", file=sys.stderr)

        yield address, threading.Thread(target=kill_in_job, daemon=True).start
        client.close()
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _executing(client: object) -> set[str]:
    """Return the names of the workers that are at a job."""

    def count(dask_worker: object) -> tuple[str, int]:
        return str(dask_worker.name), dask_worker.state.executing_count  # type: ignore[attr-defined]

    answers = client.run(count)  # type: ignore[attr-defined]
    return {name for name, executing in answers.values() if executing}


def _print_scaling(jobs: list[Made]) -> None:
    """Print what the measured jobs come to on more machines."""
    job_s = statistics.mean(made.take.seconds for made in jobs)
    sound_s = sum(made.job.dur_s for made in jobs)
    weights_bytes = jobs[0].weights_bytes
    levels_bytes = statistics.mean(2 * len(made.take.levels) for made in jobs)
    print(
        f"measured: {len(jobs)} jobs of {job_s:.1f} s, {weights_bytes / 1e6:.1f} MB of weights, "
        f"{levels_bytes / 1e6:.2f} MB back from each job"
    )
    for machines in MACHINES:
        rounds = math.ceil(len(jobs) / machines)
        sent_s = (weights_bytes * machines + levels_bytes * len(jobs)) / NETWORK_BYTES_S
        seconds = rounds * job_s + sent_s
        print(
            f"computed, {machines} machines of one thread at 100 Mbit/s: {seconds:.0f} s, "
            f"{3600 * sound_s / seconds:.0f} s of sound an hour"
        )


if __name__ == "__main__":
    main()
