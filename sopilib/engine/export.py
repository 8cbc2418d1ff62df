"""Exported models: packed weights and config in a folder, for machines without TensorFlow.

The folder holds `NAME.config.json` and `NAME.PRECISION.pack` for each precision.
"""

import json
from pathlib import Path

from sopilib.engine.load import checkpoint_packed
from sopilib.engine.packed_file import write_packed
from sopilib.errors import CheckpointError


def export_model(files, precisions, folder):
    """Write an exported model; the folder is made if need be.

    Args:
      files: ModelFiles.
      precisions: some of `pack.RECIPES`.
      folder: path.

    Returns:
      The paths that were written.

    Raises:
      CheckpointError: the checkpoint is damaged, or the folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{files.name}.config.json"]
        paths[0].write_text(json.dumps(files.config.to_dict(), indent=2) + "\n")
        for precision in precisions:
            paths.append(folder / f"{files.name}.{precision}.pack")
            write_packed(paths[-1], files.config, checkpoint_packed(files, precision))
    except OSError as error:
        raise CheckpointError(
            f"cannot write {folder}: {error.strerror} (choose a folder that is writable)"
        ) from error
    return paths
