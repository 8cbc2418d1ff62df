"""Exported models: packed weights and config in a folder, for machines without TensorFlow.

The folder holds `NAME.config.json` and `NAME.PRECISION.pack` for each precision.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sopilib.engine.load import checkpoint_packed
from sopilib.engine.pack import config_of_packed
from sopilib.engine.packed_file import write_packed
from sopilib.errors import CheckpointError
from sopilib.model.config import ModelConfig
from sopilib.model.folder import ModelFiles


def export_model(files: ModelFiles, precisions: Sequence[str], folder: str | Path) -> list[Path]:
    """Write an exported model; create the folder if it is missing.

    Args:
      files: ModelFiles of a checkpoint.
      precisions: some of `pack.RECIPES`.
      folder: path.

    Returns:
      The paths of the written files.

    Raises:
      CheckpointError: the checkpoint is damaged, or the folder cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths, config = [folder / f"{files.name}.config.json"], files.config
        for precision in precisions:
            packed = checkpoint_packed(files, precision)
            config = config_of_packed(config, packed)
            paths.append(folder / f"{files.name}.{precision}.pack")
            write_packed(paths[-1], config, packed)
        paths[0].write_text(json.dumps(_config_values(files, config), indent=2) + "\n")
    except OSError as error:
        raise CheckpointError(
            f"cannot write {folder}: {error.strerror} (choose a folder that is writable)"
        ) from error
    return paths


def _config_values(files: ModelFiles, config: ModelConfig) -> dict[str, Any]:
    """Return the values of the config; a sample rate that is only assumed is left out."""
    values = config.to_dict()
    if files.rate_is_assumed:
        del values["sample_rate"]
    return values
