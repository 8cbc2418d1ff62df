"""The training loop: epochs of steps, validation, checkpoints and previews.

A stop takes effect between two steps: Ctrl-C or a termination signal, the limit of steps or
of minutes. The loop then saves weights and state, and the next start resumes exactly there.
Where several machines train together, each runs this loop, and all stop after the same step,
whichever of them received the signal.

The parts: `stops` notes signals and watches the clock, `persistence` saves and resumes,
`epoch` takes steps and validates, `reporter` is the chief's hook.
"""

from dataclasses import dataclass
from typing import Any

from sopilib.model.network import SampleRNN, named_variables
from sopilib.training.checkpoint_writer import CheckpointWriter
from sopilib.training.dataset import Data
from sopilib.training.epoch import Epoch
from sopilib.training.hooks import Hook
from sopilib.training.network import Network
from sopilib.training.optimizer import Optimizer
from sopilib.training.persistence import Persistence, TrainingState
from sopilib.training.plan import Plan
from sopilib.training.position import Position
from sopilib.training.preview import PreviewRequest
from sopilib.training.replicas import OneReplica
from sopilib.training.reporter import Reporter
from sopilib.training.run_folder import RunFolder
from sopilib.training.step import Trainer
from sopilib.training.stops import Request, StopReason, Stops


@dataclass(frozen=True)
class Output:
    """Where results go.

    Attributes:
      run_folder: the run folder, or None on workers other than the chief.
      preview: what previews to make after a checkpoint, or None for none.
    """

    run_folder: RunFolder | None
    preview: PreviewRequest | None = None


