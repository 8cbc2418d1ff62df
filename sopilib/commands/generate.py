"""`samplernn generate`: write takes to sound files, from flags or from a record."""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sopilib.audio.files import check_writable_suffix, read_seed
from sopilib.commands import INTERRUPTED
from sopilib.commands.arguments import (
    add_engine_arguments,
    add_model_arguments,
    find_model,
    search_folders,
    tell_assumed_rate,
)
from sopilib.errors import AudioError, RecordError
from sopilib.generation.generator import make_generator
from sopilib.generation.record import ModelRecord, find_recorded_model, model_record
from sopilib.generation.record_file import read_take, save_take
from sopilib.generation.take import Take, TakeRequest, take_again
from sopilib.generation.temperature_text import parse_temperature

_WITH_FROM = ("run", "parser", "record", "output_path", "threads")


_RATE_HELP = (
    "resample to this rate; if the model's rate is unknown, use it as that, without resampling "
    "(default: the model's)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn generate`."""
    parser.set_defaults(parser=parser)
    models = parser.add_mutually_exclusive_group(required=True)
    add_model_arguments(parser, models)
    models.add_argument(
        "--from",
        dest="record",
        type=Path,
        metavar="FILE.json",
        help="generate the take of this record again; allows only --output_path and --threads",
    )
    add_engine_arguments(parser)
    add = parser.add_argument
    add(
        "--output_path",
        type=Path,
        metavar="NAME.wav",
        help="the file to write, required without --from (default: FILE-again.wav); with "
        "several voices NAME_0.wav, NAME_1.wav, ...; NAME.json, its record, goes beside it",
    )
    add("--dur", type=float, default=4.0, metavar="S", help="seconds (default 4)")
    add("--num_seqs", type=int, default=1, metavar="N", help="voices (default 1)")
    add("--sample_rate", type=int, metavar="HZ", help=_RATE_HELP)
    add(
        "--temperature",
        nargs="+",
        default=["1"],
        metavar="T",
        help="a number from 0 or an envelope Env([levels],[seconds],[curves]), one for "
        "all voices or one for each (default 1)",
    )
    add("--seed", type=Path, metavar="FILE.wav", help="a sound to continue")
    add(
        "--seed_offset",
        type=int,
        default=0,
        metavar="N",
        help="samples of the seed file to skip (default 0)",
    )
    add("--rng_seed", type=int, metavar="N", help="the same N gives the same take")


def run(args: argparse.Namespace) -> int:
    """Run `samplernn generate`; return its exit status."""

    if args.record:
        return _generate_again(args)
    if args.output_path is None:
        args.parser.error("the following arguments are required: --output_path")
    seed_audio, seed_rate = read_seed(args.seed, args.seed_offset)
    request = TakeRequest(
        dur_s=args.dur,
        out_rate=args.sample_rate,
        temperature=tuple(parse_temperature(text) for text in args.temperature),
        seed_audio=seed_audio,
        seed_rate=seed_rate,
        rng_seed=args.rng_seed,
        seed_name=args.seed and str(args.seed),
    )
    output_paths = _output_paths(args.output_path, args.num_seqs)
    files = find_model(args)
    if args.sample_rate is not None and files.rate_is_assumed:
        files = files.at_rate(args.sample_rate)
    generator = make_generator(files, args.num_seqs, args.engine, args.precision, args.threads)
    take, model = Take(generator, request), model_record(files, generator)
    status = _write_take(take, model, args.output_path, output_paths)
    tell_assumed_rate(files)
    return status


def _generate_again(args: argparse.Namespace) -> int:
    """Generate the take of a record again; raise a RecordError if its samples differ."""
    for name, value in vars(args).items():
        if name not in _WITH_FROM and value != args.parser.get_default(name):
            args.parser.error(f"argument --from: not allowed with argument --{name}")
    saved = read_take(args.record)
    model = saved.model
    output_path = args.output_path or args.record.with_name(f"{args.record.stem}-again.wav")
    output_paths = _output_paths(output_path, saved.num_files)
    files = find_recorded_model(model, search_folders())
    engine = model.engine.partition("-")[0]
    generator = make_generator(files, model.num_seqs, engine, model.precision, args.threads)
    take = take_again(generator, saved.take)
    status = _write_take(take, model_record(files, generator), output_path, output_paths)
    if not status and take.record.sha256 != saved.take.sha256:
        raise RecordError(
            f"{output_paths[0]} is not the same to the last bit (other processors and "
            "versions may round otherwise)"
        )
    return status


def _output_paths(path: Path, num_files: int) -> list[Path]:
    """Return a path for each voice's sound file, in an existing folder."""
    if not path.suffix:
        path = path.with_name(path.name + ".wav")
    check_writable_suffix(path)
    if not path.parent.is_dir():
        raise AudioError(f"no folder {path.parent} (make it, or choose another --output_path)")
    if num_files == 1:
        return [path]
    return [path.with_name(f"{path.stem}_{v}{path.suffix}") for v in range(num_files)]


def _write_take(take: Take, model: ModelRecord, output_path: Path, output_paths: list[Path]) -> int:
    """Generate the take under a progress bar, write it and its record; return the exit status.

    Ctrl-C ends the take; the finished part is written.
    """
    chunks, status = [np.zeros((model.num_seqs, 0), np.float32)], 0
    total_s = take.num_samples / take.sample_rate
    bar_format = "{l_bar}{bar}| {n:.2f}/{total:.2f} s of sound [{elapsed}<{remaining}]"
    try:
        with tqdm(total=total_s, bar_format=bar_format) as bar:
            num_made = 0
            for made in take:
                chunks.append(made)
                num_made += made.shape[1]
                bar.n = num_made / take.sample_rate  # a sum of quotients may pass the total
                bar.update(0)
    except KeyboardInterrupt:
        status = INTERRUPTED
    audio = np.concatenate(chunks, axis=1)  # (num_seqs, num_samples)
    record_path = output_path.with_suffix(".json")
    save_take(output_paths, record_path, audio, model, take.record)
    for path in output_paths:
        print(
            f"{path}: {audio.shape[1] / take.sample_rate:.2f} s at {take.sample_rate} Hz, "
            f"rng_seed {take.rng_seed}"
        )
    print(f"{record_path}: samplernn generate --from {record_path} generates the same take again")
    return status
