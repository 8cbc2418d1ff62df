"""Score with TensorFlow: how many bits per sample a model needs for given audio.

The negative log-likelihood in base 2, teacher-forced: the network sees the true samples
before the one it predicts. Each file begins after silence with a clean state, which is
carried through it segment by segment, so that the need of memory does not depend on its
length.
"""

import math
from collections.abc import Sequence
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
    return mean_bits(model.config, paths, partial(_total_bits, model))


def _total_bits(model: SampleRNN, levels: np.ndarray) -> float:
    """Return the bits for all of `levels` (num_samples,), from silence."""
    big_frame_size = model.config.big_frame_size
    segment = math.ceil(_SEGMENT / big_frame_size) * big_frame_size
    silence = np.full(big_frame_size, model.config.q_levels // 2, np.int32)
    # the padding of the last segment comes after all counted samples: it has no effect
    padding = np.zeros(-len(levels) % segment, np.int32)
    stream = np.concatenate([silence, levels, padding])
    state, total = model.zero_state(1), 0.0
    for begin in range(0, len(levels), segment):
        samples = stream[begin : begin + big_frame_size + segment]
        bits, state = _segment_bits(model, tf.constant(samples[np.newaxis]), state)
        total += float(bits.numpy()[: len(levels) - begin].sum(dtype=np.float64))
    return total


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
