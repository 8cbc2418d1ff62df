"""WorkFolder: what an unfinished album keeps until its tracks are finished.

`FOLDER/unfinished` holds the packed weights and the takes of unfinished tracks, `TRACK-PLACE.npz`:
the levels of the samples and the measures as JSON. Each is written whole. A damaged one, or one
of another random seed, is made again. One process at a time works on the same part of an album.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sopilib.album.job import Job, MadeTake
from sopilib.errors import AudioError
from sopilib.evaluation.choice import Candidate
from sopilib.lock_file import locked
from sopilib.new_files import unwritable, write_whole
from sopilib.small_files import read_bytes

_TAKE_BYTES = 1 << 30
_OURS = re.compile(r"\d+-\d+\.npz|[0-9a-f]{16}-[0-9a-f]{16}\.\w+\.pack|[\w-]+\.lock")


class WorkFolder:
    """The folder of unfinished work beside an album's tracks.

    Args:
      album: folder of the album.

    Attributes:
      path: of the folder.
    """

    def __init__(self, album: Path) -> None:
        self.path = album / "unfinished"

    @contextlib.contextmanager
    def opened(self, part: str) -> Iterator[None]:
        """Make the folder and lock a part of the work; delete the lock file at the end.

        Raises:
          AudioError: the folder cannot be made, or another process works on that part.
        """
        album = self.path.parent
        busy = AudioError(
            f"another process makes the album {album} (wait for it, or choose another --out)"
        )
        with locked(self.path / f"{part}.lock", busy):
            yield

    def keep(self, job: Job, take: MadeTake) -> None:
        """Write a take.

        Raises:
          AudioError: the disk refuses.
        """
        values = {
            "job": _identity(job),
            "candidate": dataclasses.asdict(take.candidate),
            "sha256": take.sha256,
            "engine": take.engine,
            "seconds": take.seconds,
            "levels_sha256": _digest(take.levels),
        }
        file = io.BytesIO()
        levels = take.levels if take.levels.max(initial=0) > 255 else take.levels.astype(np.uint8)
        np.savez(file, allow_pickle=False, levels=levels, values=np.array(json.dumps(values)))
        path = self._take_path(job.track, job.place)
        try:
            write_whole(path, file.getvalue())
        except OSError as error:
            raise AudioError(unwritable(path, error)) from error

    def kept(self, job: Job) -> MadeTake | None:
        """Return the take of a job that an earlier run made, None if there is none."""
        try:
            content = read_bytes(self._take_path(job.track, job.place), _TAKE_BYTES)
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                values = json.loads(str(arrays["values"]))
                if values.pop("job") != _identity(job):
                    return None
                levels = arrays["levels"].astype(np.uint16)
                # older ones have no digest
                if values.pop("levels_sha256", None) not in (None, _digest(levels)):
                    return None
                values["candidate"] = Candidate(**values["candidate"])
                return MadeTake(**values, levels=levels)
        except Exception:  # there is none, or numpy and zipfile have found damaged bytes
            return None

    def num_bytes_of_takes(self) -> int:
        """Return the bytes of the takes, which are deleted with their tracks' end."""
        sizes = []
        for path in self.path.glob("*-*.npz"):
            with contextlib.suppress(OSError):
                sizes.append(path.stat().st_size)
        return sum(sizes)

    def drop(self, track: int) -> None:
        """Delete the takes of a track that is finished."""
        for path in self.path.glob(f"{track:02d}-*.npz"):
            with contextlib.suppress(OSError):
                path.unlink()

    def remove(self) -> None:
        """Delete the folder of a finished album, but nothing that is not ours."""
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if _OURS.fullmatch(path.name):
                    path.unlink()
            self.path.rmdir()

    def _take_path(self, track: int, place: int) -> Path:
        return self.path / f"{track:02d}-{place + 1}.npz"


def _digest(levels: np.ndarray) -> str:
    """Return the SHA-256 in hex of levels, uint16 (num_samples,)."""
    return hashlib.sha256(levels.astype("<u2").tobytes()).hexdigest()


def _identity(job: Job) -> list[object]:
    """Return what a take depends on."""
    return [job.weights, job.rng_seed, job.dur_s, job.temperature]
