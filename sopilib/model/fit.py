"""Compare the variables of a checkpoint with those that its config makes.

Names and shapes are PRiSM's. Nothing is allocated here, so that a config may say anything; an
error names the variables that do not fit, with both shapes.
"""

import dataclasses
import logging
from collections.abc import Iterable
from typing import TypeAlias

from sopilib.errors import CheckpointError
from sopilib.model.checkpoint_index import FLOAT32, read_entries
from sopilib.model.config import PRISM_MU_LAW_LEVELS, ModelConfig
from sopilib.model.folder import ModelFiles

log = logging.getLogger(__name__)

# shapes of variables by names such as 'frame_rnn/upsample'
Shapes: TypeAlias = dict[str, tuple[int, ...]]

KEY_END = "/.ATTRIBUTES/VARIABLE_VALUE"
# optimizers of older TensorFlow keep their moments below the variable's own name
_SLOT = "/.OPTIMIZER_SLOT/"
_TIERS = ("big_frame_rnn/", "frame_rnn/", "sample_mlp/")
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


def check_index_fits(files: ModelFiles) -> None:
    """Raise where a checkpoint's index does not fit the config, or its data does not fit that.

    Args:
      files: ModelFiles of a checkpoint.

    Raises:
      CheckpointError: the checkpoint is damaged, holds no SampleRNN, or does not fit the config.
    """
    prefix = str(files.prefix)
    entries = read_entries(prefix)
    root = network_root(prefix, entries)
    found = network_shapes({key: entry.shape for key, entry in entries.items()}, root)
    for name in found:
        if entries[root + name + KEY_END].dtype != FLOAT32:
            raise CheckpointError(
                f"the checkpoint {prefix} is damaged: {name} is not float32 (copy it again from "
                "where it was trained)"
            )
    check_fit(files, found, expected_shapes(with_prisms_levels(files.config, found)))


def network_root(prefix: str, keys: Iterable[str]) -> str:
    """Return what stands before the variables' names in the keys, such as 'model/' or ''.

    Raises:
      CheckpointError: no SampleRNN, or more than one, is there.
    """
    end = "big_frame_rnn/inputs/kernel" + KEY_END
    roots = [key[: -len(end)] for key in keys if key.endswith(end)]
    if len(roots) != 1:
        raise CheckpointError(
            f"the checkpoint {prefix} holds no SampleRNN: {len(roots)} variables named "
            "big_frame_rnn/inputs/kernel (give one that PRiSM SampleRNN or this project has saved)"
        )
    return roots[0]


def network_shapes(shapes: Shapes, root: str) -> Shapes:
    """Return the shapes of the network's variables, from those of all keys."""
    names = {
        key[len(root) : -len(KEY_END)]: shape
        for key, shape in shapes.items()
        if key.startswith(root) and key.endswith(KEY_END)
    }
    return {
        name: shape
        for name, shape in names.items()
        if name.startswith(_TIERS) and _SLOT not in name
    }


def with_prisms_levels(config: ModelConfig, found: Shapes) -> ModelConfig:
    """Return `config` with 256 levels if that is what the weights of a mu-law model have.

    PRiSM's mu-law always has 256 levels and ignores what the config says.
    """
    has_prisms = found.get("sample_mlp/embedding/embeddings") == (PRISM_MU_LAW_LEVELS,) * 2
    if config.q_type != "mu-law" or not has_prisms:
        return config
    return dataclasses.replace(config, q_levels=PRISM_MU_LAW_LEVELS)


def check_fit(files: ModelFiles, found: Shapes, expected: Shapes) -> None:
    """Raise CheckpointFitError where the variables found are not those expected."""
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


def expected_shapes(config: ModelConfig) -> Shapes:
    """Return the shape of each variable of the network that `config` makes."""
    dim, levels, (frame_size, big_frame_size) = config.dim, config.q_levels, config.frame_sizes
    return {
        **_tier_shapes(config, "big_frame_rnn", big_frame_size, big_frame_size // frame_size),
        **_tier_shapes(config, "frame_rnn", frame_size, frame_size),
        "sample_mlp/embedding/embeddings": (levels, levels),
        "sample_mlp/inputs/kernel": (frame_size, levels, dim),
        "sample_mlp/hidden1/kernel": (dim, dim),
        "sample_mlp/hidden1/bias": (dim,),
        "sample_mlp/hidden2/kernel": (dim, dim),
        "sample_mlp/hidden2/bias": (dim,),
        "sample_mlp/outputs/kernel": (dim, levels),
        "sample_mlp/outputs/bias": (levels,),
    }


def _tier_shapes(config: ModelConfig, tier: str, frame_size: int, ratio: int) -> Shapes:
    """Return the shapes of a frame tier whose upsampling has this ratio."""
    dim = config.dim
    shapes: Shapes = {f"{tier}/inputs/kernel": (frame_size, dim), f"{tier}/inputs/bias": (dim,)}
    for k in range(config.num_rnn_layers):
        shapes |= _layer_shapes(config, f"{tier}/rnn/layer_{k}", is_first=k == 0)
    return {**shapes, f"{tier}/upsample": (ratio, dim, dim)}


def _layer_shapes(config: ModelConfig, layer: str, is_first: bool) -> Shapes:
    dim, is_lstm = config.dim, config.rnn_type == "lstm"
    gates = (4 if is_lstm else 3) * dim
    shapes: Shapes = {
        f"{layer}/cell/kernel": (2 * dim if is_first and config.skip_conn else dim, gates),
        f"{layer}/cell/recurrent_kernel": (dim, gates),
        f"{layer}/cell/bias": (gates,) if is_lstm else (2, gates),
    }
    if config.skip_conn:
        shapes[f"{layer}_skip_out/kernel"] = (dim, dim)
        if is_first:
            shapes[f"{layer}_skip_out/bias"] = (dim,)
    return shapes
