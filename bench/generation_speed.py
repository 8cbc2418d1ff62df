"""How fast takes are made, beside what merely reading the weights would take.

    python bench/generation_speed.py [--dur_s 2]

Random weights: speed does not depend on their values. The floor is measured in the
same run: the time in which one core goes through an array of as many bytes as one
sample makes the network read; a frame tier counts by its share of the samples. Where
the weights fit in the cache the floor is the cache's.
"""

import argparse
import math
import os
import platform
import time

import numpy as np

from sopilib.config import ModelConfig
from sopilib.generate import Generator
from sopilib.model import SampleRNN, variable_shapes

MODELS = (
    ("256 x 1 GRU, frames 4/32 (preludes)", ModelConfig((4, 32), 256, "gru", 1)),
    ("256 x 2 GRU, frames 16/64", ModelConfig((16, 64), 256, "gru", 2)),
    ("512 x 2 GRU, frames 16/64", ModelConfig((16, 64), 512, "gru", 2)),
    ("1024 x 4 GRU, frames 16/64 (PRiSM's default)", ModelConfig((16, 64), 1024, "gru", 4)),
    ("1024 x 4 LSTM, frames 16/64", ModelConfig((16, 64), 1024, "lstm", 4)),
)
VOICES = (1, 4)
WARM_UP_SAMPLES = 256
FLOOR_S = 0.2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dur_s", type=float, default=2.0, help="seconds to measure each (2)")
    dur_s = parser.parse_args().dur_s
    print(f"{processor()}\n")
    print("| model | voices | samples/s a voice | times real time (16 kHz) | reading alone |")
    print("|---|---|---|---|---|")
    for name, config in MODELS:
        floor = 1 / read_time_s(bytes_per_sample(config))
        model = SampleRNN(config)
        for voices in VOICES:
            speed = samples_per_second(Generator(model, voices), dur_s)
            print(f"| {name} | {voices} | {speed:,.0f} | {speed / 16000:.2f} "
                  f"| {floor / 16000:.1f} x real time |", flush=True)


def samples_per_second(generator, dur_s):
    """Samples a second of each voice, over at least `dur_s` seconds of making them."""
    made, began = 0, None
    while began is None or time.perf_counter() - began < dur_s:
        generator.generate(np.ones((generator.num_seqs, WARM_UP_SAMPLES), np.float32))
        made = 0 if began is None else made + WARM_UP_SAMPLES
        began = began or time.perf_counter()
    return made / (time.perf_counter() - began)


def bytes_per_sample(config):
    """Bytes of float32 weights that one sample makes the network read, on average."""
    frame_size, big_frame_size = config.frame_sizes
    shares = {"big_frame_rnn": big_frame_size, "frame_rnn": frame_size, "sample_mlp": 1}
    total = 0.0
    for name, shape in variable_shapes(config).items():
        if name.startswith("sample_mlp/embedding"):
            continue  # folded with the convolution into a table
        size = math.prod(shape) * 4
        if name == "sample_mlp/inputs/kernel":
            size /= config.q_levels  # the table's rows for the samples at hand
        total += size / shares[name.partition("/")[0]]
    return total


def read_time_s(num_bytes):
    """Seconds in which one core goes through an array of so many bytes, the best of many."""
    array = np.ones(max(1, int(num_bytes) // 4), np.float32)
    best, end = math.inf, time.perf_counter() + FLOOR_S
    while time.perf_counter() < end:
        began = time.perf_counter()
        array.dot(array)
        best = min(best, time.perf_counter() - began)
    return best


def processor():
    """Name of the processor and the number of cores, where they can be told."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
