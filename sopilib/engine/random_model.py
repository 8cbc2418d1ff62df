"""Models with random weights and given dimensions, for speed measurements."""

import numpy as np

from sopilib.engine.fold import FoldedLayer, FoldedModel, FoldedTier
from sopilib.model.config import ModelConfig

# all weights repeat these random numbers: drawing each would take longer than measuring
_PERIOD = (1 << 20) - 3


def random_folded(config: ModelConfig, rng_seed: int = 0) -> FoldedModel:
    """Return a FoldedModel of a ModelConfig, uniform in the Glorot range of each matrix."""
    draw = _GlorotNumbers(rng_seed)
    dim, q_levels, frame_size = config.dim, config.q_levels, config.frame_sizes[0]
    return FoldedModel(
        tiers=tuple(_tier(config, draw, t) for t in range(len(config.frame_sizes))),
        table=draw(frame_size, q_levels, dim),
        upsample=draw(frame_size, dim, dim),
        hidden1_bias=draw(dim),
        hidden2=draw(dim, dim),
        hidden2_bias=draw(dim),
        outputs=draw(q_levels, dim),
        outputs_bias=draw(q_levels),
    )


class _GlorotNumbers:
    """A source of float32 arrays, uniform in the Glorot range of their last two axes."""

    def __init__(self, rng_seed: int) -> None:
        rng = np.random.default_rng(rng_seed)
        self._numbers = rng.uniform(-1, 1, _PERIOD).astype(np.float32)

    def __call__(self, *shape: int) -> np.ndarray:
        limit = np.sqrt(6 / sum(shape[-2:]), dtype=np.float32)
        numbers: np.ndarray = np.resize(self._numbers, shape) * limit
        return numbers


def _tier(config: ModelConfig, draw: _GlorotNumbers, index: int) -> FoldedTier:
    dim, layers = config.dim, config.num_rnn_layers
    rows = (4 if config.rnn_type == "lstm" else 3) * dim
    frame_size, conditioning = config.frame_sizes[index], None
    if index + 1 < len(config.frame_sizes):
        conditioning = draw(config.frame_sizes[index + 1] // frame_size, rows, dim)
    return FoldedTier(
        inputs=draw(rows, frame_size),
        conditioning=conditioning,
        layers=tuple(
            FoldedLayer(
                kernel=draw(rows, dim) if k else None,
                recurrent=draw(rows, dim),
                input_bias=draw(rows),
                state_bias=draw(rows),
            )
            for k in range(layers)
        ),
        skip=draw(dim, layers * dim) if config.skip_conn else None,
        skip_bias=draw(dim) if config.skip_conn else None,
    )
