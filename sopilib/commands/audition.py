"""`samplernn audition`: rank the checkpoints of a training by held-out bits and by takes.

The checkpoint with the lowest loss does not always sound best. Each checkpoint generates a
take at each temperature, with the same random seed, and the takes are compared with the
corpus; `sopilib.evaluation.similarity` explains the measures and their units. `misfit` is the
largest ratio of a measure to its limit; a take holds if its misfit is at most 1. The best
checkpoint also continues seeds from held-out sound (`sopilib.evaluation.seed_steering`).

`sopilib.evaluation.auditions` has the order of the checkpoints.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib import engine
from sopilib.audio.recordings import RecordingSet, read_recordings
from sopilib.audio.spectrogram import draw_take, plot_source
from sopilib.audio.write import write_audio
from sopilib.commands import quantities
from sopilib.commands.arguments import add_rate_argument, model_path, search_folders
from sopilib.commands.take_output import add_overwrite_argument, check_plotted_sound
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.few_takes import precision_for_few_takes
from sopilib.engine.load import check_weights_fit
from sopilib.errors import AudioError, RequestError
from sopilib.evaluation import engine_score
from sopilib.evaluation.auditions import Audition, as_json, ranked, table
from sopilib.evaluation.reference import LEAST_DUR_S, reference_of
from sopilib.evaluation.seed_steering import (
    SeedSteering,
    held_out_seeds,
    measure_seed_steering,
)
from sopilib.evaluation.similarity import ReferenceStatistics
from sopilib.generation.generator import make_generator
from sopilib.generation.request_checks import checked_length
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.temperature import check_temperature
from sopilib.model.folder import ModelFiles, checkpoint_number, find_model
from sopilib.new_files import unwritable
from sopilib.small_files import text_if_readable
from sopilib.training.history import HISTORY_NAME, find_run, read_history
from sopilib.training.plan import PREVIEW_TEMPERATURES, VAL_FRAC
from sopilib.training.split import Split, split_recordings

# the longest part of the corpus to score if the history has no held-out bits
SCORED_S = 60.0
STEERED_VOICES = 8  # seeds at a time
_DEFAULT_TEMPERATURES = " ".join(map(str, PREVIEW_TEMPERATURES))


@dataclass(frozen=True)
class AuditionRequest:
    """How to audition a checkpoint.

    Attributes:
      temperatures: a take at each.
      dur_s: seconds of a take, at least LEAST_DUR_S.
      rng_seed: of every take.
      output_dir: for the takes and their plots.
    """

    temperatures: Sequence[float]
    dur_s: float
    rng_seed: int
    output_dir: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn audition`."""
    add = quantities.adder(parser)
    add(
        "model",
        type=quantities.model_name,
        metavar="RUN",
        help="a run folder, a model folder or a bundled model's name",
    )
    add(
        "--data_dir",
        type=quantities.path,
        nargs="+",
        required=True,
        metavar="CORPUS",
        help="the recordings on which the model was trained",
    )
    add_rate_argument(parser)
    add(
        "--dur",
        type=quantities.SECONDS,
        default=10.0,
        metavar="S",
        help="seconds of a take (default 10)",
    )
    add(
        "--temperature",
        type=quantities.TEMPERATURE,
        nargs="+",
        metavar="T",
        help=f"(default {_DEFAULT_TEMPERATURES})",
    )
    add(
        "--rng_seed",
        type=quantities.RNG_SEED,
        default=0,
        metavar="N",
        help="of every take (default 0)",
    )
    add(
        "--output_dir",
        type=quantities.path,
        default=Path("audition"),
        metavar="DIR",
        help="for the takes and their plots (default: audition)",
    )
    add(
        "--no_steering",
        dest="steering",
        action="store_false",
        help="leave out whether seeds steer the best checkpoint",
    )
    add("--json", action="store_true", help="print a JSON object in place of the table")
    add_overwrite_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run `samplernn audition` and return its exit status.

    Raises:
      RequestError: the length, a temperature or the random seed is out of range.
      CheckpointError: there is no checkpoint.
      AudioError: the corpus cannot be used, or a take cannot be written.
    """
    if args.dur < LEAST_DUR_S:
        raise RequestError(f"--dur {args.dur:g} (give {LEAST_DUR_S} seconds or more)")
    temperatures = list(map(check_temperature, args.temperature or PREVIEW_TEMPERATURES))
    checkpoints = find_checkpoints(model_path(args.model), search_folders(), args.sample_rate)
    config = checkpoints[0].config
    _check_output(args, checkpoints, temperatures)
    corpus = read_recordings(args.data_dir, config.sample_rate)
    for line in [*corpus.left_out_lines(), *corpus.odd_lines()]:
        print(line, file=sys.stderr)
    reference = reference_of(corpus, config, args.dur)
    bits = recorded_bits(checkpoints) or scored_bits(checkpoints, corpus)
    request = AuditionRequest(temperatures, args.dur, args.rng_seed, args.output_dir)
    auditions = [
        audition(files, held_out, reference, request) for files, held_out in zip(checkpoints, bits)
    ]
    print(f"takes and plots: {args.output_dir}", file=sys.stderr)
    order = ranked(auditions)
    best = next(files for files in checkpoints if _name(files) == order[0].name)
    steering = steering_of(best, corpus, args.rng_seed) if args.steering else None
    print(json.dumps(as_json(order, steering)) if args.json else table(order, steering))
    return 0


def _check_output(
    args: argparse.Namespace, checkpoints: Sequence[ModelFiles], temperatures: Sequence[float]
) -> None:
    """Make the folder; refuse names that have another file or a take of another run.

    Raises:
      RequestError: the takes are too long.
      AudioError: a name has such a file, or a take cannot be written.
    """
    checked_length(args.dur, checkpoints[0].config.sample_rate, 1)
    paths = [_path(args.output_dir, files, t) for files in checkpoints for t in temperatures]
    try:
        args.output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(unwritable(paths[0], error)) from error
    source = str(checkpoints[0].folder.absolute())
    for plot in sorted(args.output_dir.glob("*_t*.png")):
        if not args.overwrite and plot_source(plot) not in (None, source):
            raise AudioError(
                f"{args.output_dir} has takes of another run, {plot_source(plot)} (choose another "
                "--output_dir, or give --overwrite)"
            )
    for path in paths:
        check_plotted_sound(path, args.overwrite, "--output_dir", source)


def _path(output_dir: Path, files: ModelFiles, temperature: float) -> Path:
    return output_dir / f"{_name(files)}_t{temperature:g}.wav"


def find_checkpoints(
    path: str | Path, search: Sequence[Path], sample_rate: int | None = None
) -> list[ModelFiles]:
    """Return the ModelFiles of all checkpoints in a run or model folder, by their number.

    Args:
      path: of a run folder, or a model's path or name.
      search: folders to search for a model by name.
      sample_rate: of the model in Hz if the user states it, else None.

    Raises:
      CheckpointError, ConfigError: see `find_model`.
    """
    path = Path(os.path.expanduser(path))
    if os.path.isdir(path) and any(path.glob(f"*/{HISTORY_NAME}")):
        path = find_run(path)
    newest = find_model(path, search=search, sample_rate=sample_rate)
    prefixes = [index.with_suffix("") for index in newest.folder.glob("*.index")]
    if not prefixes:
        return [newest]  # exported
    return [find_model(prefix, sample_rate=sample_rate) for prefix in sorted(prefixes, key=_order)]


def _order(prefix: Path) -> int:
    number = checkpoint_number(prefix)
    return -1 if number is None else number


def _name(files: ModelFiles) -> str:
    return Path(files.prefix or files.folder).name


def audition(
    files: ModelFiles, bits: float, reference: ReferenceStatistics, request: AuditionRequest
) -> Audition:
    """Generate and write takes of a checkpoint, and return what they are like.

    Args:
      files: of the checkpoint.
      bits: per sample, on held-out sound.
      reference: of the corpus, for takes of this length.
      request: what to generate.

    Raises:
      AudioError: a take cannot be written.
    """
    request.output_dir.mkdir(parents=True, exist_ok=True)
    takes = _generate_takes(files, request)
    similarities = {t: reference.measure(sound) for t, sound in takes.items()}
    return Audition(_name(files), bits, similarities)


def recorded_bits(checkpoints: Sequence[ModelFiles]) -> list[float] | None:
    """Return the held-out bits of each checkpoint from the training's history.

    None if the history lacks any of them: bits of different samples are not comparable.
    """
    lines = read_history(checkpoints[0].folder / HISTORY_NAME)
    known = {k["epoch"]: k["val_bits_per_sample"] for k in lines if k["kind"] == "epoch"}
    numbers = [checkpoint_number(files.prefix or "") for files in checkpoints]
    return [known[n] for n in numbers] if all(n in known for n in numbers) else None


def scored_bits(checkpoints: Sequence[ModelFiles], corpus: RecordingSet) -> list[float]:
    """Return bits per sample of each checkpoint on the held-out part of the corpus.

    A line on stderr names that part: a model without a history may have been trained on it.
    """
    split = held_out_split(checkpoints[0], corpus)
    length = int(SCORED_S * corpus.sample_rate)
    sound = np.concatenate([np.asarray(part[:length]) for part in split.validation])[:length]
    print(
        f"no history of held-out bits; scored on {len(sound) / corpus.sample_rate:.1f} s "
        f"({split.held_out}), which it may have been trained on",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory(prefix="samplernn-audition-") as folder:
        path = Path(folder) / "held_out.wav"
        write_audio(path, sound, corpus.sample_rate, "FLOAT")
        return [_score(files, path) for files in checkpoints]


def held_out_split(files: ModelFiles, corpus: RecordingSet) -> Split:
    """Return the Split of the corpus with which the model was trained, as far as known."""
    return split_recordings(corpus, _val_frac(files.folder))


def steering_of(files: ModelFiles, corpus: RecordingSet, rng_seed: int) -> SeedSteering | None:
    """Return how seeds from held-out sound steer a checkpoint, or None if there are too few.

    A line on stderr says if there are too few.
    """
    stretches = [np.asarray(part) for part in held_out_split(files, corpus).validation]
    seeds = held_out_seeds(stretches, corpus.sample_rate)
    if seeds is None:
        print(
            "too little held-out sound to measure how seeds steer (raise --val_frac in train)",
            file=sys.stderr,
        )
        return None
    return measure_seed_steering(_generator(files, STEERED_VOICES), seeds, rng_seed)


def _val_frac(folder: Path) -> float:
    """Return the held-out fraction from `args.txt` in a run folder, else the default."""
    parser = argparse.ArgumentParser(exit_on_error=False, add_help=False)
    parser.add_argument("--val_frac", type=float, default=VAL_FRAC)
    try:
        words = shlex.split(text_if_readable(folder / "args.txt"))
        val_frac = parser.parse_known_args(words)[0].val_frac
    except (ValueError, argparse.ArgumentError):
        return VAL_FRAC
    return val_frac if 0 < val_frac < 1 else VAL_FRAC


def _score(files: ModelFiles, path: Path) -> float:
    generator = _generator(files)
    if not isinstance(generator, EngineGenerator):
        # imports TensorFlow, which auditions with the engine do not need
        from sopilib.evaluation.tensorflow_score import score_files
        from sopilib.model.checkpoint import load_model

        return score_files(load_model(files), [path]).bits_per_sample
    return engine_score.score_files(generator, [path]).bits_per_sample


def _generator(files: ModelFiles, num_seqs: int = 1) -> SampleGenerator:
    """Return a generator in the precision in which one voice makes a few takes."""
    if not engine.is_built() or files.prefix is None:
        return make_generator(files, num_seqs)
    check_weights_fit(files)
    precision = precision_for_few_takes(files.config, 1)
    return make_generator(files, num_seqs, precision=precision)


def _generate_takes(files: ModelFiles, request: AuditionRequest) -> dict[float, np.ndarray]:
    """Generate and write a checkpoint's takes; return them, (num_samples,), by temperature."""
    generator, name = _generator(files), _name(files)
    takes = {}
    for temperature in request.temperatures:
        take = TakeRequest(
            dur_s=request.dur_s, temperature=(temperature,), rng_seed=request.rng_seed
        )
        takes[temperature] = np.concatenate(list(Take(generator, take)), axis=1)[0]
        title = f"{name}, temperature {temperature:g}"
        _write(takes[temperature], files, title, _path(request.output_dir, files, temperature))
        print(title, file=sys.stderr, flush=True)
    return takes


def _write(sound: np.ndarray, files: ModelFiles, title: str, path: Path) -> None:
    """Write a take and its plot, which says of which run it is."""
    rate, plot = files.config.sample_rate, path.with_name(f"{path.stem}.png")
    write_audio(path, sound, rate)
    try:
        draw_take(sound, rate, title, plot, str(files.folder.absolute()))
    except OSError as error:
        raise AudioError(unwritable(plot, error)) from error
