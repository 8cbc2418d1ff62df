"""The file of a training's state: everything that an exact resumption needs.

It holds the weights, the optimizer's moments, the RNN state between two segments and the
position in the epochs; order of the data, dropout and learning rate follow from these. The
file is replaced as a whole, so that a crash at any time leaves the old state or the new one.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sopilib.errors import CheckpointError
from sopilib.new_files import NewFiles
from sopilib.small_files import parse_json

STATE_NAME = "training_state.npz"
_PROGRESS = "progress.json"


def save_state(folder: Path, progress: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write the state into a run folder, in place of an older one.

    Args:
      folder: the run folder.
      progress: ready for JSON.
      arrays: by name.

    Raises:
      CheckpointError: the file cannot be written; the old one is intact.
    """
    text = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    values: dict[str, Any] = {_PROGRESS: text, **arrays}
    with replacing(folder / STATE_NAME) as file:
        np.savez(file, **values)


def load_state(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Return the progress and the arrays that `save_state` wrote, or None without a file.

    Raises:
      CheckpointError: the file is damaged.
    """
    path = folder / STATE_NAME
    if not path.is_file():
        return None
    try:
        with np.load(path) as file:
            arrays = dict(file)
        return parse_json(arrays.pop(_PROGRESS).tobytes()), arrays
    except Exception as error:  # numpy and zipfile have many for damaged bytes
        raise CheckpointError(
            f"the training state {path} is damaged: {error} (resume from a checkpoint with "
            "--resume_from)"
        ) from error


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` once all of it is on disk.

    Raises:
      CheckpointError: it cannot be written; `path` is unchanged.
    """
    path = Path(path)
    try:
        with NewFiles() as files:
            yield files.open(path)
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {error.strerror or error} (free disk space there; what was "
            "saved before is intact)"
        ) from error
