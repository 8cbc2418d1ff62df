"""The files of a take: its sound, its record, its seeds, and which of them may be replaced.

Files of ours are recognised by the record: it names its sound and its seeds, and has a digest of
each. A new take may replace an earlier one, all of it, whose files are as they were saved. What
else stands there is someone's own and stays.
"""

import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from sopilib.audio.files import read_audio
from sopilib.errors import AudioError
from sopilib.file_digest import file_digest
from sopilib.generation.record import TakeRecord
from sopilib.generation.record_values import seed_digest, seed_name

# a curve of 20 million values has such a record
_LARGEST_RECORD = 1 << 28  # bytes
_LAST_NAME = 9999


@dataclass(frozen=True)
class TakeFiles:
    """Where a take is saved.

    Attributes:
      sounds: one path, for a file with a channel for each voice, or one for each voice.
      record: of the JSON, ending in .json.
      seeds: paths of the seeds' files, beside the record.
    """

    sounds: tuple[Path, ...]
    record: Path
    seeds: tuple[Path, ...] = ()

    @classmethod
    def at(cls, path: Path, num_files: int = 1, seeds: Sequence[int] = ()) -> "TakeFiles":
        """Return the files of a take that the user names `path`.

        Args:
          path: NAME.wav; several files are NAME_0.wav, NAME_1.wav, ...
          num_files: 1, or the number of voices.
          seeds: which takes of the chain have a seed, counted from 0.
        """
        sounds = [path.with_name(f"{path.stem}_{v}{path.suffix}") for v in range(num_files)]
        record = path.with_suffix(".json")
        return cls(
            tuple(sounds) if num_files > 1 else (path,),
            record,
            tuple(record.with_name(seed_name(record.stem, k)) for k in seeds),
        )

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them, the record last."""
        return (*self.sounds, *self.seeds, self.record)


def seeds_of(take: TakeRecord) -> list[int]:
    """Return which takes of a record's chain have a seed, counted from 0."""
    return [k for k, part in enumerate(take.chain()) if part.seed_audio is not None]


def conflict(files: TakeFiles) -> str | None:
    """Return why `files` must not be written, such as `x.wav exists`; None if they may."""
    old = _saved_values(files.record)
    if old is None and os.path.lexists(files.record):
        return f"{files.record} exists and is not the record of a take"
    if old is not None:
        others = set(_sound_names(old)) - {path.name for path in files.sounds}
        if others:
            return f"{files.record} is the record of {', '.join(sorted(others))}"
    names = {} if old is None else dict(_seeds(old))
    for path in filter(os.path.lexists, files.sounds):
        if old is None or path.name not in _sound_names(old):
            return f"{path} exists"
        if not _is_as_saved(path, files.record, old):
            return f"{path} was changed after it was saved"
    for path in filter(os.path.lexists, files.seeds):
        if path.name not in names:
            return f"{path} exists"
        if not _has_digest(path, names[path.name]):
            return f"{path} was changed after it was saved"
    return None


def first_free(path: Path, num_files: int = 1, seeds: Sequence[int] = ()) -> TakeFiles:
    """Return the TakeFiles at `path` or else NAME-2, NAME-3, ..., the first that nobody has.

    Raises:
      AudioError: all names are taken.
    """
    for k in range(1, _LAST_NAME + 1):
        name = path if k == 1 else path.with_name(f"{path.stem}-{k}{path.suffix}")
        files = TakeFiles.at(name, num_files, seeds)
        if not any(map(os.path.lexists, files.paths)):
            return files
    raise AudioError(f"{path} and {_LAST_NAME - 1} names after it exist (choose another name)")


def names_for(path: Path, take: TakeRecord, replaces: bool) -> tuple[TakeFiles, str | None]:
    """Return where to save a take in one file: at `path`, or else under the next free name.

    Args:
      path: what the user named it.
      take: of the take.
      replaces: whether an earlier take of that name may be replaced; the same take always is.

    Returns:
      The files, and why they have another name, None if they have not.

    Raises:
      AudioError: all names are taken.
    """
    seeds = seeds_of(take)
    files = TakeFiles.at(path, 1, seeds)
    reason = conflict(files)
    if reason is None and any(map(os.path.lexists, files.paths)):
        if not (replaces or _is_same_take(files, take.sha256)):
            reason = f"{path} is an earlier take"
        if any(
            part.seed_name and is_same_file(path, Path(part.seed_name)) for part in take.chain()
        ):
            reason = f"{path} is the seed of the take"
    return (files if reason is None else first_free(path, 1, seeds)), reason


def is_same_file(path: Path, other: Path) -> bool:
    """Return whether two paths name one existing file."""
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def _is_same_take(files: TakeFiles, sha256: str) -> bool:
    """Return whether the record at `files` says that its samples have this digest."""
    old = _saved_values(files.record)
    return old is not None and _last_take(old).get("sha256") == sha256


def recorded_model(path: Path) -> tuple[str, Path] | None:
    """Return the name and the path of the model in a record's file, None if it is no record."""
    values = _saved_values(path)
    model = values.get("model") if values is not None else None
    if not isinstance(model, dict):
        return None
    return str(model.get("name")), Path(str(model.get("path")))


def outdated_seeds(files: TakeFiles) -> Iterator[Path]:
    """Yield the seeds' files of the take to be replaced that the new one has no use for."""
    old = _saved_values(files.record)
    for name, digest in () if old is None else _seeds(old):
        path = files.record.with_name(name)
        if path not in files.seeds and _has_digest(path, digest):
            yield path


def _saved_values(path: Path) -> dict[str, Any] | None:
    """Return the values of the record at `path`, of whichever version; None if it is none."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_RECORD:
            return None
        values = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    is_record = isinstance(values, dict) and isinstance(values.get("samplernn_take"), int)
    return values if is_record else None


def _sound_names(values: dict[str, Any]) -> list[str]:
    names = values.get("sound")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _takes(values: dict[str, Any]) -> list[dict[str, Any]]:
    takes = values.get("takes")
    return [take for take in takes if isinstance(take, dict)] if isinstance(takes, list) else []


def _last_take(values: dict[str, Any]) -> dict[str, Any]:
    return (_takes(values) or [{}])[-1]


def _seeds(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the digest of each seed's file that a record names."""
    for take in _takes(values):
        seed = take.get("seed")
        if isinstance(seed, dict) and str(seed.get("file")).endswith(".wav"):
            yield Path(str(seed["file"])).name, str(seed.get("sha256"))


def _is_as_saved(path: Path, record: Path, values: dict[str, Any]) -> bool:
    """Return whether a sound file is the one that was saved with its record."""
    digests = values.get("sound_sha256")
    if not isinstance(digests, list):
        return _is_like_saved(path, record, values)
    try:
        return (path.name, file_digest(path)) in zip(_sound_names(values), digests, strict=False)
    except OSError:
        return False


def _is_like_saved(path: Path, record: Path, values: dict[str, Any]) -> bool:
    """Return whether a sound is as long and as old as its record, which has no digest, says.

    The record is written last. Where a copy has changed the times, the sound counts as changed.
    """
    try:
        if not path.is_file() or path.stat().st_mtime_ns > record.stat().st_mtime_ns:
            return False
        return bool(soundfile.info(os.fsencode(path)).frames == _last_take(values)["num_samples"])
    except (soundfile.SoundFileError, OSError, KeyError):
        return False


def _has_digest(path: Path, digest: str) -> bool:
    try:
        return seed_digest(read_audio(path)[0][:, 0]) == digest
    except AudioError:
        return False
