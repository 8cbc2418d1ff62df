"""`samplernn generate`: write takes to sound files, from flags or from a record."""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sopilib.audio.files import read_seed
from sopilib.commands import INTERRUPTED, quantities
from sopilib.commands.arguments import (
    add_engine_arguments,
    add_model_arguments,
    find_model,
    quoted,
    search_folders,
    tell_assumed_rate,
)
from sopilib.commands.take_output import (
    add_overwrite_argument,
    check_free,
    check_inputs_stay,
    check_places,
    save_new_take,
    with_suffix,
)
from sopilib.errors import RecordError
from sopilib.generation.generator import make_generator
from sopilib.generation.record import ModelRecord, find_recorded_model, model_record
from sopilib.generation.record_file import read_take
from sopilib.generation.request_checks import checked_length
from sopilib.generation.take import Take, TakeRequest, take_again
from sopilib.generation.take_files import TakeFiles, seeds_of
from sopilib.generation.temperature_text import parse_temperature

_WITH_FROM = ("run", "parser", "record", "output_path", "overwrite", "threads")
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
        type=quantities.path,
        metavar="FILE.json",
        help="generate the take of this record again; allows only --output_path, --overwrite and "
        "--threads",
    )
    add_engine_arguments(parser)
    add = quantities.adder(parser)
    add(
        "--output_path",
        type=quantities.file_path,
        metavar="NAME.wav",
        help="the file to write, required without --from (default: FILE-again.wav); with "
        "several voices NAME_0.wav, NAME_1.wav, ...; NAME.json, its record, goes beside it",
    )
    add("--dur", type=quantities.DURATION, default=4.0, metavar="S", help="seconds (default 4)")
    add("--num_seqs", type=quantities.VOICES, default=1, metavar="N", help="voices (default 1)")
    add("--sample_rate", type=quantities.RATE, metavar="HZ", help=_RATE_HELP)
    add(
        "--temperature",
        nargs="+",
        default=["1"],
        metavar="T",
        help="a number from 0 or an envelope Env([levels],[seconds],[curves]), one for "
        "all voices or one for each (default 1)",
    )
    add("--seed", type=quantities.path, metavar="FILE.wav", help="a sound to continue")
    add(
        "--seed_offset",
        type=quantities.SAMPLES,
        default=0,
        metavar="N",
        help="samples of the seed file to skip (default 0)",
    )
    add("--rng_seed", type=quantities.RNG_SEED, metavar="N", help="the same N gives the same take")
    add_overwrite_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run `samplernn generate`; return its exit status."""
    if args.record:
        return _generate_again(args)
    if args.output_path is None:
        args.parser.error("the following arguments are required: --output_path")
    path = with_suffix(args.output_path)
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
    files = find_model(args)
    if args.sample_rate is not None and files.rate_is_assumed:
        files = files.at_rate(args.sample_rate)
    rate = args.sample_rate or files.config.sample_rate
    output = TakeFiles.at(path, args.num_seqs, [] if args.seed is None else [0])
    check_inputs_stay(output, [args.seed, files.config_path], "--output_path")
    check_free(output, args.overwrite, "--output_path")
    check_places(output, rate, checked_length(args.dur, rate, args.num_seqs))
    generator = make_generator(files, args.num_seqs, args.engine, args.precision, args.threads)
    take, model = Take(generator, request), model_record(files, generator)
    status, _ = _write_take(take, model, path, output, args.overwrite)
    tell_assumed_rate(files)
    return status


def _generate_again(args: argparse.Namespace) -> int:
    """Generate the take of a record again; raise a RecordError if its samples differ."""
    for name, value in vars(args).items():
        if name not in _WITH_FROM and value != args.parser.get_default(name):
            args.parser.error(f"argument --from: not allowed with argument --{name}")
    saved = read_take(args.record)
    model, last = saved.model, saved.take
    path = args.output_path or args.record.with_name(f"{args.record.stem}-again.wav")
    path = with_suffix(path)
    output = TakeFiles.at(path, saved.num_files, seeds_of(last))
    files = find_recorded_model(model, search_folders())
    check_inputs_stay(output, [files.config_path], "--output_path")
    if not args.overwrite:
        check_inputs_stay(output, [args.record], "--output_path, or give --overwrite")
    check_free(output, args.overwrite, "--output_path")
    check_places(output, last.out_rate, last.num_samples)
    engine = model.engine.partition("-")[0]
    generator = make_generator(files, model.num_seqs, engine, model.precision, args.threads)
    take = take_again(generator, last)
    made = model_record(files, generator)
    status, output = _write_take(take, made, path, output, args.overwrite)
    if not status and take.record.sha256 != last.sha256:
        raise RecordError(
            f"{output.sounds[0]} is not the same to the last bit (other processors and "
            "versions may round otherwise)"
        )
    return status


def _write_take(
    take: Take, model: ModelRecord, path: Path, output: TakeFiles, overwrite: bool
) -> tuple[int, TakeFiles]:
    """Generate the take under a progress bar, write it; return the exit status and where it is.

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
    output = save_new_take(path, output, audio, model, take.record, overwrite)
    for sound in output.sounds:
        print(
            f"{sound}: {audio.shape[1] / take.sample_rate:.2f} s at {take.sample_rate} Hz, "
            f"rng_seed {take.rng_seed}"
        )
    command = f"samplernn generate --from {quoted(output.record)}"
    print(f"{output.record}: {command} generates the same take again")
    return status, output
