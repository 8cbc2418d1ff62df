"""A take in files: its sound, its record as JSON, and the seed audio as it was primed.

The JSON is for people too: values that belong together are on one line, numbers as they were
given. It holds a list of takes: the takes that it continues, then its own. Numbers of a
curve are float32, written with enough digits to restore them. See
`sopilib.generation.record_values` for the meaning of the values.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sopilib import __version__
from sopilib.audio.growing_wav import GrowingWav
from sopilib.audio.write import SoundSource, check_format, write_sound
from sopilib.errors import AudioError, RecordError, SampleRNNError
from sopilib.file_digest import content_digest
from sopilib.generation.record import ModelRecord, TakeRecord
from sopilib.generation.record_fields import AS_SAVED
from sopilib.generation.record_values import SavedTake, record_values, saved_take, seed_name
from sopilib.generation.take_files import TakeFiles, outdated_seeds, seeds_of
from sopilib.new_files import NewFiles, unwritable
from sopilib.small_files import RECORD_BYTES, read_json

# increase it whenever another program would make another take of a record
RECORD_VERSION = 1
_LINE_LENGTH = 96


def save_take(
    sound_paths: Sequence[Path],
    record_path: Path,
    audio: np.ndarray | GrowingWav,
    model: ModelRecord,
    take: TakeRecord,
) -> None:
    """Write a take's sound, its record, and its seeds beside the record: all of them, or none.

    Whatever has these names is replaced; `take_files.conflict` says before whether it may be.

    Args:
      sound_paths: one path, for a file with a channel for each voice, or one for each.
      record_path: of the JSON, ending in .json; a seed goes to NAME.seed.wav.
      audio: float32 (num_seqs, num_samples), in memory or on disk.
      model: ModelRecord.
      take: TakeRecord.

    Raises:
      AudioError, RecordError: a file cannot be written.
    """
    if isinstance(audio, GrowingWav):
        sounds: Sequence[SoundSource] = audio.sounds(len(sound_paths))
    else:
        sounds = [audio.T] if len(sound_paths) == 1 else [voice[:, np.newaxis] for voice in audio]
    seeds = [seed_name(record_path.stem, k) for k in seeds_of(take)]
    files = TakeFiles(tuple(sound_paths), record_path, tuple(map(record_path.with_name, seeds)))
    with _told(sound_paths[0], AudioError), NewFiles() as new:
        for path in outdated_seeds(files):
            new.remove(path)
        digests = [
            _write_sound(new, path, sound, take.out_rate)
            for path, sound in zip(sound_paths, sounds, strict=True)
        ]
        write_seeds(new, record_path, model, take)
        values = {
            "samplernn_take": RECORD_VERSION,
            "version": __version__,
            "sound": [path.name for path in sound_paths],
            "sound_sha256": digests,
            **record_values(record_path.stem, model, take),
        }
        write_values(new, record_path, values)


def write_seeds(new: NewFiles, record_path: Path, model: ModelRecord, take: TakeRecord) -> None:
    """Write the seeds of a take beside its record.

    Raises:
      AudioError: a file cannot be written.
    """
    for k in seeds_of(take):
        seed = take.chain()[k].seed_audio
        assert seed is not None  # `seeds_of` says so
        path = record_path.with_name(seed_name(record_path.stem, k))
        _write_sound(new, path, seed[:, np.newaxis], model.sample_rate, "FLOAT")


def write_values(new: NewFiles, record_path: Path, values: dict[str, Any]) -> None:
    """Write the JSON of a record.

    Raises:
      RecordError: the file cannot be written.
    """
    with _told(record_path, RecordError):
        # a name that is not UTF-8 is escaped, as JSON has it
        text = _json_text(values) + "\n"
        new.open(record_path).write(text.encode("utf-8", "backslashreplace"))


def _write_sound(
    new: NewFiles, path: Path, audio: SoundSource, rate: int, subtype: str | None = None
) -> str:
    """Write a sound file; return the digest of its bytes."""
    check_format(path, rate, audio.shape[1], len(audio), subtype)
    with _told(path, AudioError):
        file = new.open(path)
        write_sound(file, path, audio, rate, subtype)
        return content_digest(file)


@contextlib.contextmanager
def _told(path: Path, kind: type[SampleRNNError]) -> Iterator[None]:
    """Turn an OSError into an error of `kind` that names `path`."""
    try:
        yield
    except OSError as error:
        raise kind(unwritable(path, error)) from error


def _json_text(value: Any, indent: str = "") -> str:
    """Return JSON: a value that fits is one line, and so is every list of plain values."""
    line = json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    if isinstance(value, dict) and len(indent + line) > _LINE_LENGTH:
        rows = [f"{json.dumps(key)}: {_json_text(item, inner)}" for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        rows = [_json_text(item, inner) for item in value]
    else:
        return line
    begin, end = line[0], line[-1]
    return f"{begin}\n{inner}" + f",\n{inner}".join(rows) + f"\n{indent}{end}"


def read_take(path: str | Path) -> SavedTake:
    """Return the SavedTake in a record's file, with its seeds.

    Raises:
      RecordError: the file is missing, is no record or one of another version, a field is
        missing or out of its range, or a seed's file is missing or was changed.
    """
    path = Path(path)
    try:
        return saved_take(_parsed(path), path.parent)
    except SampleRNNError as error:
        raise RecordError(f"{path}: {error}") from error


def _parsed(path: Path) -> dict[str, Any]:
    """Return the values of a record of this version."""
    try:
        values = read_json(path, RECORD_BYTES)
    except OSError as error:
        raise RecordError(f"{error.strerror} (give the .json file beside a saved take)") from error
    except ValueError as error:
        raise RecordError(f"is not JSON: {error} ({AS_SAVED})") from error
    if not isinstance(values, dict) or values.get("samplernn_take") is None:
        raise RecordError("is not the record of a take (give the .json file beside a saved take)")
    version = values["samplernn_take"]
    if version != RECORD_VERSION:
        raise RecordError(
            f"has version {version!r}, this program reads {RECORD_VERSION} (use the samplernn "
            f"that saved it: {values.get('version')!r})"
        )
    return values
