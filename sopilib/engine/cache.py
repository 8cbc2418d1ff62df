"""Where the packed weights of a checkpoint are kept, so that a second load is quick.

Beside the checkpoint, or, where that folder cannot be written, in the user's cache folder.
The name holds a digest of all that the weights depend on: the checkpoint's index, which
has a checksum of every variable, the config and the version of the layout. They do not
depend on the sample rate, so that a model whose rate becomes known is not packed anew.
Loading from here imports no TensorFlow.
"""

import dataclasses
import hashlib
import json
import logging
import os
import sys
from pathlib import Path

from sopilib.engine.pack import config_of_packed
from sopilib.engine.packed_file import VERSION, read_packed, write_packed
from sopilib.errors import CheckpointError
from sopilib.model.config import DEFAULT_SAMPLE_RATE

log = logging.getLogger(__name__)


def load_packed(files, precision, make):
    """The PackedModel of a checkpoint, from the cache or made and put there.

    Args:
      files: ModelFiles.
      precision: one of `pack.RECIPES`.
      make: function without arguments that returns the PackedModel.

    Raises:
      CheckpointError: the checkpoint's index cannot be read.
    """
    places = _places(files, precision, _digest(files, DEFAULT_SAMPLE_RATE))
    older = _places(files, precision, _digest(files, files.config.sample_rate))
    for path in dict.fromkeys((*places, *older)):
        if path.is_file():
            try:
                return read_packed(path)[1]
            except CheckpointError as error:
                log.warning("%s; it is made anew", error)
    packed = make()
    for path in places:
        if _is_kept(path, config_of_packed(files.config, packed), packed):
            break
    return packed


def user_cache_folder():
    """The folder for what can be made again; it need not exist yet."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "samplernn"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "samplernn"


def _places(files, precision, digest):
    name = f"{Path(files.prefix).name}.{digest}.{precision}.pack"
    return files.folder / name, user_cache_folder() / f"{files.name}.{name}"


def _digest(files, rate):
    """The digest in a file's name; earlier versions took the model's own `rate` into it."""
    try:
        index = Path(f"{files.prefix}.index").read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {files.prefix}.index: {error.strerror} (check its permissions)"
        ) from error
    values = dataclasses.replace(files.config, sample_rate=rate).to_dict()
    config = json.dumps(values, sort_keys=True).encode()
    return hashlib.sha256(b"%d %s %s" % (VERSION, config, index)).hexdigest()[:12]


def _is_kept(path, config, packed):
    """Writes the file; False if it cannot be written there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_packed(path, config, packed)
    except OSError as error:
        log.info("cannot write %s: %s", path, error.strerror)
        return False
    _delete_outdated(path)
    return True


def _delete_outdated(path):
    """Deletes what the same checkpoint and precision had before it was trained on."""
    name, digest, precision, _ = path.name.rsplit(".", 3)
    pattern = f"{name}.{'[0-9a-f]' * len(digest)}.{precision}.pack"
    for other in path.parent.glob(pattern):
        if other != path:
            other.unlink(missing_ok=True)
