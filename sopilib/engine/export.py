"""Exported models: packed weights and config in a folder, for machines without TensorFlow.

The folder holds `NAME.config.json` and `NAME.PRECISION.pack` for each precision.
"""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sopilib.engine.load import checkpoint_packed
from sopilib.engine.pack import config_of_packed
from sopilib.engine.packed_file import is_packed, write_packed
from sopilib.errors import CheckpointError, ConfigError, RequestError
from sopilib.model.config import TEMPERATURES, ModelConfig, read_json_object
from sopilib.model.folder import ModelFiles
from sopilib.new_files import write_whole


def export_model(
    files: ModelFiles,
    precisions: Sequence[str],
    folder: str | Path,
    overwrite: bool = False,
    temperature: float = 1.0,
) -> list[Path]:
    """Write an exported model; create the folder if it is missing.

    An older export of a model of that name and config is replaced.

    Args:
      files: ModelFiles of a checkpoint.
      precisions: some of `pack.RECIPES`.
      folder: path.
      overwrite: replace any other files of these names, too.
      temperature: at which the checkpoint plays what the exported model plays at temperature 1.

    Returns:
      The paths of the written files.

    Raises:
      RequestError: the temperature is out of range.
      CheckpointError: the model is exported already, the checkpoint is damaged, the folder cannot
        be written, or other files have these names.
    """
    if files.prefix is None:
        raise CheckpointError(
            f"{files.folder} is exported already (copy it, or give the checkpoint that it was "
            "made from)"
        )
    folder = Path(folder)
    config = _at_temperature(files.config, temperature)
    config_path = folder / f"{files.name}.config.json"
    paths = {precision: folder / f"{files.name}.{precision}.pack" for precision in precisions}
    has_config = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for precision, path in paths.items():
            packed = checkpoint_packed(files, precision)
            config = config_of_packed(config, packed)
            if not overwrite:
                has_config = _check_older(config_path, path, _config_values(files, config))
            write_packed(path, config, packed)
        if not has_config:
            text = json.dumps(_config_values(files, config), indent=2) + "\n"
            write_whole(config_path, text.encode())
    except OSError as error:
        raise CheckpointError(
            f"cannot write {folder}: {error.strerror} (choose a folder that is writable)"
        ) from error
    return [config_path, *paths.values()]


def _at_temperature(config: ModelConfig, temperature: float) -> ModelConfig:
    """Return the config of a model that plays at temperature 1 as `config` at this one.

    Raises:
      RequestError: no config may have that temperature.
    """
    low, high = TEMPERATURES
    before = config.temperature
    product = float(f"{before * temperature:.12g}")  # 1.1 times 1.1 is 1.21
    if not low <= product <= high:
        between = f"{low / before:g} to {high / before:g}"
        raise RequestError(f"--temperature {temperature:g} (give {between} for this model)")
    return dataclasses.replace(config, temperature=product)


def _check_older(config_path: Path, path: Path, values: dict[str, Any]) -> bool:
    """Return whether the config is there already; refuse other files of these names.

    Raises:
      CheckpointError: the config has other values, or a packed file's name has another file.
    """
    has_config = os.path.lexists(config_path)
    if has_config and not _has_values(config_path, values):
        raise CheckpointError(
            f"{config_path} has other values (choose another folder, or give --overwrite)"
        )
    if os.path.lexists(path) and not is_packed(path):
        raise CheckpointError(
            f"{path} exists and is no packed model (choose another folder, or give --overwrite)"
        )
    return has_config


def _has_values(path: Path, values: dict[str, Any]) -> bool:
    try:
        found = read_json_object(path)
        return ModelConfig.from_dict(found) == ModelConfig.from_dict(values)
    except ConfigError:
        return False


def _config_values(files: ModelFiles, config: ModelConfig) -> dict[str, Any]:
    """Return the values of the config; a sample rate that is only assumed is left out."""
    values = config.to_dict()
    if files.rate_is_assumed:
        del values["sample_rate"]
    return values
