"""Keep the packed weights of a checkpoint on disk, so that a second load is quick.

The file lies beside the checkpoint or, where that folder cannot be written, in the user's cache
folder. Its name holds a digest of everything that determines the weights: the checkpoint's index,
which has a checksum of every variable, the config and the version of the layout. The weights do
not depend on the sample rate or on how the model is played, so setting its rate, temperature,
noise shaping or gain later does not pack it again. A name is no proof: what a file says of itself
must fit, too. A packed file beside the checkpoint that was not made from it is not used, and a
warning says so.
Loading from here imports no TensorFlow.
"""

import dataclasses
import glob
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from sopilib.engine.pack import PackedModel, config_of_packed
from sopilib.engine.packed_file import VERSION, write_packed
from sopilib.engine.provenance import checkpoint_digest, foreign_packs, read_own_packed
from sopilib.errors import CheckpointError
from sopilib.model.checkpoint_index import read_index
from sopilib.model.config import DEFAULT_SAMPLE_RATE, ModelConfig
from sopilib.model.folder import ModelFiles

log = logging.getLogger(__name__)


def load_packed(
    files: ModelFiles, precision: str, pack_checkpoint: Callable[[], PackedModel]
) -> PackedModel:
    """Return the PackedModel of a checkpoint from the cache, or pack it and cache it.

    Args:
      files: ModelFiles of a checkpoint.
      precision: one of `pack.RECIPES`.
      pack_checkpoint: returns the PackedModel if the cache lacks it.

    Raises:
      CheckpointError: the checkpoint's index cannot be read.
    """
    places = _places(files, precision, _digest(files, DEFAULT_SAMPLE_RATE))
    older = _places(files, precision, _digest(files, files.config.sample_rate))
    own = dict.fromkeys((*places, *older))
    for path in foreign_packs(files, precision, set(own)):
        log.warning(
            "%s was not made from %s with this config, so it is not used (delete it)",
            path,
            files.prefix,
        )
    for path in own:
        if os.path.exists(path):
            try:
                return read_own_packed(path, files, precision)
            except CheckpointError as error:
                log.warning("%s; the checkpoint is packed again", error)
    packed = dataclasses.replace(pack_checkpoint(), checkpoint=checkpoint_digest(files))
    for path in places:
        if _write(path, config_of_packed(files.config, packed), packed):
            break
    return packed


def user_cache_folder() -> Path:
    """Return the user's folder for files that can be regenerated; it may not exist yet."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "samplernn"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "samplernn"


def _places(files: ModelFiles, precision: str, digest: str) -> tuple[Path, Path]:
    """Return the paths of the packed file, the preferred one first."""
    name = f"{Path(str(files.prefix)).name}.{digest}.{precision}.pack"
    # of the folder, as models of one name lie in several
    place = hashlib.sha256(os.fsencode(files.folder.absolute())).hexdigest()[:8]
    return files.folder / name, user_cache_folder() / f"{files.name}.{place}.{name}"


def _digest(files: ModelFiles, rate: int) -> str:
    """Return the digest in a file's name; earlier versions put the model's own `rate` into it."""
    index = read_index(str(files.prefix))
    values = dataclasses.replace(files.config.as_trained(), sample_rate=rate).to_dict()
    config = json.dumps(values, sort_keys=True).encode()
    return hashlib.sha256(b"%d %s %s" % (VERSION, config, index)).hexdigest()[:12]


def _write(path: Path, config: ModelConfig, packed: PackedModel) -> bool:
    """Write the file; return False if the folder is not writable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_packed(path, config, packed)
    except OSError as error:
        log.info("cannot write %s: %s", path, error.strerror)
        return False
    _delete_outdated(path)
    return True


def _delete_outdated(path: Path) -> None:
    """Delete the packed files of earlier weights of this checkpoint and precision."""
    name, digest, precision, _ = path.name.rsplit(".", 3)
    pattern = f"{glob.escape(name)}.{'[0-9a-f]' * len(digest)}.{precision}.pack"
    for other in path.parent.glob(pattern):
        if other != path:
            other.unlink(missing_ok=True)
