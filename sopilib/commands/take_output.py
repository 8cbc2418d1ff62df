"""Where a command saves a take: what cannot be written is found before, nothing is lost after."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sopilib.audio.growing_wav import GrowingWav
from sopilib.audio.spectrogram import plot_source
from sopilib.audio.write import check_sound_paths, check_writable_files, check_writable_suffix
from sopilib.errors import AudioError, SampleRNNError
from sopilib.generation.record import ModelRecord, TakeRecord
from sopilib.generation.record_file import save_take
from sopilib.generation.take_files import TakeFiles, conflict, first_free, is_same_file, seeds_of


def add_overwrite_argument(
    parser: argparse.ArgumentParser, replaced: str = "only an earlier take of that name"
) -> None:
    """Add the flag that lets a command replace files that are not its own.

    Args:
      parser: to add it to.
      replaced: what the command replaces without the flag.
    """
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help=f"replace files that are in the way (default: {replaced})",
    )


def with_suffix(path: Path) -> Path:
    """Return the path of a sound file, `.wav` added where no suffix says the format.

    Raises:
      AudioError: the suffix is not that of a sound file.
    """
    if not path.suffix:
        path = path.with_name(path.name + ".wav")
    check_writable_suffix(path)
    return path


def check_free(files: TakeFiles, overwrite: bool, flag: str) -> None:
    """Refuse names that something else than an earlier take has.

    Args:
      files: the names.
      overwrite: whether the user wants it replaced.
      flag: with which the user gave them.

    Raises:
      AudioError: see `take_files.conflict`.
    """
    reason = None if overwrite else conflict(files)
    if reason:
        raise AudioError(f"{reason} (choose another {flag}, or give --overwrite)")


def check_plot_free(path: Path, overwrite: bool, flag: str, source: str) -> None:
    """Refuse the name of a plot that has a file other than our plot of the same source.

    Raises:
      AudioError: it has one, or the plot could not be written.
    """
    if not overwrite and os.path.lexists(path) and plot_source(path) != source:
        raise AudioError(
            f"{path} exists and is no plot of {source} (choose another {flag}, or give --overwrite)"
        )
    check_writable_files([path])


def check_plotted_sound(path: Path, overwrite: bool, flag: str, source: str) -> None:
    """Refuse the name of a sound unless its plot beside it says that it is ours, of `source`.

    Raises:
      AudioError: it is another file, or one of the two could not be written.
    """
    plot = path.with_name(f"{path.stem}.png")
    check_plot_free(plot, overwrite, flag, source)
    if not overwrite and os.path.lexists(path) and not plot.exists():
        raise AudioError(f"{path} exists (choose another {flag}, or give --overwrite)")
    check_writable_files([path])


def check_inputs_stay(files: TakeFiles, inputs: Sequence[Path | None], flag: str) -> None:
    """Refuse names of the files from which the take is made.

    Raises:
      AudioError: a path of `files` is one of `inputs`.
    """
    for path in files.paths:
        for source in filter(None, inputs):
            if is_same_file(path, source):
                raise AudioError(f"{path} is what the take is made from (choose another {flag})")


def check_places(files: TakeFiles, sample_rate: int, num_samples: int, num_bytes: int = 0) -> None:
    """Refuse names to which a take of one channel for each sound cannot be written.

    Args:
      files: the names.
      sample_rate: in Hz.
      num_samples: of each voice.
      num_bytes: that are needed on the disk besides.

    Raises:
      AudioError: see `check_sound_paths`.
    """
    check_sound_paths(files.sounds, sample_rate, num_samples, num_bytes=num_bytes)
    check_writable_files([*files.seeds, files.record])


def save_new_take(
    path: Path,
    files: TakeFiles,
    audio: np.ndarray | GrowingWav,
    model: ModelRecord,
    take: TakeRecord,
    overwrite: bool,
) -> TakeFiles:
    """Save a take; return where. It is not lost if the names cannot be had any more.

    Args:
      path: what the user named it.
      files: its names; where others have taken them meanwhile, the next free ones are used.
      audio: float32 (num_seqs, num_samples), in memory or on disk.
      model, take: of the record.
      overwrite: replace whatever has the names.

    Raises:
      AudioError, RecordError: it could not be written there; the text says where it is.
    """
    reason = None if overwrite else conflict(files)
    if reason:
        files = first_free(path, len(files.sounds), seeds_of(take))
        print(f"{reason}: saved as {files.sounds[0]}", file=sys.stderr)
    try:
        save_take(files.sounds, files.record, audio, model, take)
    except SampleRNNError as error:
        spare = first_free(
            Path(tempfile.gettempdir(), path.name), len(files.sounds), seeds_of(take)
        )
        save_take(spare.sounds, spare.record, audio, model, take)
        reason = str(error).partition(" (")[0]
        raise AudioError(f"{reason}; the take is saved as {spare.sounds[0]} (move it)") from error
    return files
