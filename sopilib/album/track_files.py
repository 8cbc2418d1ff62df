"""The files of a finished track: NN.flac, NN.json and NN.png, written together.

NN.json is the record of the take, as `samplernn generate --from` reads it, with a field `track`
that says what was made of the take. It names the FLAC file and its digest, by which the files of
an album are known: what else has their names is someone's own and stays.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from sopilib import __version__
from sopilib.album.settings import TrackPlan
from sopilib.audio.spectrogram import plot_source
from sopilib.audio.write import write_sound
from sopilib.errors import AudioError, RecordError
from sopilib.file_digest import content_digest, file_digest
from sopilib.generation import record_fields as kinds
from sopilib.generation.record import ModelRecord, TakeRecord
from sopilib.generation.record_fields import check_fields
from sopilib.generation.record_file import RECORD_VERSION, write_values
from sopilib.generation.record_values import record_values
from sopilib.new_files import NewFiles, unwritable
from sopilib.small_files import RECORD_BYTES, read_json

_KINDS = {
    "track": kinds.POSITIVE,
    "title": kinds.TEXT,
    "model": kinds.TEXT,
    "file": kinds.TEXT,
    "sha256": kinds.SHA256,
    "rng_seed": kinds.RNG_SEED,
    "dur_s": kinds.NUMBER,
    "temperature": kinds.NUMBER,
    "sample_rate": kinds.SAMPLE_RATE,
    "bits_per_sample": kinds.NUMBER,
    "take_sha256": kinds.SHA256,
    "gain_db": kinds.NUMBER,
    "limited_db": kinds.NUMBER,
    "loudness_lufs": kinds.NUMBER_OR_NULL,
    "true_peak_dbfs": kinds.NUMBER_OR_NULL,
    "choice": kinds.OBJECT,
}


class State(Enum):
    """What is there of a track."""

    ABSENT = "absent"
    LOST = "lost"  # it was finished, and its sound was deleted
    FINISHED = "finished"
    CHANGED = "changed"  # the user edited its sound
    FOREIGN = "foreign"  # another file has one of its names


@dataclass(frozen=True)
class TrackFiles:
    """The names of a track's files.

    Attributes:
      sound, record, image: paths.
    """

    sound: Path
    record: Path
    image: Path

    @classmethod
    def at(cls, folder: Path, number: int) -> "TrackFiles":
        """Return the files of the track with a number, from 1."""
        name = f"{number:02d}"
        return cls(*(folder / f"{name}{suffix}" for suffix in (".flac", ".json", ".png")))


def checked_track(values: Any) -> dict[str, Any]:
    """Return the values of a finished track, as a record or album.json has them.

    Raises:
      RecordError: a field is missing or of another kind.
    """
    check_fields(values, **_KINDS)
    return dict(values)


def track_values(files: TrackFiles) -> dict[str, Any] | None:
    """Return what the record of a track says about it, None where there is no such record."""
    try:
        return checked_track(read_json(files.record, RECORD_BYTES)["track"])
    except (OSError, ValueError, KeyError, TypeError, RecordError):
        return None


def state_of(files: TrackFiles, plan: TrackPlan) -> State:
    """Return what is there of a planned track."""
    values = track_values(files)
    if values is None or not _is_of(values, plan):
        paths = (files.sound, files.record)
        if any(map(os.path.lexists, paths)) or _is_foreign_image(files.image):
            return State.FOREIGN
        return State.ABSENT
    if not os.path.lexists(files.sound):
        return State.LOST
    return State.FINISHED if digest_of(files.sound) == values["sha256"] else State.CHANGED


def _is_of(values: Mapping[str, Any], plan: TrackPlan) -> bool:
    expected = {"track": plan.number, "dur_s": plan.dur_s, "temperature": plan.temperature}
    is_same = all(values.get(name) == value for name, value in expected.items())
    return is_same and values["rng_seed"] in plan.rng_seeds


def _is_foreign_image(path: Path) -> bool:
    return os.path.lexists(path) and plot_source(path) is None


def digest_of(path: Path) -> str:
    """Return the SHA-256 in hex of a regular file, '' where it cannot be read."""
    try:
        return file_digest(path)
    except OSError:
        return ""


def write_track(
    files: TrackFiles,
    audio: np.ndarray,
    sample_rate: int,
    image: bytes,
    tags: Mapping[str, str],
    record: tuple[ModelRecord, TakeRecord],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the files of a track, all or none, and return its values with the sound's digest.

    Args:
      files: their names.
      audio: float32 (num_samples,).
      sample_rate: in Hz.
      image: PNG.
      tags: of the sound, see `write_sound`.
      record: of the take.
      values: of the track, for its record.

    Raises:
      AudioError, RecordError: a file cannot be written.
    """
    try:
        with NewFiles() as new:
            sound = new.open(files.sound)
            write_sound(sound, files.sound, audio[:, np.newaxis], sample_rate, "PCM_16", tags)
            complete = {**values, "file": files.sound.name, "sha256": content_digest(sound)}
            new.open(files.image).write(image)
            write_values(new, files.record, _record_json(files, record, complete))
    except OSError as error:
        raise AudioError(unwritable(files.sound, error)) from error
    return complete


def _record_json(
    files: TrackFiles, record: tuple[ModelRecord, TakeRecord], values: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "samplernn_take": RECORD_VERSION,
        "version": __version__,
        "sound": [files.sound.name],
        **record_values(files.record.stem, *record),
        "track": dict(values),
    }
