"""One training step and one validation step, compiled."""

import math
from typing import NamedTuple

import numpy as np

from sopilib.model.network import RNNState
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.network import Network
from sopilib.training.noise import with_noise
from sopilib.training.optimizer import Optimizer
from sopilib.training.replicas import OneReplica

NATS_PER_BIT = math.log(2.0)


class Metrics(NamedTuple):
    """Means over a segment's samples: nats, and the part whose likeliest level is right."""

    nats: tf.Tensor
    accuracy: tf.Tensor


class Trainer:
    """Takes steps: a segment of samples in, variables updated, RNN state out.

    Args:
      network: computes the loss.
      optimizer: of the variables in `network.model`.
      replicas: the replicas that train.
      input_noise: part of the sequences whose input is noisy, or None.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        replicas: OneReplica = OneReplica(),
        input_noise: float | None = None,
    ) -> None:
        self._network, self._optimizer, self._replicas = network, optimizer, replicas
        self._input_noise = input_noise
        self._train = tf.function(replicas.over(self._train_once), autograph=False)
        self._validate = tf.function(self._validate_once, autograph=False)

    def train(
        self,
        samples: tf.Tensor,
        state: RNNState,
        is_first: tf.Tensor,
        learning_rate: float,
        random_seed: np.ndarray,
    ) -> tuple[Metrics, RNNState]:
        """Update the variables; return the metrics before the update, and the state after it.

        Args:
          samples: int32 (num_seqs, big_frame_size + seq_len), the rows of this process; the
            metrics are those of all rows.
          state: what the segment before left.
          is_first: bool (), whether to begin with a zero state instead.
          learning_rate: of this update.
          random_seed: int32 (2,), of dropout and input noise.
        """
        rate = tf.constant(learning_rate, tf.float32)
        return self._train(samples, state, is_first, rate, tf.constant(random_seed))

    def validate(
        self, samples: tf.Tensor, state: RNNState, is_first: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, RNNState]:
        """Return nats and right guesses of each sequence, float32 (num_seqs,), and the state.

        There is no dropout and no input noise, and no update.
        """
        return self._validate(samples, state, is_first)

    def _train_once(
        self,
        samples: tf.Tensor,
        state: RNNState,
        is_first: tf.Tensor,
        learning_rate: tf.Tensor,
        random_seed: tf.Tensor,
    ) -> tuple[Metrics, RNNState]:
        config = self._network.model.config
        dropout_seed = random_seed if config.rnn_dropout else None
        noisy = None
        if self._input_noise:
            noisy = with_noise(samples, config.q_levels, self._input_noise, random_seed)
        variables = self._optimizer.variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss = self._network.loss(samples, _cleared(state, is_first), dropout_seed, noisy)
            num_samples = samples.shape[0] * (samples.shape[1] - config.big_frame_size)
            nats = tf.reduce_sum(loss.nats) / num_samples
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(nats, variables)]
        accuracy = tf.reduce_sum(loss.num_correct) / num_samples
        nats, accuracy, *gradients = self._replicas.means([nats, accuracy, *gradients])
        self._optimizer.apply(gradients, learning_rate)
        return Metrics(nats, accuracy), loss.state

    def _validate_once(
        self, samples: tf.Tensor, state: RNNState, is_first: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, RNNState]:
        loss = self._network.loss(samples, _cleared(state, is_first))
        return loss.nats, loss.num_correct, loss.state


def _cleared(state: RNNState, is_first: tf.Tensor) -> RNNState:
    return RNNState(*(tf.where(is_first, 0.0, part) for part in state))
