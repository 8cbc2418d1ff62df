"""The training state: one file with all that a training needs to go on exactly.

Weights, the optimizer's moments, the RNN state between two segments and where in
which epoch it stands; order of the data, dropout and learning rate follow from these.
The file is replaced as a whole, so that it is either the old state or the new one
whenever the machine stops.
"""

import contextlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from sopilib.errors import CheckpointError

STATE_NAME = "training_state.npz"
_PROGRESS = "progress.json"


def save_state(folder, progress, arrays):
    """Write the state into a run folder, in place of the one before.

    Args:
      folder: Path.
      progress: dict of what JSON can hold.
      arrays: dict from name to array.

    Raises:
      CheckpointError: the file cannot be written; the one before is as it was.
    """
    text = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    with replacing(folder / STATE_NAME) as file:
        np.savez(file, **{_PROGRESS: text}, **arrays)


def load_state(folder):
    """The progress and the arrays that `save_state` wrote, or None where there are none.

    Raises:
      CheckpointError: the file is damaged.
    """
    path = folder / STATE_NAME
    if not path.is_file():
        return None
    try:
        with np.load(path) as file:
            arrays = dict(file)
        return json.loads(arrays.pop(_PROGRESS).tobytes()), arrays
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"the training state {path} is damaged: {error} (go on from a checkpoint with "
            "--resume_from)"
        ) from error


@contextlib.contextmanager
def replacing(path):
    """A binary file to write that takes the place of `path` once it is whole on disk.

    Raises:
      CheckpointError: it cannot be written; `path` is as it was.
    """
    path = Path(path)
    unfinished = path.with_name(path.name + ".part")
    try:
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise CheckpointError(
            f"cannot write {path}: {error.strerror or error} (make room there; what was saved "
            "before is intact)"
        ) from error


def _sync_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