class Training:
    """A training that runs, stops and resumes.

    Args:
      model: its variables are trained; made in the scope of `replicas`.
      data: to train on and to validate with.
      plan: settings of the training.
      output: where results go.
      replicas: the replicas that train.

    Attributes:
      steps_per_epoch: of all replicas together.
      left_out: lines about recordings that cannot be used.

    Raises:
      CheckpointError: the run folder's state is damaged or of another training.
    """

    def __init__(
        self,
        model: SampleRNN,
        data: Data,
        plan: Plan,
        output: Output,
        replicas: OneReplica = OneReplica(),
    ) -> None:
        self._plan, self._replicas, self._stops = plan, replicas, Stops(plan.max_minutes)
        self.left_out = data.left_out
        batch_size = plan.batch_size * replicas.num_replicas
        self.steps_per_epoch = data.train.steps_per_epoch(batch_size)
        self._optimizer = optimizer = make_optimizer(model, plan, replicas)
        self._state = TrainingState(model, optimizer, batch_size)
        self._persistence = Persistence(
            self._state,
            _fixed(model, data, plan, replicas),
            replicas,
            _chief_writer(model, plan, output),
            self._stops.restart_save_interval,
        )
        self._persistence.resume(plan.batch_size)
        self._hooks = _chief_hooks(model, plan, output, self.position.step, batch_size)
        network = Network(model, plan.mixed_precision)
        trainer = Trainer(network, optimizer, replicas, plan.input_noise)
        self._epoch = Epoch(trainer, self._persistence, data, plan, replicas, self._hooks)

    @property
    def plan(self) -> Plan:
        """The settings in force."""
        return self._plan

    @property
    def position(self) -> Position:
        """Where the training stands."""
        return self._state.position

    def begin_after(self, epoch: int) -> None:
        """Count epochs from `epoch` on, which another run has finished."""
        self.position.epoch = epoch
        self.position.step = self.position.first_step = epoch * self.steps_per_epoch

    def replan(self, plan: Plan) -> None:
        """Put other settings in force, from the next step on.

        Args:
          plan: it may differ in what is looked up step by step or epoch by epoch: the number of
            epochs and steps, the learning rate's schedule, the checkpoints.
        """
        self._plan = self._epoch.plan = plan
        for hook in self._hooks:
            hook.planned(plan)

    def add_hook(self, hook: Hook) -> None:
        """Call one more hook, after the others."""
        self._hooks.append(hook)

    def validate(self) -> tuple[float, float]:
        """Return nats per sample and accuracy on held-out sound."""
        with self._optimizer.averaged_weights():
            return self._epoch.validate()

    def run(self) -> StopReason:
        """Train until the plan's end or a stop; return why it ended.

        Raises:
          CheckpointError: something cannot be saved.
          SampleRNNError: the loss is no longer finite.
        """
        with self._stops.watched():
            self._persistence.save_first_state()
            reason = self._agreed(self._stops.signalled())
            while reason is None:
                reason = self._finished() or self._run_epoch()
        for hook in self._hooks:
            hook.end()
        return reason

    def _finished(self) -> StopReason | None:
        """Return why no further epoch begins, or None."""
        if self.position.epoch >= self._plan.num_epochs:
            return "epochs"
        if self.position.num_worse >= self._plan.early_stopping_patience:
            return "patience"
        return "steps" if self._all_steps_taken() else None

    def _all_steps_taken(self) -> bool:
        return self._plan.max_steps is not None and self.position.step >= self._plan.max_steps

    def _before_step(self) -> StopReason | None:
        return "steps" if self._all_steps_taken() else self._agreed(self._stops.due())

    def _agreed(self, request: Request | None) -> StopReason | None:
        """Agree with all workers on a request; save the state or return why to stop."""
        agreed = self._replicas.agreed(request)
        if agreed == "save":
            self._persistence.save_state()
            return None
        return agreed

    def _run_epoch(self) -> StopReason | None:
        """Run the rest of an epoch and save its results; return why to stop, or None."""
        self._stops.restart_save_interval()
        reason = self._epoch.take_steps(self._before_step)
        reason = reason or self._agreed(self._stops.signalled())
        if not self.position.step_in_epoch:
            return reason  # stopped before the first step, so all is saved
        if reason == "interrupted":
            self._persistence.save_state()
            with self._optimizer.averaged_weights():
                self._persistence.save_checkpoint(self.position.epoch + 1)
            return reason
        self._end_epoch()
        return reason or self._agreed(self._stops.signalled())

    def _end_epoch(self) -> None:
        """Validate and save an epoch, whole or, at a stop, a part of it."""
        number = self.position.epoch + 1
        is_whole = self.position.step_in_epoch >= self.steps_per_epoch
        with self._optimizer.averaged_weights():
            line = self._epoch.validated()
            if is_whole:
                self.position.count_epoch(self._plan.monitor, self._plan.monitored(line))
            if not is_whole or self._has_checkpoint(number):
                self._persistence.save_checkpoint(number)
                self._call_checkpoint_hooks(number)
            else:  # a stop within the epoch may have left one
                self._persistence.remove_checkpoint(number)
        self._persistence.save_state()

    def _has_checkpoint(self, number: int) -> bool:
        """Return whether the finished epoch `number` leaves a checkpoint."""
        plan = self._plan
        is_due = number % plan.checkpoint_every == 0 or number == plan.num_epochs
        return is_due and (plan.checkpoint_policy == "Always" or self.position.num_worse == 0)

    def _call_checkpoint_hooks(self, number: int) -> None:
        """Call the hooks of a checkpoint, unless a signal asks to stop soon."""
        if not self._stops.is_interrupted:
            for hook in self._hooks:
                hook.checkpoint(self.position, number)


def make_optimizer(model: SampleRNN, plan: Plan, replicas: OneReplica) -> Optimizer:
    """Return the optimizer of a plan for the variables of a model, in the scope of `replicas`."""
    variables = named_variables(model)
    with replicas.scope():
        return Optimizer(
            variables,
            plan.optimizer,
            plan.epsilon,
            plan.momentum,
            plan.clip_norm,
            plan.ema_momentum,
        )


def _chief_writer(model: SampleRNN, plan: Plan, output: Output) -> CheckpointWriter | None:
    """Return the checkpoint writer, on workers other than the chief None."""
    if output.run_folder is None:
        return None
    return CheckpointWriter(output.run_folder, model, plan.max_checkpoints)


def _chief_hooks(
    model: SampleRNN, plan: Plan, output: Output, last_step: int, batch_size: int
) -> list[Hook]:
    """Return the hooks, on workers other than the chief none."""
    if output.run_folder is None:
        return []
    samples_per_step = batch_size * model.config.seq_len
    return [Reporter(output.run_folder, model, plan, output.preview, last_step, samples_per_step)]


def _fixed(model: SampleRNN, data: Data, plan: Plan, replicas: OneReplica) -> dict[str, Any]:
    """Return the settings that a resumed training must share, ready for JSON."""
    return {
        **plan.fixed(),
        "num_replicas": replicas.num_replicas,
        "config": model.config.to_dict(),
        "chunk_length": data.train.chunk_length,
        "corpus": data.train.checksum,
        "recordings": data.recordings,
    }
