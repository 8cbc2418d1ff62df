"""`samplernn generate`: write takes to sound files, from flags or from a record."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sopilib.audio.files import read_seed
from sopilib.commands import quantities
from sopilib.commands.arguments import (
    add_engine_arguments,
    add_model_arguments,
    find_model,
    quoted,
    search_folders,
    tell_assumed_rate,
)
from sopilib.commands.best_take import add_best_of_arguments, check_best_of, chosen_request
from sopilib.commands.take_output import (
    add_overwrite_argument,
    check_free,
    check_inputs_stay,
    check_places,
    with_suffix,
)
from sopilib.commands.take_writing import is_long, write_long_take, write_take
from sopilib.errors import AudioError, RecordError, RequestError
from sopilib.generation.generator import make_generator
from sopilib.generation.record import TakeRecord, find_recorded_model, model_record
from sopilib.generation.record_file import read_take
from sopilib.generation.record_values import SavedTake
from sopilib.generation.request_checks import checked_length
from sopilib.generation.take import Take, TakeRequest, take_again
from sopilib.generation.take_files import TakeFiles, seeds_of
from sopilib.generation.temperature_text import parse_temperature
from sopilib.generation.unfinished_take import (
    UnfinishedTake,
    command_of,
    part_path,
    planned,
)
from sopilib.new_files import unwritable

_WITH_FROM = ("run", "parser", "record", "output_path", "overwrite", "threads")
_WITH_RESUME = ("run", "parser", "unfinished", "overwrite", "threads")
# flags that do not change what a take is
_NOT_OF_TAKE = ("run", "parser", "unfinished", "overwrite", "threads")
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
    models.add_argument(
        "--resume",
        dest="unfinished",
        type=quantities.path,
        metavar="NAME.wav",
        help="finish the long take of this name after its process was killed; allows only "
        "--overwrite and --threads",
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
    add_best_of_arguments(parser)
    add_overwrite_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run `samplernn generate`; return its exit status."""
    if args.record:
        return _generate_again(args)
    if args.unfinished:
        _check_alone(args, "--resume", _WITH_RESUME)
        return _resume(args, args.unfinished)
    if args.output_path is None:
        args.parser.error("the following arguments are required: --output_path")
    check_best_of(args)
    path = with_suffix(args.output_path)
    long = is_long(args.dur, args.num_seqs)
    if long and not args.overwrite and _was_begun(args, path):
        return _resume(args, path)
    seed_audio, seed_rate = read_seed(args.seed, args.seed_offset)
    request = TakeRequest(
        dur_s=args.dur,
        out_rate=args.sample_rate,
        temperature=tuple(parse_temperature(text) for text in args.temperature),
        seed_audio=seed_audio,
        seed_rate=seed_rate,
        rng_seed=args.rng_seed,
        seed_name=args.seed and str(args.seed),
        in_memory=not long,
    )
    files = find_model(args)
    if args.sample_rate is not None and files.rate_is_assumed:
        files = files.at_rate(args.sample_rate)
    rate = args.sample_rate or files.config.sample_rate
    output = TakeFiles.at(path, args.num_seqs, [] if args.seed is None else [0])
    check_inputs_stay(output, [args.seed, files.config_path], "--output_path")
    check_free(output, args.overwrite, "--output_path")
    num_samples = checked_length(args.dur, rate, args.num_seqs, in_memory=not long)
    num_bytes = _part_bytes(path, num_samples, args.num_seqs) if long else 0
    check_places(output, rate, num_samples, num_bytes)
    generator = make_generator(files, args.num_seqs, args.engine, args.precision, args.threads)
    if args.best_of is not None:
        request = chosen_request(args, files, generator, request)
    take, model = Take(generator, request), model_record(files, generator)
    if long:
        saved = planned(take, model, len(output.sounds))
        with _begun(path, saved, False, args) as part:
            status, _ = write_long_take(take, part, output, args.overwrite)
    else:
        status, _ = write_take(take, model, path, output, args.overwrite)
    tell_assumed_rate(files)
    return status


