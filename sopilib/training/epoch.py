"""An epoch of a training: its steps, then its validation."""

import contextlib
import math
from collections.abc import Callable, Sequence

import numpy as np

from sopilib.errors import SampleRNNError
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.dataset import Data, step_seed
from sopilib.training.hooks import EpochLine, Hook, StepResult
from sopilib.training.persistence import Persistence
from sopilib.training.plan import Plan
from sopilib.training.replicas import OneReplica
from sopilib.training.step import NATS_PER_BIT, Trainer
from sopilib.training.stops import StopReason

# returns why to stop before the next step, or None to take it
BeforeStep = Callable[[], StopReason | None]


class Epoch:
    """Takes the steps of an epoch, or the rest of them, and validates.

    Args:
      trainer: takes the steps.
      persistence: of the state, which advances with each step.
      data: to train on and to validate with.
      plan: of the training.
      replicas: the replicas that train.
      hooks: called on the chief alone.

    Attributes:
      plan: see above; it may be replaced between two steps.
    """

    def __init__(
        self,
        trainer: Trainer,
        persistence: Persistence,
        data: Data,
        plan: Plan,
        replicas: OneReplica,
        hooks: Sequence[Hook],
    ) -> None:
        self._trainer, self._data, self.plan = trainer, data, plan
        self._persistence, self._state = persistence, persistence.state
        self._replicas, self._hooks = replicas, hooks
        self._batch_size = plan.batch_size * replicas.num_replicas
        self._steps_per_epoch = data.train.steps_per_epoch(self._batch_size)

    def take_steps(self, before_step: BeforeStep) -> StopReason | None:
        """Take steps until the epoch ends or `before_step` returns a reason to stop.

        Returns:
          The reason, or None at the end of the epoch.

        Raises:
          SampleRNNError: the loss is no longer finite.
        """
        position, plan = self._state.position, self.plan
        rows = self._replicas.own_rows(plan.batch_size)
        batches = self._data.train.training_batches(
            self._batch_size, plan.rng_seed, position.epoch, position.step_in_epoch, rows
        )
        with contextlib.ExitStack() as stack:
            for hook in self._hooks:
                stack.enter_context(hook.steps(position, self._steps_per_epoch))
            for samples, is_first in batches:
                reason = before_step()
                if reason is not None:
                    return reason
                self._step(samples, is_first)
        return None

    def _step(self, samples: tf.Tensor, is_first: tf.Tensor) -> None:
        state, plan, position = self._state, self.plan, self._state.position
        rate = plan.learning_rate_at(position.step, self._steps_per_epoch, position.first_step)
        seed = step_seed(plan.rng_seed, position.step)
        metrics, state.rnn_state = self._trainer.train(
            samples, state.rnn_state, is_first, rate, seed
        )
        result = StepResult(float(metrics.nats), float(metrics.accuracy), rate)
        self._check_finite(result.nats)
        position.count_step(result.nats, result.accuracy)
        for hook in self._hooks:
            hook.step(position, result)

    def validated(self) -> EpochLine:
        """Validate, and return the means of the steps so far and of the held-out sound.

        Raises:
          SampleRNNError: the held-out loss is not finite.
        """
        position = self._state.position
        nats, accuracy = self._replicas.by_chief(self.validate)
        num_steps = max(1, position.step_in_epoch)
        line = EpochLine(
            bits_per_sample=position.nats / num_steps / NATS_PER_BIT,
            accuracy=position.accuracy / num_steps,
            val_bits_per_sample=nats / NATS_PER_BIT,
            val_accuracy=accuracy,
        )
        self._check_finite(nats)
        for hook in self._hooks:
            hook.epoch(position, line)
        return line

    def validate(self) -> tuple[float, float]:
        """Return nats per sample and accuracy on held-out sound."""
        state, nats, num_correct, num_samples = None, 0.0, 0.0, 0
        for batches, num_chunks in self._data.validation.validation_batches(self.plan.batch_size):
            for samples, is_first in batches:
                if state is None:
                    state = self._state.model.zero_state(samples.shape[0])
                nats_of_each, hits, state = self._trainer.validate(samples, state, is_first)
                nats += float(np.sum(nats_of_each[:num_chunks], dtype=np.float64))
                num_correct += float(np.sum(hits[:num_chunks], dtype=np.float64))
                num_samples += num_chunks * self._state.model.config.seq_len
        return nats / num_samples, num_correct / num_samples

    def _check_finite(self, nats: float) -> None:
        if not math.isfinite(nats):
            step = self._state.position.step + 1
            raise SampleRNNError(
                f"the loss is {nats} at step {step}; {self._persistence.intact_text()} (lower "
                "--learning_rate, or raise --warmup_steps)"
            )
