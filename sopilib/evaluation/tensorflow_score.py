"""Score with TensorFlow: how many bits per sample a model needs for given audio.

The negative log-likelihood in base 2, teacher-forced: the network sees the true samples
before the one it predicts. Each file begins after silence with a clean state, which is
carried through it segment by segment, so that the need of memory does not depend on its
length.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from sopilib.evaluation.bits import Score, mean_bits
from sopilib.model.network import RNNState, SampleRNN
from sopilib.model.quiet_tensorflow import tf

# samples predicted at a time, rounded up to whole big frames
_SEGMENT = 4096


def score_files(model: SampleRNN, paths: Sequence[str | Path]) -> Score:
    """Return the Score of `model` on sound files, each mixed to mono at the model's rate.

    Raises:
      AudioError: a file cannot be read or is empty, or all are too short.
    """
    return mean_bits(model.config, paths, partial(_bits_of_blocks, model))


def _bits_of_blocks(model: SampleRNN, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the bits of all levels (num_samples,) in `blocks`, from silence."""
    big_frame_size = model.config.big_frame_size
    segment = math.ceil(_SEGMENT / big_frame_size) * big_frame_size
    before = np.full(big_frame_size, model.config.q_levels // 2, np.int32)
    state = model.zero_state(1)
    for levels in _segments(blocks, segment):
        # the padding of the last segment comes after all counted samples: it has no effect
        padded = np.pad(levels, (0, segment - len(levels)))
        samples = np.concatenate([before, padded])
        bits, state = _segment_bits(model, tf.constant(samples[np.newaxis]), state)
        yield bits.numpy()[: len(levels)]
        before = samples[segment:]


def _segments(blocks: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Yield the levels in `blocks` in segments of `length`, the last of at most that."""
    rest = np.zeros(0, np.int32)
    for block in blocks:
        levels = np.concatenate([rest, block])
        whole = len(levels) // length * length
        yield from levels[:whole].reshape(-1, length)
        rest = levels[whole:]
    if len(rest):
        yield rest


@tf.function(jit_compile=True, autograph=False)
def _segment_bits(
    model: SampleRNN, samples: tf.Tensor, state: RNNState
) -> tuple[tf.Tensor, RNNState]:
    """Return the bits (T,) of each of the last T samples of (1, big + T), and the state."""
    logits, state = model(samples, state)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=samples[:, model.config.big_frame_size :], logits=logits
    )
    return nats[0] / math.log(2.0), state