def _generate_again(args: argparse.Namespace) -> int:
    """Generate the take of a record again; raise a RecordError if its samples differ."""
    _check_alone(args, "--from", _WITH_FROM)
    saved = read_take(args.record)
    model, last = saved.model, saved.take
    path = args.output_path or args.record.with_name(f"{args.record.stem}-again.wav")
    path = with_suffix(path)
    long = is_long(last.dur_s, model.num_seqs)
    if long and not args.overwrite and _was_begun(args, path):
        return _resume(args, path)
    output = TakeFiles.at(path, saved.num_files, seeds_of(last))
    files = find_recorded_model(model, search_folders())
    check_inputs_stay(output, [files.config_path], "--output_path")
    if not args.overwrite:
        check_inputs_stay(output, [args.record], "--output_path, or give --overwrite")
    check_free(output, args.overwrite, "--output_path")
    num_bytes = _part_bytes(path, last.num_samples, model.num_seqs) if long else 0
    check_places(output, last.out_rate, last.num_samples, num_bytes)
    engine = model.engine.partition("-")[0]
    generator = make_generator(files, model.num_seqs, engine, model.precision, args.threads)
    made = model_record(files, generator)
    if long:
        saved = saved._replace(model=made)
        with _begun(path, saved, True, args) as part:
            take = part.take(generator)
            status, output = write_long_take(take, part, output, args.overwrite)
    else:
        take = take_again(generator, last)
        status, output = write_take(take, made, path, output, args.overwrite)
    if not status:
        _check_same(take, last, output)
    return status


def _resume(args: argparse.Namespace, path: Path) -> int:
    """Finish an unfinished take; return the exit status."""
    with _told(path), UnfinishedTake.resume(path) as part:
        model, record = part.saved.model, part.saved.take
        output = TakeFiles.at(part.path, part.saved.num_files, seeds_of(record))
        check_free(output, args.overwrite, "--output_path")
        num_samples = record.num_samples if part.again else round(record.dur_s * record.out_rate)
        num_bytes = _part_bytes(part.path, num_samples, model.num_seqs)
        check_places(output, record.out_rate, num_samples, num_bytes)
        files = find_recorded_model(model, search_folders())
        engine = model.engine.partition("-")[0]
        generator = make_generator(files, model.num_seqs, engine, model.precision, args.threads)
        if generator.engine != model.engine:
            raise RequestError(
                f"{part.sound.path} was begun with {model.engine} and here is {generator.engine}, "
                "whose samples differ (resume it where it was begun, or begin with --overwrite)"
            )
        take = part.take(generator)
        kept_s = part.sound.num_samples / take.sample_rate
        print(f"{part.sound.path}: resuming at {kept_s:.2f} s", file=sys.stderr)
        status, output = write_long_take(take, part, output, args.overwrite)
        if part.again and not status:
            _check_same(take, record, output)
    return status


def _check_alone(args: argparse.Namespace, flag: str, allowed: tuple[str, ...]) -> None:
    """Refuse flags beside `flag` that are not among `allowed`."""
    for name, value in vars(args).items():
        if name not in allowed and value != args.parser.get_default(name):
            args.parser.error(f"argument {flag}: not allowed with argument --{name}")


def _check_same(take: Take, record: TakeRecord, output: TakeFiles) -> None:
    """Raise a RecordError if the samples of a take are not those of its record."""
    if take.record.sha256 != record.sha256:
        raise RecordError(
            f"{output.sounds[0]} is not the same to the last bit (other processors and "
            "versions may round otherwise)"
        )


def _part_bytes(path: Path, num_samples: int, num_seqs: int) -> int:
    """Return the bytes by which the unfinished sound of the take of `path` will grow."""
    part = part_path(path)
    there = os.path.getsize(part) if os.path.isfile(part) else 0
    return 4 * num_samples * num_seqs - there


def _command(args: argparse.Namespace) -> dict[str, str]:
    """Return the flags that say what a take is."""
    return {name: str(value) for name, value in vars(args).items() if name not in _NOT_OF_TAKE}


def _was_begun(args: argparse.Namespace, path: Path) -> bool:
    """Return whether this command began an unfinished take of that name.

    Raises:
      AudioError: another command did.
    """
    command = command_of(path)
    if command is not None and command != _command(args):
        raise AudioError(
            f"{part_path(path)} is an unfinished take of another command (finish it with "
            f"samplernn generate --resume {quoted(path)}, or give --overwrite)"
        )
    return command is not None


def _begun(path: Path, saved: SavedTake, again: bool, args: argparse.Namespace) -> UnfinishedTake:
    """Return a new unfinished take."""
    with _told(path):
        return UnfinishedTake.begin(path, saved, again, _command(args))


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn an OSError about the parts of an unfinished take into an error for the user."""
    try:
        yield
    except OSError as error:
        raise AudioError(unwritable(part_path(path), error)) from error
