"""Weights by their digest: where a process finds those of a job, and where it keeps new ones.

A job names its weights by the digest of the packed file's header, which has a checksum of all
weights. They may be where the job says, among the models of this machine, or in the cache
folder, which `store` fills on machines that lack them.
"""

from collections.abc import Iterator
from pathlib import Path

from sopilib.engine.cache import user_cache_folder
from sopilib.engine.packed_file import packed_digest
from sopilib.errors import CheckpointError
from sopilib.installation.models import find_models, model_places
from sopilib.new_files import unwritable, write_whole


def find_pack(digest: str, hint: str) -> Path | None:
    """Return the path of the packed file with this digest, None where this machine lacks it.

    Args:
      digest: see `packed_digest`.
      hint: where it may be, '' if that is not known.
    """
    return next((path for path in _places(digest, hint) if _has_digest(path, digest)), None)


def store(digest: str, content: bytes) -> None:
    """Keep a packed file in the cache folder.

    Raises:
      CheckpointError: it cannot be written, or it has another digest.
    """
    path = _cached(digest)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise CheckpointError(unwritable(path, error)) from error
    if not _has_digest(path, digest):
        path.unlink()
        raise CheckpointError(f"{path} arrived with another digest (try again)")


def _places(digest: str, hint: str) -> Iterator[Path]:
    if hint:
        yield Path(hint)
    yield _cached(digest)
    for model in find_models(model_places()):
        yield from sorted(model.folder.glob("*.pack"))


def _cached(digest: str) -> Path:
    return user_cache_folder() / "albums" / f"{digest}.pack"


def _has_digest(path: Path, digest: str) -> bool:
    try:
        return packed_digest(path) == digest
    except CheckpointError:
        return False
