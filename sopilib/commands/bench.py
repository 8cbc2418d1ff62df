"""`samplernn bench`: measure how fast this machine plays a trained model or given dimensions.

As in a load from the cache, the weights are written to a packed file and read from it by
mmap. The same run measures the read floor: the speed of only reading those weights in the
same order.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sopilib.commands import quantities
from sopilib.commands.arguments import (
    DEFAULT_THREADS,
    add_rate_argument,
    model_path,
    search_folders,
)
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.load import load_weights
from sopilib.engine.measure import (
    choose_precision,
    measure_speed,
    measured_precision,
    profile_sample,
)
from sopilib.engine.pack import PackedModel, pack
from sopilib.engine.packed_file import read_packed, write_packed
from sopilib.engine.random_model import random_folded
from sopilib.model.config import DEFAULT_SAMPLE_RATE, ModelConfig
from sopilib.model.folder import ModelFiles, find_model

# dim and layers of the models in the table, from small to PRiSM's default, and the voices
_TABLE_MODELS = ((128, 1), (256, 1), (256, 2), (512, 2), (1024, 2), (1024, 4))
_TABLE_VOICES = (1, 2, 4, 8, 16)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `samplernn bench` to an `argparse` parser."""
    add = quantities.adder(parser)
    add(
        "--ckpt_dir",
        "--checkpoint_path",
        type=quantities.model_name,
        metavar="MODEL",
        help="a model folder, or the name of a bundled model (default: random weights)",
    )
    add_rate_argument(parser)
    add("--dim", type=quantities.WIDTH, default=1024, help="width of the layers (default 1024)")
    add("--num_rnn_layers", type=quantities.LAYERS, default=4, help="(default 4)")
    add("--rnn_type", choices=("gru", "lstm"), default="gru", help="(default gru)")
    add(
        "--frame_sizes",
        type=quantities.FRAME_SIZE,
        nargs=2,
        default=[16, 64],
        help="(default 16 64)",
    )
    add("--num_seqs", type=quantities.VOICES, default=1, metavar="N", help="voices (default 1)")
    add("--precision", choices=("auto", "float32", "int8", "int4"), default="auto")
    add(
        "--threads",
        type=quantities.COUNT,
        metavar="T",
        help=f"(default: {DEFAULT_THREADS})",
    )
    add(
        "--dur",
        type=quantities.SECONDS,
        metavar="S",
        help="seconds of sound (default: half a second's work)",
    )
    add("--profile", action="store_true", help="print where the time of a sample goes")
    add("--json", action="store_true", help="print a JSON object")
    add("--table", action="store_true", help="print which models play live on this machine")


def run(args: argparse.Namespace) -> int:
    """Measure as the arguments say, print the results and return the exit status."""
    if args.table:
        print_table(args)
        return 0
    found = measure_model(args)
    if args.json:
        print(json.dumps(found))
    else:
        profile = found.pop("profile_us", {})
        for key, value in found.items():
            print(f"{key:28}{value:.4g}" if isinstance(value, float) else f"{key:28}{value}")
        _print_profile(profile)
    return 0


def _print_profile(profile: dict[str, float]) -> None:
    total_us = sum(profile.values())
    for part, us in profile.items():
        print(f"{part:28}{us:.2f} us a sample, {us / total_us:.0%}")


def measure_model(args: argparse.Namespace) -> dict[str, Any]:
    """Return the measurements as a dict with the keys of the JSON output."""
    config, files = _model(args)
    packed = _weights(args, config, files)
    with tempfile.TemporaryDirectory(prefix="samplernn-bench-") as folder:
        path = Path(folder) / "model.pack"
        write_packed(path, config, packed)
        began = time.perf_counter()
        config, packed = read_packed(path)
        generator = EngineGenerator(config, packed, args.num_seqs, args.threads)
        load_s = time.perf_counter() - began
        speed = measure_speed(generator, args.dur)
        profile = profile_sample(generator) if args.profile else None
    return {
        "samples_per_second": speed.samples_per_second,
        "times_real_time": speed.times_real_time,
        "first_chunk_ms": speed.first_chunk_ms,
        "load_s": load_s,
        "resident_mb": resident_mb(),
        "packed_mb": sum(array.nbytes for array in packed.arrays.values()) / 1e6,
        "read_floor_times_real_time": speed.read_floor_times_real_time,
        "precision": packed.precision,
        "threads": generator.threads,
        "isa": generator.isa,
        **({"profile_us": profile} if profile else {}),
    }


def resident_mb() -> float:
    """Return the resident memory of this process in MB, or its peak where only that is known."""
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def print_table(args: argparse.Namespace) -> None:
    """Print the precision in which each model plays live, from small to large models."""
    print("times real time of each voice, in the most exact precision that plays live;")
    print(f"{args.rnn_type.upper()}, 16 kHz; below 1 the model is too slow to play live\n")
    print(f"{'dim x layers':14}" + "".join(f"{f'voices {n}':>16}" for n in _TABLE_VOICES))
    for dim, layers in _TABLE_MODELS:
        print(f"{f'{dim} x {layers}':14}", end="", flush=True)
        for num_seqs in _TABLE_VOICES:
            print(f"{_table_cell(args, dim, layers, num_seqs):>16}", end="", flush=True)
        print()


def _table_cell(args: argparse.Namespace, dim: int, layers: int, num_seqs: int) -> str:
    config = ModelConfig(dim=dim, num_rnn_layers=layers, rnn_type=args.rnn_type)
    chosen = measured_precision(config, num_seqs, args.threads)
    return f"{chosen.precision} {chosen.times_real_time:.1f}"


def _model(args: argparse.Namespace) -> tuple[ModelConfig, ModelFiles | None]:
    """Return the ModelConfig, and the ModelFiles or None for random weights."""
    if args.ckpt_dir is None:
        config = ModelConfig(
            frame_sizes=tuple(args.frame_sizes),
            dim=args.dim,
            rnn_type=args.rnn_type,
            num_rnn_layers=args.num_rnn_layers,
            sample_rate=DEFAULT_SAMPLE_RATE if args.sample_rate is None else args.sample_rate,
        )
        return config, None
    path = model_path(args.ckpt_dir)
    files = find_model(path, search=search_folders(), sample_rate=args.sample_rate)
    return files.config, files


def _weights(
    args: argparse.Namespace, config: ModelConfig, files: ModelFiles | None
) -> PackedModel:
    if files is not None:
        return load_weights(files, args.num_seqs, args.precision, args.threads)
    precision = args.precision
    if precision == "auto":
        precision = choose_precision(config, args.num_seqs, args.threads)
    return pack(config, random_folded(config), precision)
