"""Measure how much sound a model makes in an hour, and compute what more machines would make.

    python bench/album_throughput.py [MODEL] [--precision int8] [--time 10] [--output FILE.json]

Prints two Markdown tables:

- seconds of sound an hour on every core of this machine, a process of one thread on each, with 1,
  4 and 16 sequences at a time in each process. `samplernn album` has one: its job is a sequence.
- computed from the time of such a job and the bytes that it moves: how long an album takes on 1 to
  16 such machines. The scheduler sends the weights once to each machine, a network of `--mbit`
  carries one file after another, and nothing else takes time. This table is not measured.

The rate of a thread is that by its processor time, which other programs on the machine change
little, where they would change the time on the clock a lot. The median of many pieces of a tenth
of a second counts.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sopilib.commands.arguments import search_folders
from sopilib.engine.load import checkpoint_packed, load_generator
from sopilib.engine.pack import RECIPES
from sopilib.engine.provenance import first_own_packed
from sopilib.model.folder import find_model

SEQUENCES = (1, 4, 16)
MACHINES = (1, 2, 4, 8, 16)
PIECE_S = 0.1
SAMPLE_BYTES = 2  # of a take that comes back
HOUR_S = 3600.0


@dataclass(frozen=True)
class Album:
    """What is to be made: takes for each track, and the bytes of the weights."""

    num_jobs: int
    dur_s: float
    sample_rate: int
    weights_bytes: int

    @property
    def take_bytes(self) -> float:
        """Bytes that a job sends back."""
        return self.dur_s * self.sample_rate * SAMPLE_BYTES


def main(words: Sequence[str] | None = None) -> int:
    """Measure, compute and print; return the exit status."""
    args = parsed(words)
    cores = len(os.sched_getaffinity(0))
    rates = {n: thread_rate(args.model, args.precision, n, args.time) for n in SEQUENCES}
    files = find_model(args.model, search=search_folders())
    album = Album(
        num_jobs=args.tracks * args.best_of,
        dur_s=args.dur,
        sample_rate=files.config.sample_rate,
        weights_bytes=weights_bytes(args.model, args.precision),
    )
    hours = {
        machines: album_s(album, machines, cores, rates[1], args.mbit) / HOUR_S
        for machines in MACHINES
    }
    print(measured_table(rates, cores))
    print(computed_table(album, hours, args.mbit))
    figures = {
        "cores": cores,
        "times_real_time_of_a_thread": rates,
        "album": asdict(album),
        "mbit": args.mbit,
        "hours_computed": hours,
    }
    args.output.write_text(json.dumps(figures))
    return 0


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", nargs="?", default="preludes", metavar="MODEL", help="(default preludes)")
    add("--precision", choices=tuple(RECIPES), default="int8", help="(default int8)")
    add("--time", type=float, default=10.0, metavar="S", help="of each measurement (default 10)")
    add("--tracks", type=int, default=12, help="of the album (default 12)")
    add("--best_of", type=int, default=4, help="takes for each track (default 4)")
    add("--dur", type=float, default=240.0, metavar="S", help="of a take (default 240)")
    add("--mbit", type=float, default=100.0, help="of the network, a second (default 100)")
    add("--output", type=Path, default=Path("album_throughput.json"), metavar="FILE.json")
    return parser.parse_args(words)


def thread_rate(model: str, precision: str, num_seqs: int, dur_s: float) -> float:
    """Return the seconds of sound that a thread makes in a second, all sequences together."""
    generator = load_generator(find_model(model, search=search_folders()), num_seqs, precision, 1)
    generator.reset(0)
    size, rates = generator.config.big_frame_size, []
    deadline = time.perf_counter() + dur_s
    while time.perf_counter() < deadline or len(rates) < 3:
        temperature = np.ones((num_seqs, size), np.float32)
        began = time.thread_time()
        generator.generate(temperature)
        seconds = max(time.thread_time() - began, 1e-6)
        rates.append(num_seqs * size / generator.config.sample_rate / seconds)
        size = max(16, min(2 * size, round(size * PIECE_S / seconds)))
    return float(np.median(rates[len(rates) // 3 :]))


def weights_bytes(model: str, precision: str) -> int:
    """Return the bytes of a model's packed weights."""
    files = find_model(model, search=search_folders())
    if files.prefix is None:
        packed = first_own_packed(files, [precision])[1]
    else:
        packed = checkpoint_packed(files, precision)
    return sum(array.nbytes for array in packed.arrays.values())


def album_s(album: Album, machines: int, cores: int, job_rate: float, mbit: float) -> float:
    """Return the computed seconds of an album.

    Args:
      album: to make.
      machines: each with so many `cores`, on each of which a job runs.
      job_rate: seconds of sound in a second of one job.
      mbit: of the network, a second.
    """
    bytes_per_s = mbit * 1e6 / 8
    rounds = math.ceil(album.num_jobs / (machines * cores))
    sent_s = machines * album.weights_bytes / bytes_per_s
    last_s = min(album.num_jobs, machines * cores) * album.take_bytes / bytes_per_s
    return sent_s + rounds * album.dur_s / job_rate + last_s


def measured_table(rates: dict[int, float], cores: int) -> str:
    """Return the table of measured rates."""
    rows = [
        [str(number), f"{rate:.2f}", f"{rate * cores * HOUR_S:,.0f}"]
        for number, rate in rates.items()
    ]
    sound = f"seconds of sound an hour on {cores} cores"
    return table(["sequences at a time", "times real time, one thread", sound], rows)


def computed_table(album: Album, hours: dict[int, float], mbit: float) -> str:
    """Return the computed table."""
    title = (
        f"Computed, not measured: {album.num_jobs} takes of {album.dur_s:g} s, weights of "
        f"{album.weights_bytes / 1e6:.1f} MB to each machine, {album.take_bytes / 1e6:.1f} MB from "
        f"each job, {mbit:g} Mbit/s.\n\n"
    )
    first = hours[MACHINES[0]]
    rows = [[str(n), f"{value:.2f}", f"{first / value:.1f}"] for n, value in hours.items()]
    return title + table(["machines", "hours", "times as fast"], rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown and an empty line."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
