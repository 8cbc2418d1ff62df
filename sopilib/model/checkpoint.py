"""TensorFlow checkpoints in PRiSM's layout, read and written.

Variables are read one by one by their key in the file and compared with the network that the
config describes, so that an error names the variables that do not fit, with their shapes.
Other content of the file, such as an optimizer's state, is ignored.
"""

import dataclasses
import glob
import logging
import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np

from sopilib.errors import CheckpointError
from sopilib.model.config import PRISM_MU_LAW_LEVELS
from sopilib.model.folder import ModelFiles
from sopilib.model.network import SampleRNN, named_variables, variable_shapes
from sopilib.model.quiet_tensorflow import tf

log = logging.getLogger(__name__)

# shapes of variables by names such as 'frame_rnn/upsample'
Shapes: TypeAlias = dict[str, tuple[int, ...]]

_KEY_END = "/.ATTRIBUTES/VARIABLE_VALUE"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
# optimizers of older TensorFlow keep their moments below the variable's own name
_SLOT = "/.OPTIMIZER_SLOT/"
_TIERS = ("big_frame_rnn/", "frame_rnn/", "sample_mlp/")
# the exceptions of TensorFlow's reader on damaged files that we have seen
_READ_ERRORS = (tf.errors.OpError, RuntimeError, ValueError, IndexError)
# nobody reads a line that names more variables than this
_MAX_NAMED = 3


class CheckpointFitError(CheckpointError):
    """A checkpoint has other variables than its config makes.

    Attributes:
      what: the message without the advice.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} (use the config that the model was trained with)")
        self.what = what


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
    reader = _Reader(files.prefix)
    files = _with_prisms_levels(files, reader.shapes)
    _check_fit(files, reader.shapes, variable_shapes(files.config))
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
        self._check_size(keys)
        self._root = self._root_of(keys)
        names = (
            key[len(self._root) : -len(_KEY_END)]
            for key in keys
            if key.startswith(self._root) and key.endswith(_KEY_END)
        )
        self.shapes: Shapes = {
            name: tuple(keys[self._root + name + _KEY_END])
            for name in names
            if name.startswith(_TIERS) and _SLOT not in name
        }

    def read(self, name: str) -> np.ndarray:
        """Return the values of a variable, checked against their checksum in the file."""
        return np.asarray(self._read_key(self._root + name + _KEY_END))

    def _read_key(self, key: str) -> np.ndarray | bytes:
        try:
            values: np.ndarray | bytes = self._reader.get_tensor(key)
        except _READ_ERRORS as error:
            raise self._damaged(f"{key}: {_first_line(error)}") from error
        return values

    def _check_size(self, keys: Mapping[str, list[int]]) -> None:
        """Compare the data with the index, before TensorFlow reads beyond its end."""
        dtypes = self._reader.get_variable_to_dtype_map()
        expected = sum(
            math.prod(shape) * dtypes[key].size
            for key, shape in keys.items()
            if dtypes[key] != tf.string
        )
        pattern = glob.escape(self._prefix) + ".data-?????-of-?????"
        size = sum(os.path.getsize(path) for path in glob.glob(pattern))
        if size < expected:
            raise self._damaged(f"its data is {size} bytes, at least {expected} expected")
        if _OBJECT_GRAPH in keys:
            self._read_key(_OBJECT_GRAPH)  # it lies at the end, where truncation shows

    def _root_of(self, keys: Iterable[str]) -> str:
        """Return what stands before the names in the keys, such as 'model/'; mostly nothing."""
        end = "big_frame_rnn/inputs/kernel" + _KEY_END
        roots = [key[: -len(end)] for key in keys if key.endswith(end)]
        if len(roots) != 1:
            raise CheckpointError(
                f"the checkpoint {self._prefix} holds no SampleRNN: {len(roots)} variables "
                "named big_frame_rnn/inputs/kernel (give one that PRiSM SampleRNN or this "
                "project has saved)"
            )
        return roots[0]

    def _damaged(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"the checkpoint {self._prefix} is damaged: {reason} (copy it again from "
            "where it was trained)"
        )


def _with_prisms_levels(files: ModelFiles, shapes: Shapes) -> ModelFiles:
    """Return `files` with 256 levels if that is what the weights of a mu-law model have.

    PRiSM's mu-law always has 256 levels and ignores what the config says.
    """
    config = files.config
    has_prisms = shapes.get("sample_mlp/embedding/embeddings") == (PRISM_MU_LAW_LEVELS,) * 2
    if config.q_type != "mu-law" or config.q_levels == PRISM_MU_LAW_LEVELS or not has_prisms:
        return files
    log.warning(
        '%s: "q_levels" is %d, but mu-law has %d in PRiSM and in these weights (set it to that)',
        files.config_path,
        config.q_levels,
        PRISM_MU_LAW_LEVELS,
    )
    config = dataclasses.replace(config, q_levels=PRISM_MU_LAW_LEVELS)
    return dataclasses.replace(files, config=config)


def _check_fit(files: ModelFiles, found: Shapes, expected: Shapes) -> None:
    """Raise CheckpointError where the variables found are not those expected."""
    differences = [
        f"{name} is {found.get(name, 'missing')}, expected {expected.get(name, 'nothing')}"
        for name in [*expected, *(name for name in found if name not in expected)]
        if found.get(name) != expected.get(name)
    ]
    if not differences:
        return
    listed = "; ".join(differences[:_MAX_NAMED])
    if len(differences) > _MAX_NAMED:
        listed += f"; and {len(differences) - _MAX_NAMED} more"
    raise CheckpointFitError(
        f"the checkpoint {files.prefix} does not fit {files.config_path}: {listed}"
    )


def _write_reason(error: Exception) -> str:
    """Return what the operating system said, without TensorFlow's name of the operation."""
    return re.sub(r" *\[Op:.*", "", _first_line(error, None).split("; ")[-1])


def _first_line(error: Exception, limit: int | None = 200) -> str:
    return " ".join(str(getattr(error, "message", None) or error).split())[:limit]
