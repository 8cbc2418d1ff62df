"""album.json: the settings of an album and its tracks, from which every track can be made again.

The process that begins an album writes the settings; others that work on it at the same time
read them. The list of tracks follows from the tracks' own records and is written again whenever
a track is finished. A copy of the file in an empty folder makes the album again.
"""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sopilib import __version__
from sopilib.album.settings import AlbumSettings, settings_of_values, settings_values
from sopilib.album.track_files import checked_track
from sopilib.errors import AudioError, RecordError
from sopilib.generation import record_fields as kinds
from sopilib.generation.record_fields import check_fields
from sopilib.new_files import unwritable, write_if_absent, write_whole
from sopilib.small_files import RECORD_BYTES, read_json

NAME = "album.json"
VERSION = 1


class SavedAlbum(NamedTuple):
    """What album.json says.

    Attributes:
      settings: of the album.
      tracks: values of the finished tracks, by number.
    """

    settings: AlbumSettings
    tracks: Mapping[int, Mapping[str, Any]]


def read_album(folder: Path) -> SavedAlbum | None:
    """Return the album in a folder, None where there is no album.json.

    Raises:
      RecordError: there is one that is no album of this version, or a field is wrong.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return None
    try:
        values = read_json(path, RECORD_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordError(f"{path} is no album: {reason} (choose another --out)") from error
    if not isinstance(values, dict) or values.get("samplernn_album") != VERSION:
        raise RecordError(f"{path} is no album of this version (choose another --out)")
    try:
        settings = settings_of_values(values)
        check_fields(values, tracks=kinds.ANY_LIST)
        tracks = [checked_track(track) for track in values["tracks"]]
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from error
    return SavedAlbum(settings, {track["track"]: track for track in tracks})


def begin_album(folder: Path, settings: AlbumSettings) -> SavedAlbum:
    """Write the settings of a new album, or return the album that another process just began.

    Raises:
      AudioError: the folder cannot be made or written.
      RecordError: see `read_album`.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_if_absent(path, _content(settings, []))
    except OSError as error:
        raise AudioError(unwritable(path, error)) from error
    saved = read_album(folder)
    assert saved is not None  # it was there a moment ago
    return saved


def write_album(folder: Path, settings: AlbumSettings, tracks: Sequence[Mapping[str, Any]]) -> None:
    """Write album.json.

    Raises:
      AudioError: it cannot be written.
    """
    path = folder / NAME
    try:
        write_whole(path, _content(settings, tracks))
    except OSError as error:
        raise AudioError(unwritable(path, error)) from error


def add_tracks(folder: Path, album: SavedAlbum, num_tracks: int) -> SavedAlbum:
    """Write that an album has so many tracks, some of which are still to be made; return it.

    Raises:
      AudioError: album.json cannot be written.
    """
    settings = dataclasses.replace(album.settings, num_tracks=num_tracks)
    write_album(folder, settings, [album.tracks[number] for number in sorted(album.tracks)])
    return album._replace(settings=settings)


def _content(settings: AlbumSettings, tracks: Sequence[Mapping[str, Any]]) -> bytes:
    values = {
        "samplernn_album": VERSION,
        "version": __version__,
        **settings_values(settings),
        "tracks": list(tracks),
    }
    text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")
