"""Packing: round folded weights to a precision and lay them out in reading order.

A precision is a recipe with a format for each part of the network, because rounding harms
some parts more than others: the recurrent cells, which determine the speed, tolerate 4 bits;
the output layer, which is small, determines the quality.

Matrices are stored in blocks of 16 rows, columns innermost, in the layouts that
`kernels/kernels.h` describes. `dim` is padded with zeros to a multiple of 64; padded
units stay 0. Padded levels have the bias -1e30 and are never drawn.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sopilib.engine.fold import FoldedLayer, FoldedModel, FoldedTier
from sopilib.engine.rounding import bfloat16_bits, round_to_int4, round_to_int8
from sopilib.model.config import ModelConfig

_BLOCK_ROWS = 16
_DIM_MULTIPLE = 64
_NEVER_DRAWN = -1e30

# for each tier, the lowest first, float64 (dim, dim) for each layer, see `calibrate`
Moments = list[list[np.ndarray]]

# the format of each part; all other parts are float32
RECIPES: dict[str, dict[str, str]] = {
    "float32": {},
    "int8": {
        "kernel": "int8",
        "recurrent": "int8",
        "conditioning": "int8",
        "skip": "int8",
        "upsample": "int8",
        "table": "bfloat16",
        "hidden2": "int8",
        "outputs": "bfloat16",
    },
    "int4": {
        "kernel": "int4",
        "recurrent": "int4",
        "conditioning": "int4",
        "skip": "int4",
        "upsample": "int4",
        "table": "bfloat16",
        "hidden2": "int8",
        "outputs": "bfloat16",
    },
}


@dataclass(frozen=True)
class PackedModel:
    """Weights in the layout that the kernels read.

    Attributes:
      settings: the values that `kernels/model_reader.h` lists, ready for JSON.
      arrays: dict from names such as 'tier0.layer1.kernel' to arrays.
      checkpoint: SHA-256 in hex of the index of the checkpoint they were made from, or None
        where nothing says it.
    """

    settings: dict[str, Any]
    arrays: dict[str, np.ndarray]
    checkpoint: str | None = None

    @property
    def precision(self) -> str:
        """The name of the recipe: the format of the recurrent weights, unique to each recipe."""
        return str(self.settings["formats"]["tier0.layer0.recurrent"])


def pack(
    config: ModelConfig, folded: FoldedModel, precision: str, moments: Moments | None = None
) -> PackedModel:
    """Return the PackedModel of a FoldedModel in one of the RECIPES.

    Args:
      config: ModelConfig.
      folded: FoldedModel.
      precision: 'float32', 'int8' or 'int4'.
      moments: the result of `calibrate.state_moments`, or None; used to round recurrent
        weights to int4.
    """
    settings = packed_settings(config, precision)
    packer = _Packer(config, settings)
    # in the order in which the sample loop reads them
    for t in reversed(range(len(folded.tiers))):
        packer.add_tier(f"tier{t}.", folded.tiers[t], moments[t] if moments else None)
    packer.add_sample_mlp(folded)
    return PackedModel(settings, packer.arrays)


def config_of_packed(config: ModelConfig, packed: PackedModel) -> ModelConfig:
    """Return `config` with the levels of the PackedModel of its checkpoint.

    They differ if the config of a mu-law model has levels other than PRiSM's 256.
    """
    return dataclasses.replace(config, q_levels=packed.settings["q_levels"])


def packed_settings(config: ModelConfig, precision: str) -> dict[str, Any]:
    """Return the settings of the PackedModel of a model with this config."""
    recipe = RECIPES[precision]
    return {
        "rnn_type": config.rnn_type,
        "width": _round_up(config.dim, _DIM_MULTIPLE),
        "q_levels": config.q_levels,
        "padded_levels": _round_up(config.q_levels, _BLOCK_ROWS),
        "frame_sizes": list(config.frame_sizes),
        "num_rnn_layers": config.num_rnn_layers,
        "skip_conn": config.skip_conn,
        "formats": {
            name: recipe.get(name.rpartition(".")[2], "float32") for name in _matrix_names(config)
        },
    }


def _matrix_names(config: ModelConfig) -> Iterator[str]:
    for t in reversed(range(len(config.frame_sizes))):
        yield f"tier{t}.inputs"
        if t + 1 < len(config.frame_sizes):
            yield f"tier{t}.conditioning"
        for k in range(config.num_rnn_layers):
            if k:
                yield f"tier{t}.layer{k}.kernel"
            yield f"tier{t}.layer{k}.recurrent"
        if config.skip_conn:
            yield f"tier{t}.skip"
    yield from ("table", "upsample", "hidden2", "outputs")


class _Packer:
    """A collector of `arrays` by name, in the formats of the settings."""

    def __init__(self, config: ModelConfig, settings: Mapping[str, Any]) -> None:
        self._dim, self._formats = config.dim, settings["formats"]
        self._gates = 4 if config.rnn_type == "lstm" else 3
        self.width: int = settings["width"]
        self.padded_levels: int = settings["padded_levels"]
        self.arrays: dict[str, np.ndarray] = {}

    def add_tier(self, name: str, tier: FoldedTier, moments: list[np.ndarray] | None) -> None:
        """Add a tier under `name`, such as 'tier0.'; `moments` has one for each layer."""
        frame_size = tier.inputs.shape[1]
        self._matrix(name + "inputs", self._gate_rows(tier.inputs), _round_up(frame_size, 4))
        if tier.conditioning is not None:
            self._matrix(name + "conditioning", self._gate_rows(tier.conditioning), self.width)
        for k, layer in enumerate(tier.layers):
            self._layer(f"{name}layer{k}.", layer, moments[k] if moments else None)
        if tier.skip is not None and tier.skip_bias is not None:
            # each layer's columns are padded separately
            skip = tier.skip.reshape(self._dim, -1, self._dim)
            skip = _pad(_pad(skip, 2, self.width), 0, self.width)
            self._matrix(name + "skip", skip.reshape(self.width, -1), 0)
            self.arrays[name + "skip_bias"] = _pad(tier.skip_bias, 0, self.width)

    def add_sample_mlp(self, folded: FoldedModel) -> None:
        """Add the table, the upsampler and the layers of the sample MLP."""
        width, levels = self.width, self.padded_levels
        self._table(_pad(folded.table, 2, width))
        self._matrix("upsample", _pad(folded.upsample, 1, width), width)
        self.arrays["hidden1_bias"] = _pad(folded.hidden1_bias, 0, width)
        self._matrix("hidden2", _pad(folded.hidden2, 0, width), width)
        self.arrays["hidden2_bias"] = _pad(folded.hidden2_bias, 0, width)
        self._matrix("outputs", _pad(folded.outputs, 0, levels), width)
        self.arrays["outputs_bias"] = _pad(folded.outputs_bias, 0, levels, _NEVER_DRAWN)

    def _layer(self, name: str, layer: FoldedLayer, moment: np.ndarray | None) -> None:
        if layer.kernel is not None:
            self._matrix(name + "kernel", self._gate_rows(layer.kernel), self.width)
        recurrent = self._gate_rows(layer.recurrent)
        if moment is not None:
            moment = _pad(_pad(moment, 0, self.width), 1, self.width)
        self._matrix(name + "recurrent", recurrent, self.width, moment)
        for bias in ("input_bias", "state_bias"):
            values = getattr(layer, bias)[:, np.newaxis]
            self.arrays[name + bias] = self._gate_rows(values)[:, 0].astype(np.float32)

    def _gate_rows(self, matrix: np.ndarray) -> np.ndarray:
        """Return rows (gate, unit) of (..., gates * dim, cols) as (unit / 16, gate, unit % 16)."""
        *stack, _, cols = matrix.shape
        rows = _pad(matrix.reshape(*stack, self._gates, self._dim, cols), -2, self.width)
        rows = rows.reshape(*stack, self._gates, -1, _BLOCK_ROWS, cols)
        return np.swapaxes(rows, -4, -3).reshape(*stack, -1, cols)

    def _matrix(
        self, name: str, matrix: np.ndarray, cols: int, moment: np.ndarray | None = None
    ) -> None:
        """Add a matrix, or a stack of them, its columns padded to `cols`."""
        matrix = _pad(matrix, -1, max(cols, matrix.shape[-1]))
        rows = matrix.reshape(-1, matrix.shape[-1])
        format_ = self._formats[name]
        if format_ == "int4":
            self.arrays[name] = _int4_layout(*round_to_int4(rows, moment))
        elif format_ == "int8":
            codes, self.arrays[name + ".scales"] = round_to_int8(rows)
            self.arrays[name] = _layout((codes + 128).astype(np.uint8), columns=4)
        elif format_ == "bfloat16":
            self.arrays[name] = bfloat16_bits(_layout(rows, columns=2))
        else:
            self.arrays[name] = _layout(rows, columns=1)

    def _table(self, table: np.ndarray) -> None:
        if self._formats["table"] == "bfloat16":
            # columns c and c + 16 side by side
            pairs = bfloat16_bits(table).reshape(*table.shape[:2], -1, 2, _BLOCK_ROWS)
            table = pairs.swapaxes(-1, -2)
        self.arrays["table"] = np.ascontiguousarray(table)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _pad(array: np.ndarray, axis: int, size: int, value: float = 0.0) -> np.ndarray:
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, size - array.shape[axis])
    return np.pad(array.astype(np.float32, copy=False), widths, constant_values=value)


def _layout(rows: np.ndarray, columns: int) -> np.ndarray:
    """Return (rows, cols) as (block, cols / columns, 16 rows, columns)."""
    blocks = rows.reshape(-1, _BLOCK_ROWS, rows.shape[-1] // columns, columns)
    return np.ascontiguousarray(blocks.swapaxes(1, 2))


def _int4_layout(codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return uint8 (block, pair of groups, 64 bytes of scales and 512 of weights).

    Args:
      codes: uint8 (rows, cols).
      scales: uint16 (rows, cols / 32).
    """
    num_blocks = len(codes) // _BLOCK_ROWS
    # column = 64 pair + 32 group + 8 chunk + 4 half + i
    codes = codes.reshape(num_blocks, _BLOCK_ROWS, -1, 2, 4, 2, 4)
    codes = codes.transpose(5, 0, 2, 3, 4, 1, 6)  # (half, block, pair, group, chunk, row, i)
    weights = (codes[0] | codes[1] << 4).reshape(num_blocks, -1, 512)
    scales = _layout(scales, columns=2).reshape(num_blocks, -1, 2 * _BLOCK_ROWS)
    return np.concatenate([scales.view(np.uint8), weights], axis=-1)
