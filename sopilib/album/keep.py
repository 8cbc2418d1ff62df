"""Keep a choice of tracks: FOLDER/kept with the chosen ones, numbered anew, and a page."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import soundfile

from sopilib import __version__
from sopilib.album.album_file import SavedAlbum
from sopilib.album.page import check_page, write_page
from sopilib.album.track_files import TrackFiles, digest_of, track_values
from sopilib.audio.spectrogram import plot_source
from sopilib.audio.write import write_sound
from sopilib.errors import AudioError, RequestError
from sopilib.file_digest import content_digest
from sopilib.new_files import NewFiles, unwritable
from sopilib.small_files import RECORD_BYTES, open_regular, read_json

FOLDER = "kept"
_LIST = "kept.json"
_TAGS = ("title", "album", "comment")


def keep_tracks(folder: Path, saved: SavedAlbum, numbers: Sequence[int]) -> list[Path]:
    """Write the chosen tracks into FOLDER/kept, in the order of `numbers`; return their paths.

    An earlier choice is replaced, but no file that was not written by one.

    Args:
      folder: of the album.
      saved: what its album.json says.
      numbers: of finished tracks, from 1.

    Raises:
      RequestError: there is no such finished track, or one is named twice.
      AudioError: a file cannot be read or written, or another file has its name.
    """
    tracks = [_finished(folder, saved, number) for number in numbers]
    twice = sorted({number for number in numbers if list(numbers).count(number) > 1})
    if twice:
        raise RequestError(f"--keep has track {twice[0]} twice (name each once)")
    kept = folder / FOLDER
    older = _older(kept)
    names = {f"{place:02d}" for place in range(1, len(tracks) + 1)}
    _check_free(kept, names, older)
    check_page(kept)
    try:
        kept.mkdir(exist_ok=True)
        with NewFiles() as new:
            for name in sorted({Path(file).stem for file in older} - names):
                for suffix in (".flac", ".png"):
                    new.remove(kept / f"{name}{suffix}")
            listed = [
                _copy(new, folder, kept, place, track) for place, track in enumerate(tracks, 1)
            ]
            values = {"samplernn_kept": 1, "version": __version__, "tracks": listed}
            new.open(kept / _LIST).write((json.dumps(values, indent=1) + "\n").encode())
    except OSError as error:
        raise AudioError(unwritable(kept, error)) from error
    write_page(kept, saved.settings.title, listed, keeps=False)
    return [kept / track["file"] for track in listed]


def _finished(folder: Path, saved: SavedAlbum, number: int) -> dict[str, Any]:
    """Return the values of a finished track."""
    values = None
    if 1 <= number <= saved.settings.num_tracks:
        values = track_values(TrackFiles.at(folder, number))
    if values is None or not (folder / str(values["file"])).is_file():
        num_tracks = saved.settings.num_tracks
        reason = "is not finished" if 1 <= number <= num_tracks else "does not exist"
        raise RequestError(
            f"--keep: track {number} {reason} (choose from the finished ones among 1 to "
            f"{num_tracks})"
        )
    return values


def _older(kept: Path) -> dict[str, str]:
    """Return the digests of an earlier choice's sounds by their names."""
    try:
        tracks = read_json(kept / _LIST, RECORD_BYTES)["tracks"]
        return {Path(str(track["file"])).name: str(track["kept_sha256"]) for track in tracks}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _check_free(kept: Path, names: set[str], older: Mapping[str, str]) -> None:
    for name in sorted(names | {Path(file).stem for file in older}):
        path = kept / f"{name}.flac"
        if os.path.lexists(path) and digest_of(path) != older.get(path.name):
            raise _not_ours(path)
        image = path.with_suffix(".png")
        if os.path.lexists(image) and plot_source(image) is None:
            raise _not_ours(image)
    if not older and os.path.lexists(kept / _LIST):
        raise AudioError(f"{kept / _LIST} exists and is no list of kept tracks (move it away)")


def _not_ours(path: Path) -> AudioError:
    return AudioError(
        f"{path} is not as an earlier --keep wrote it (move it away, then repeat the command)"
    )


def _copy(
    new: NewFiles, folder: Path, kept: Path, place: int, track: Mapping[str, Any]
) -> dict[str, Any]:
    """Write a track under its new number; return its values there."""
    source, name = folder / str(track["file"]), f"{place:02d}"
    try:
        with open_regular(source) as file, soundfile.SoundFile(file) as sound:
            rate, tags = sound.samplerate, {tag: getattr(sound, tag) for tag in _TAGS}
            samples = sound.read(dtype="int16", always_2d=True)
    except soundfile.SoundFileError as error:
        raise AudioError(f"{source} cannot be read: {error} (delete it, make it again)") from error
    copy = new.open(kept / f"{name}.flac")
    tags = {**tags, "tracknumber": str(place), "software": f"samplernn {__version__}"}
    write_sound(copy, kept / f"{name}.flac", samples, rate, "PCM_16", tags)
    image = source.with_suffix(".png")
    if image.is_file():
        new.open(kept / f"{name}.png").write(image.read_bytes())
    else:  # an earlier choice may have left that of another track
        new.remove(kept / f"{name}.png")
    digest = content_digest(copy)
    return {**track, "track": place, "file": f"{name}.flac", "kept_sha256": digest}
