"""Measure the engine's speed while other programs keep the processors busy.

    python bench/busy_machine.py [--ckpt_dir preludes] [--dur 10]

It prints a row for each number of spinning programs: the speed with the thread count that
the engine chooses itself (`sopilib.engine.thread_team`), and with one thread.
"""

import argparse
import contextlib
import subprocess
import sys
import time

import numpy as np

from sopilib.engine.load import load_generator
from sopilib.installation.paths import models_folder
from sopilib.model.folder import find_model

_SPIN = [sys.executable, "-c", "while True: pass"]
_CHUNK = 320


def main():
    args = _arguments()
    files = find_model(args.ckpt_dir, search=(models_folder(),))
    generator = load_generator(files, 1, args.precision)
    limits = {"its choice": generator.threads, "one thread": 1}
    print(f"{files.name}, {generator.threads} threads, times real time")
    print("others      " + "".join(f"{name:>14}" for name in limits))
    for num_others in (0, 1, 2, 4):
        print(f"{num_others:<12}", end="", flush=True)
        for limit in limits.values():
            generator.limit_threads(limit)
            with _others(num_others):
                print(f"{_times_real_time(generator, args.dur):14.2f}", end="", flush=True)
        print()


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ckpt_dir", default="preludes", help="a model folder or name")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--dur", type=float, default=10.0, help="seconds for each figure")
    return parser.parse_args()


@contextlib.contextmanager
def _others(count):
    programs = [subprocess.Popen(_SPIN) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _times_real_time(generator, dur_s):
    """Return the speed in times real time of one voice, over `dur_s` seconds of work."""
    temperature = np.ones((generator.num_seqs, _CHUNK), np.float32)
    began, num_samples = time.perf_counter(), 0
    while (seconds := time.perf_counter() - began) < dur_s:
        generator.generate(temperature)
        num_samples += _CHUNK
    return num_samples / seconds / generator.config.sample_rate


if __name__ == "__main__":
    main()
