"""`samplernn sweep`: generate one take at several temperatures, to compare by ear and eye.

Every take starts from the same state and random seed, so that only the temperature differs.
Each take has a record, from which `samplernn generate --from` generates it again.
"""

import argparse
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from sopilib.audio.spectrogram import draw_takes
from sopilib.commands import quantities
from sopilib.commands.arguments import (
    add_model_arguments,
    add_rate_argument,
    find_model,
    tell_assumed_rate,
)
from sopilib.commands.take_output import (
    add_overwrite_argument,
    check_free,
    check_places,
    check_plot_free,
)
from sopilib.errors import AudioError, RequestError
from sopilib.generation.generator import make_generator
from sopilib.generation.record import model_record
from sopilib.generation.record_file import save_take
from sopilib.generation.request_checks import checked_length, checked_rng_seed
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.take_files import TakeFiles, recorded_model
from sopilib.generation.temperature import check_temperature
from sopilib.installation.paths import make_folder
from sopilib.model.folder import ModelFiles
from sopilib.new_files import unwritable

MAX_TAKES = 48
_LEAST_STEP = Decimal("0.000001")
PLOT_NAME = "sweep.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn sweep`."""
    add_model_arguments(parser)
    add_rate_argument(parser)
    add = quantities.adder(parser)
    add(
        "--temperature",
        required=True,
        metavar="A:B:STEP",
        help="temperatures from A to B, both included, or a list with commas: 0.7,0.9,1",
    )
    add(
        "--dur",
        type=quantities.DURATION,
        default=4.0,
        metavar="S",
        help="seconds of each take (default 4)",
    )
    add("--rng_seed", type=quantities.RNG_SEED, metavar="N", help="the same N gives the same takes")
    add(
        "--output_dir",
        type=quantities.path,
        default=Path("sweep"),
        metavar="DIR",
        help="created if it is missing (default: sweep)",
    )
    add_overwrite_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run `samplernn sweep`; return its exit status.

    Raises:
      RequestError: the temperatures, the length, the random seed or the folder is invalid.
      AudioError: a file cannot be written.
    """
    temperatures = parse_temperatures(args.temperature)
    files = find_model(args, args.sample_rate)
    rng_seed = checked_rng_seed(args.rng_seed)
    _check_output(args, files, temperatures)
    generator = make_generator(files, num_seqs=1)
    sounds = []
    for temperature in temperatures:
        path = _path(args, temperature)
        sounds.append(_write_take(files, generator, temperature, args.dur, rng_seed, path))
        print(f"{path}: {args.dur:g} s at temperature {temperature:g}", flush=True)
    plot = args.output_dir / PLOT_NAME
    title = f"{files.name}, rng_seed {rng_seed}"
    titles = [f"temperature {temperature:g}" for temperature in temperatures]
    try:
        draw_takes(sounds, files.config.sample_rate, title, titles, plot, files.name)
    except OSError as error:
        raise AudioError(unwritable(plot, error)) from error
    print(f"{plot}: {title}")
    tell_assumed_rate(files)
    return 0


def _path(args: argparse.Namespace, temperature: float) -> Path:
    return Path(args.output_dir, f"t{temperature:g}.wav")


def _check_output(
    args: argparse.Namespace, files: ModelFiles, temperatures: Sequence[float]
) -> None:
    """Make the folder; refuse one with takes of another model, and names of other files.

    Raises:
      RequestError: the folder cannot be made.
      AudioError: see above, or a file cannot be written.
    """
    rate = files.config.sample_rate
    num_samples = checked_length(args.dur, rate, 1)
    make_folder(args.output_dir, "--output_dir")
    for temperature in temperatures:
        output = TakeFiles.at(_path(args, temperature))
        check_free(output, args.overwrite, "--output_dir")
        check_places(output, rate, num_samples)
    if not args.overwrite:
        _check_model(args.output_dir, files)
    plot = args.output_dir / PLOT_NAME
    check_plot_free(plot, args.overwrite, "--output_dir", files.name)


def _check_model(folder: Path, files: ModelFiles) -> None:
    """Raise AudioError if `folder` has takes of another model."""
    for record in sorted(folder.glob("t*.json")):
        name, path = recorded_model(record) or (files.name, files.folder)
        is_there = files.folder in (path, path.parent) or not path.parent.is_dir()
        if name != files.name or not is_there:
            raise AudioError(
                f"{folder} has takes of another model, {path} (choose another --output_dir, or "
                "give --overwrite)"
            )


def parse_temperatures(text: str) -> list[float]:
    """Return the temperatures in `A:B:STEP`, both ends included, or `T,T,...`.

    Returns:
      A list of float without repetitions, 1 to `MAX_TAKES` of them. Steps are counted in
      decimals: 0.6:1.2:0.1 ends with 1.2.

    Raises:
      RequestError: the text has neither form, or a temperature is out of range.
    """
    words = text.split(":") if ":" in text else text.split(",")
    try:
        numbers = [Decimal(word.strip()) for word in words]
        are_finite = all(number.is_finite() for number in numbers)
    except InvalidOperation:
        are_finite = False
    if not are_finite or (":" in text and len(numbers) != 3):
        raise RequestError(
            f"--temperature {text!r} (give FIRST:LAST:STEP such as 0.6:1.2:0.1, or a list such "
            "as 0.7,0.9,1)"
        )
    if ":" in text:
        numbers = _steps(text, *numbers)
    # rounded to the digits in the file names, so that no two names are the same
    temperatures = list(dict.fromkeys(float(f"{float(number):g}") for number in numbers))
    _check_number(text, len(temperatures))
    return [check_temperature(temperature) for temperature in temperatures]


def _steps(text: str, first: Decimal, last: Decimal, step: Decimal) -> list[Decimal]:
    for end in (first, last):
        check_temperature(float(end))
    if step < _LEAST_STEP or last < first:
        raise RequestError(
            f"--temperature {text!r} (give a last value that is not below the first, and a step "
            f"of at least {_LEAST_STEP})"
        )
    num_steps = int((last - first) / step)
    _check_number(text, num_steps + 1)
    return [first + k * step for k in range(num_steps + 1)]


def _check_number(text: str, number: int) -> None:
    if number > MAX_TAKES:
        raise RequestError(f"--temperature {text!r} are {number} takes (give at most {MAX_TAKES})")


def _write_take(
    files: ModelFiles,
    generator: SampleGenerator,
    temperature: float,
    dur_s: float,
    rng_seed: int,
    path: Path,
) -> np.ndarray:
    """Generate a take and write it with its record; return float32 (num_samples,)."""
    request = TakeRequest(dur_s=dur_s, temperature=(temperature,), rng_seed=rng_seed)
    take = Take(generator, request)
    audio = np.concatenate(list(take), axis=1)  # (1, num_samples)
    record_path = path.with_suffix(".json")
    save_take([path], record_path, audio, model_record(files, generator), take.record)
    return audio[0]
