"""`samplernn radio`: takes without end, crossfaded, for a pipe, a fifo or a file."""

import argparse
import sys
import threading
from collections.abc import Iterable, Iterator

from sopilib.audio.endless_sound import FORMATS
from sopilib.commands import quantities
from sopilib.commands.arguments import (
    add_engine_arguments,
    add_models_argument,
    find_named_model,
    tell_assumed_rate,
)
from sopilib.commands.radio_output import STANDARD_OUTPUT, RadioOutput, check_output
from sopilib.commands.take_output import add_overwrite_argument
from sopilib.errors import AudioError, RequestError
from sopilib.evaluation.failing_sound import KINDS
from sopilib.generation.crossfade import joined
from sopilib.generation.generator import make_generator
from sopilib.generation.radio_takes import Programme, RadioTake, RadioTakes, Source, described
from sopilib.generation.request_checks import checked_length, checked_rng_seed
from sopilib.generation.takes_ahead import TakesAhead
from sopilib.installation.packages import LOUDNESS, check_packages
from sopilib.model.folder import ModelFiles
from sopilib.new_files import unwritable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn radio`."""
    add_models_argument(parser, required=True)
    add = quantities.adder(parser)
    add(
        "--out",
        type=quantities.file_path,
        default=STANDARD_OUTPUT,
        metavar="FILE",
        help="a fifo or a new file, or - for standard output (default)",
    )
    add(
        "--format",
        choices=FORMATS,
        default="wav",
        help="WAV of 16 bits, or raw samples, mono (default wav)",
    )
    add(
        "--out_sr",
        type=quantities.RATE,
        metavar="HZ",
        help="resample to this rate (default: the highest of the models)",
    )
    add(
        "--crossfade",
        type=quantities.CROSSFADE,
        default=4.0,
        metavar="S",
        help="seconds that neighbouring takes share (default 4)",
    )
    add(
        "--dur",
        type=quantities.Interval(quantities.TAKE_OF_RADIO),
        default=(60.0, 180.0),
        metavar="LOW:HIGH",
        help="seconds of a take, drawn for each (default 60:180)",
    )
    add(
        "--temperature",
        type=quantities.Interval(quantities.TEMPERATURE),
        default=(1.0, 1.0),
        metavar="LOW:HIGH",
        help="drawn for each take (default 1)",
    )
    add("--rng_seed", type=quantities.RNG_SEED, metavar="N", help="the same N, the same sound")
    add(
        "--loudness",
        type=quantities.LUFS,
        metavar="LUFS",
        help="bring each take to this loudness, such as -16 (default: as the model makes it)",
    )
    add(
        "--accept",
        choices=KINDS,
        nargs="+",
        default=(),
        help="do not leave takes out for this",
    )
    add("--realtime", action="store_true", help="write no faster than the sound plays")
    add_engine_arguments(parser)
    add_overwrite_argument(parser, "none")


def run(args: argparse.Namespace) -> int:
    """Run `samplernn radio` until its reader ends; return its exit status."""
    models = [find_named_model(name) for name in args.models]
    programme = _programme(args, models)
    if args.loudness is not None:
        check_packages(LOUDNESS, "measures of loudness")
    longest = round(args.dur[1] * programme.out_rate)
    check_output(args.out, args.format, args.overwrite, longest)
    sources = [
        Source(files.name, make_generator(files, 1, args.engine, args.precision, args.threads))
        for files in models
    ]
    for files in models:
        tell_assumed_rate(files)
    _tell(
        f"{programme.out_rate} Hz, mono, {args.format}; --rng_seed {programme.rng_seed} repeats it"
    )
    stopped = threading.Event()
    takes = RadioTakes(sources, programme, _tell, stopped.is_set)
    try:
        with TakesAhead(takes, stopped) as ahead:
            _play(ahead, programme, args)
    except BrokenPipeError:
        pass  # whoever listens has had enough
    except OSError as error:
        raise AudioError(unwritable(args.out, error)) from error
    return 0


def _programme(args: argparse.Namespace, models: list[ModelFiles]) -> Programme:
    """Return the Programme that the flags ask for.

    Raises:
      RequestError: the crossfades are too long for the takes, or the takes for the memory.
    """
    if args.dur[0] < 2 * args.crossfade:
        raise RequestError(
            f"--dur {args.dur[0]:g}: two crossfades of {args.crossfade:g} s are longer than the "
            "take (give longer takes, or a shorter --crossfade)"
        )
    rates = [files.config.sample_rate for files in models]
    for rate in rates:
        checked_length(args.dur[1], rate, 1)
    return Programme(
        rng_seed=checked_rng_seed(args.rng_seed),
        temperature=args.temperature,
        dur_s=args.dur,
        fade_s=args.crossfade,
        out_rate=args.out_sr or max(rates),
        loudness=args.loudness,
        accepted=frozenset(args.accept),
    )


def _play(takes: Iterable[RadioTake], programme: Programme, args: argparse.Namespace) -> None:
    """Write takes, joined, until the output refuses."""
    rate = programme.out_rate
    with RadioOutput(args.out, args.format, rate, args.realtime) as output:
        for sound in joined(_told(takes), round(programme.fade_s * rate)):
            output.play(sound)


def _told(takes: Iterable[RadioTake]) -> Iterator[RadioTake]:
    """Yield takes, and print a line for each where it begins."""
    for take in takes:
        _tell(f"{described(take.name, take.draw)}, {take.speed:.1f} times real time")
        yield take


def _tell(text: str) -> None:
    """Print a line on standard error."""
    print(text, file=sys.stderr, flush=True)
