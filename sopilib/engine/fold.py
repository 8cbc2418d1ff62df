"""Folding: multiply consecutive linear layers together, once, when a model is loaded.

Four groups of layers are linear and follow one another, so each becomes one matrix:
  embedding, convolution and hidden1 of the sample MLP: a table of vectors, one for each
    level at each place of the window, and a sample is their sum;
  the lowest tier's upsampling and hidden1;
  a tier's upsampling and the input kernel of the first layer of the tier below;
  a tier's input Dense and the input kernel of its own first layer.
For PRiSM's default model a sample then reads 4.3 M weights.

Variables have the names of PRiSM's checkpoints. The resulting matrices are (rows, cols) and
multiply a column vector.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sopilib.model.config import ModelConfig

# returns the float32 values of a variable, given its name such as 'sample_mlp/hidden1/kernel'
ReadVariable = Callable[[str], np.ndarray]

# the frame tiers of a checkpoint, the one with the shortest frames first: two, as in the
# config, though the layouts and kernels allow any number
TIER_NAMES = ("frame_rnn", "big_frame_rnn")


@dataclass(frozen=True)
class FoldedLayer:
    """One recurrent layer; `gates` is 3 for a GRU (z, r, h), 4 for an LSTM (i, f, c, o).

    Attributes:
      kernel: float32 (gates * dim, dim), None in layer 0, whose input is folded.
      recurrent: float32 (gates * dim, dim).
      input_bias: float32 (gates * dim,).
      state_bias: float32 (gates * dim,), added to the product with the state.
    """

    kernel: np.ndarray | None
    recurrent: np.ndarray
    input_bias: np.ndarray
    state_bias: np.ndarray


@dataclass(frozen=True)
class FoldedTier:
    """One frame tier.

    Attributes:
      inputs: float32 (gates * dim, frame_size), scaled samples to gates of layer 0.
      conditioning: float32 (frames in a frame of the tier above, gates * dim, dim),
        which that tier adds to the gates of layer 0; None in the highest tier.
      layers: FoldedLayer for each recurrent layer.
      skip: float32 (dim, num_rnn_layers * dim), or None.
      skip_bias: float32 (dim,), or None.
    """

    inputs: np.ndarray
    conditioning: np.ndarray | None
    layers: tuple[FoldedLayer, ...]
    skip: np.ndarray | None
    skip_bias: np.ndarray | None


@dataclass(frozen=True)
class FoldedModel:
    """All weights that generation needs.

    Attributes:
      tiers: FoldedTier for each frame tier, the one with the shortest frames first.
      table: float32 (frame_size, q_levels, dim), the term that a level at a place of the
        window adds to hidden1 before its ReLU.
      upsample: float32 (frame_size, dim, dim), lowest tier to hidden1.
      hidden1_bias: float32 (dim,).
      hidden2: float32 (dim, dim), hidden2_bias (dim,).
      outputs: float32 (q_levels, dim), outputs_bias (q_levels,).
    """

    tiers: tuple[FoldedTier, ...]
    table: np.ndarray
    upsample: np.ndarray
    hidden1_bias: np.ndarray
    hidden2: np.ndarray
    hidden2_bias: np.ndarray
    outputs: np.ndarray
    outputs_bias: np.ndarray


def fold(config: ModelConfig, read: ReadVariable) -> FoldedModel:
    """Return the FoldedModel of a checkpoint with this config, whose variables `read` returns."""
    hidden1 = read("sample_mlp/hidden1/kernel")  # (dim, dim)
    embedding = read("sample_mlp/embedding/embeddings")  # (q_levels, q_levels)
    convolution = read("sample_mlp/inputs/kernel")  # (frame_size, q_levels, dim)
    return FoldedModel(
        tiers=tuple(_fold_tier(config, read, t) for t in range(len(config.frame_sizes))),
        table=embedding @ (convolution @ hidden1),
        upsample=hidden1.T @ read(f"{TIER_NAMES[0]}/upsample"),
        hidden1_bias=read("sample_mlp/hidden1/bias"),
        hidden2=read("sample_mlp/hidden2/kernel").T,
        hidden2_bias=read("sample_mlp/hidden2/bias"),
        outputs=read("sample_mlp/outputs/kernel").T,
        outputs_bias=read("sample_mlp/outputs/bias"),
    )


def _fold_tier(config: ModelConfig, read: ReadVariable, index: int) -> FoldedTier:
    name = TIER_NAMES[index]
    first = read(f"{name}/rnn/layer_0/cell/kernel")  # (dim or 2 * dim, gates * dim)
    if config.skip_conn:  # the layer's input is its input twice, concatenated
        first = first[: config.dim] + first[config.dim :]
    conditioning = None
    if index + 1 < len(config.frame_sizes):
        conditioning = first.T @ read(f"{TIER_NAMES[index + 1]}/upsample")
    inputs_bias = read(f"{name}/inputs/bias") @ first
    skip, skip_bias = _fold_skip(config, read, name)
    return FoldedTier(
        inputs=(read(f"{name}/inputs/kernel") @ first).T,
        conditioning=conditioning,
        layers=tuple(
            _fold_layer(config, read, f"{name}/rnn/layer_{k}/cell", k, inputs_bias)
            for k in range(config.num_rnn_layers)
        ),
        skip=skip,
        skip_bias=skip_bias,
    )


def _fold_layer(
    config: ModelConfig, read: ReadVariable, name: str, k: int, inputs_bias: np.ndarray
) -> FoldedLayer:
    bias = read(f"{name}/bias")
    if config.rnn_type == "gru":
        input_bias, state_bias = bias  # (2, 3 * dim)
    else:
        input_bias, state_bias = bias, np.zeros_like(bias)
    return FoldedLayer(
        kernel=read(f"{name}/kernel").T if k else None,
        recurrent=read(f"{name}/recurrent_kernel").T,
        input_bias=input_bias if k else input_bias + inputs_bias,
        state_bias=state_bias,
    )


def _fold_skip(
    config: ModelConfig, read: ReadVariable, name: str
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the tier's `skip` and `skip_bias`."""
    if not config.skip_conn:
        return None, None
    names = [f"{name}/rnn/layer_{k}_skip_out" for k in range(config.num_rnn_layers)]
    kernels = [read(f"{layer}/kernel") for layer in names]
    return np.concatenate(kernels).T, read(f"{names[0]}/bias")
