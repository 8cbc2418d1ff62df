"""The least space that an album needs, known before it is made.

A finished track of 16 bits takes about 1.5 bytes a sample as FLAC, of a very quiet or regular
sound less. One byte counts, so that only an album that cannot fit is refused. Its takes are
there together until the track is finished, a byte a sample each; so those of the last track
stand beside all others.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from sopilib.album.album_file import SavedAlbum
from sopilib.album.settings import AlbumSettings, TrackPlan, track_plan
from sopilib.album.track_files import TrackFiles
from sopilib.album.work_folder import WorkFolder
from sopilib.audio.write import check_space

_SAMPLE_BYTES = 1


def check_album_space(folder: Path, album: SavedAlbum, numbers: Sequence[int]) -> None:
    """Refuse to make tracks that the disk has no room for.

    Args:
      folder: of the album, which need not exist.
      album: what its album.json says or will say.
      numbers: of the tracks, from 1; those whose sound is there need nothing.

    Raises:
      AudioError: the disk has too little space.
    """
    settings = album.settings
    plans = [
        track_plan(settings, number)
        for number in numbers
        if not os.path.exists(TrackFiles.at(folder, number).sound)
    ]
    if plans:
        num_takes = 1 if plans[-1].number in album.tracks else settings.best_of
        size = sum(_sound_bytes(settings, plan) for plan in plans)
        size += num_takes * _sound_bytes(settings, plans[-1])
        size -= WorkFolder(folder).num_bytes_of_takes()
        check_space(
            folder, size, "free space, choose another --out, or make fewer or shorter tracks"
        )


def _sound_bytes(settings: AlbumSettings, plan: TrackPlan) -> int:
    """Return the bytes of a take of a track, which are fewer than those of the track itself.

    Resampling to a higher rate adds samples, but little that needs space.
    """
    own_rate = settings.models[plan.model].sample_rate
    rate = min(own_rate, settings.sample_rate or own_rate)
    return round(plan.dur_s * rate) * _SAMPLE_BYTES
