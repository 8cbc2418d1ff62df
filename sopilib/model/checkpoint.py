"""TensorFlow checkpoints in PRiSM's layout, read and written.

Variables are read one by one by their key in the file and compared with the network that the
config describes, so that an error names the variables that do not fit, with their shapes.
Other content of the file, such as an optimizer's state, is ignored.
"""

import dataclasses
import logging
import os
import re

import numpy as np

from sopilib.errors import CheckpointError
from sopilib.model.fit import (
    KEY_END,
    Shapes,
    check_fit,
    check_index_fits,
    network_root,
    network_shapes,
    with_prisms_levels,
)
from sopilib.model.folder import ModelFiles
from sopilib.model.network import SampleRNN, named_variables, variable_shapes
from sopilib.model.quiet_tensorflow import tf

log = logging.getLogger(__name__)

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
# the exceptions of TensorFlow's reader on damaged files that we have seen
_READ_ERRORS = (tf.errors.OpError, RuntimeError, ValueError, IndexError)


def load_model(files: ModelFiles) -> SampleRNN:
    """Return the SampleRNN of a model folder, with its trained weights.

    Args:
      files: ModelFiles of a checkpoint.

    Raises:
      CheckpointError: the checkpoint is damaged, holds no SampleRNN, or does not
        fit the config; the message then names variables with both shapes.
    """
    if files.prefix is None:
        raise CheckpointError(
            f"{files.folder} holds packed weights alone, which TensorFlow cannot read (give the "
            "checkpoint, or generate with the engine)"
        )
    check_index_fits(files)
    reader = _Reader(files.prefix)
    files = _with_prisms_levels(files, reader.shapes)
    check_fit(files, reader.shapes, variable_shapes(files.config))
    with tf.device("CPU:0"):
        model = SampleRNN(files.config)
    for name, variable in named_variables(model).items():
        values = reader.read(name)
        if not np.isfinite(values).all():
            raise CheckpointError(
                f"{files.prefix}: {name} holds NaN or infinity (take an earlier checkpoint)"
            )
        variable.assign(values)
    return model


def save_checkpoint(model: SampleRNN, prefix: str | os.PathLike[str]) -> None:
    """Write `prefix`.index and .data-00000-of-00001, and name them in `checkpoint`.

    Args:
      model: SampleRNN.
      prefix: path, its folder exists; as PRiSM names them, `.../model.ckpt-STEP`.

    Raises:
      CheckpointError: the files cannot be written.
    """
    folder, name = os.path.split(prefix)
    try:
        tf.train.Checkpoint(root=model).write(os.fspath(prefix))
        with open(os.path.join(folder, "checkpoint"), "w", encoding="utf-8") as file:
            file.write(f'model_checkpoint_path: "{name}"\n')
            file.write(f'all_model_checkpoint_paths: "{name}"\n')
    except (tf.errors.OpError, OSError) as error:
        raise CheckpointError(
            f"cannot write the checkpoint {prefix}: {_write_reason(error)} (choose a folder "
            "that exists, is writable and has room)"
        ) from error


class _Reader:
    """Reads the SampleRNN in a checkpoint; every failure is a CheckpointError.

    Attributes:
      shapes: of its variables.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        try:
            self._reader = tf.train.load_checkpoint(prefix)
            keys = self._reader.get_variable_to_shape_map()
        except _READ_ERRORS as error:
            raise self._damaged(_first_line(error)) from error
        if _OBJECT_GRAPH in keys:
            self._read_key(_OBJECT_GRAPH)  # it lies at the end, where damage shows
        self._root = network_root(prefix, keys)
        self.shapes = network_shapes({key: tuple(keys[key]) for key in keys}, self._root)

    def read(self, name: str) -> np.ndarray:
        """Return the values of a variable, checked against their checksum in the file."""
        return np.asarray(self._read_key(self._root + name + KEY_END))

    def _read_key(self, key: str) -> np.ndarray | bytes:
        try:
            values: np.ndarray | bytes = self._reader.get_tensor(key)
        except _READ_ERRORS as error:
            raise self._damaged(f"{key}: {_first_line(error)}") from error
        return values

    def _damaged(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"the checkpoint {self._prefix} is damaged: {reason} (copy it again from "
            "where it was trained)"
        )


def _with_prisms_levels(files: ModelFiles, shapes: Shapes) -> ModelFiles:
    """Return `files` with 256 levels if that is what the weights of a mu-law model have.

    PRiSM's mu-law always has 256 levels and ignores what the config says.
    """
    config = with_prisms_levels(files.config, shapes)
    if config.q_levels == files.config.q_levels:
        return files
    log.warning(
        '%s: "q_levels" is %d, but mu-law has %d in PRiSM and in these weights (set it to that)',
        files.config_path,
        files.config.q_levels,
        config.q_levels,
    )
    return dataclasses.replace(files, config=config)


def _write_reason(error: Exception) -> str:
    """Return what the operating system said, without TensorFlow's name of the operation."""
    return re.sub(r" *\[Op:.*", "", _first_line(error, None).split("; ")[-1])


def _first_line(error: Exception, limit: int | None = 200) -> str:
    return " ".join(str(getattr(error, "message", None) or error).split())[:limit]
