"""Audition a checkpoint: generate its takes, measure them, find its bits on held-out sound."""

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib import engine
from sopilib.audio.recordings import RecordingSet
from sopilib.audio.spectrogram import draw_take
from sopilib.audio.write import write_audio
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.few_takes import precision_for_few_takes
from sopilib.engine.load import check_weights_fit
from sopilib.errors import AudioError
from sopilib.evaluation import engine_score
from sopilib.evaluation.auditions import Audition
from sopilib.evaluation.seed_steering import SeedSteering, measure_seed_steering
from sopilib.evaluation.similarity import ReferenceStatistics
from sopilib.generation.generator import make_generator
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.folder import ModelFiles, checkpoint_number, find_model
from sopilib.model_texts import ARGUMENTS
from sopilib.new_files import unwritable
from sopilib.small_files import text_if_readable
from sopilib.training.history import HISTORY_NAME, find_run, read_history
from sopilib.training.plan import VAL_FRAC
from sopilib.training.split import Split, split_recordings

# the longest part of the corpus to score if the history has no held-out bits
SCORED_S = 60.0
STEERED_VOICES = 8  # seeds at a time


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


def take_path(output_dir: Path, files: ModelFiles, temperature: float) -> Path:
    """Return where `audition` writes the take of a checkpoint."""
    return output_dir / f"{name_of(files)}_t{temperature:g}.wav"


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


def name_of(files: ModelFiles) -> str:
    """Return the name of a checkpoint, of an exported model that of its folder."""
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
    return Audition(name_of(files), bits, similarities)


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
    steering = measure_seed_steering(_generator(files, STEERED_VOICES), stretches, rng_seed)
    if steering is None:
        print(
            "too little held-out sound to measure how seeds steer (raise --val_frac in train)",
            file=sys.stderr,
        )
    return steering


def _val_frac(folder: Path) -> float:
    """Return the held-out fraction from `args.txt` in a run folder, else the default."""
    parser = argparse.ArgumentParser(exit_on_error=False, add_help=False)
    parser.add_argument("--val_frac", type=float, default=VAL_FRAC)
    try:
        words = shlex.split(text_if_readable(folder / ARGUMENTS))
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
    generator, name = _generator(files), name_of(files)
    takes = {}
    for temperature in request.temperatures:
        take = TakeRequest(
            dur_s=request.dur_s, temperature=(temperature,), rng_seed=request.rng_seed
        )
        takes[temperature] = np.concatenate(list(Take(generator, take)), axis=1)[0]
        title = f"{name}, temperature {temperature:g}"
        _write(takes[temperature], files, title, take_path(request.output_dir, files, temperature))
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
