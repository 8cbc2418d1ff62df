"""Measure how fast this machine trains: a few steps, of which the first ones do not count."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from sopilib.model.config import ModelConfig
from sopilib.model.network import SampleRNN
from sopilib.training.dataset import Data, step_seed
from sopilib.training.loop import make_optimizer
from sopilib.training.network import Network
from sopilib.training.plan import Plan
from sopilib.training.replicas import OneReplica
from sopilib.training.step import Trainer
from sopilib.training.time_budget import Clock

# steps before the clock starts: the first includes compilation
_WARM_UP_STEPS = 2
_LEAST_STEPS = 2
_SHORTEST_S = 1e-6  # a step, so that a coarse clock cannot make it 0
# of a step's time that a step of validation takes, which has no backward pass
_VALIDATION_PART = 0.4


@dataclass(frozen=True)
class TrainingSpeed:
    """What a training on this machine takes.

    Attributes:
      first_s: seconds from nothing to the first step's end.
      step_s: seconds of a step.
      validation_s: seconds of a validation, estimated.
      steps_per_epoch: steps of an epoch.
      samples_per_step: of all replicas together.
    """

    first_s: float
    step_s: float
    validation_s: float
    steps_per_epoch: int
    samples_per_step: int

    @property
    def epoch_s(self) -> float:
        """Seconds of an epoch with its validation."""
        return self.steps_per_epoch * self.step_s + self.validation_s

    @property
    def overhead_s(self) -> float:
        """Seconds of a stage that train nothing: compilation, and the last validation."""
        return 2 * self.first_s + self.validation_s


def measure_training(
    config: ModelConfig,
    plan: Plan,
    data: Data,
    replicas: OneReplica,
    limit_s: float,
    clock: Clock = time.monotonic,
) -> TrainingSpeed:
    """Return how fast this machine trains a model that is thrown away.

    Args:
      config: of the model.
      plan: of the training.
      data: to train on.
      replicas: the replicas that train.
      limit_s: seconds to measure, after the warm-up.
      clock: seconds that only rise.
    """
    began = clock()
    with replicas.scope():
        model = SampleRNN(config, plan.rng_seed)
    optimizer = make_optimizer(model, plan, replicas)
    trainer = Trainer(Network(model, plan.mixed_precision), optimizer, replicas, plan.input_noise)
    batch_size = plan.batch_size * replicas.num_replicas
    batches = data.train.training_batches(batch_size, plan.rng_seed, 0).repeat()
    state, ends = model.zero_state(batch_size), [began]  # when steps ended
    for number, (samples, is_first) in enumerate(batches):
        seed = step_seed(plan.rng_seed, number)
        metrics, state = trainer.train(samples, state, is_first, plan.learning_rate, seed)
        float(metrics.nats)  # waits for the step
        ends.append(clock())
        timed = ends[_WARM_UP_STEPS:]
        if len(timed) > _LEAST_STEPS and timed[-1] - timed[0] >= limit_s:
            break
    sample_s = usual_step_s(timed) / (batch_size * config.seq_len)
    return _training_speed(ends[1] - began, sample_s, config, plan, data, replicas)


def usual_step_s(ends: Sequence[float]) -> float:
    """Return the median time of a step, which a moment without the processor does not change.

    Args:
      ends: when two steps or more ended, in seconds.
    """
    return max(_SHORTEST_S, median(after - before for before, after in pairwise(ends)))


def estimated(
    speed: TrainingSpeed, config: ModelConfig, plan: Plan, data: Data, replicas: OneReplica
) -> TrainingSpeed:
    """Return the speed of another training if a sample takes as long as in the measured one."""
    sample_s = speed.step_s / speed.samples_per_step
    return _training_speed(speed.first_s, sample_s, config, plan, data, replicas)


def _training_speed(
    first_s: float,
    sample_s: float,
    config: ModelConfig,
    plan: Plan,
    data: Data,
    replicas: OneReplica,
) -> TrainingSpeed:
    """Return the TrainingSpeed where a sample takes `sample_s` seconds."""
    batch_size = plan.batch_size * replicas.num_replicas
    step_s = sample_s * batch_size * config.seq_len
    validation = data.validation
    num_batches = -(-validation.num_chunks // plan.batch_size)
    validation_steps = num_batches * validation.segments_per_chunk
    return TrainingSpeed(
        first_s=first_s,
        step_s=step_s,
        validation_s=_VALIDATION_PART * validation_steps * step_s,
        steps_per_epoch=data.train.steps_per_epoch(batch_size),
        samples_per_step=batch_size * config.seq_len,
    )
