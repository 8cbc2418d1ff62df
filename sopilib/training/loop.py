"""The training loop: epochs of steps, validation, checkpoints, previews, and going on.

A stop takes effect between two steps: Ctrl-C or a termination signal, the number of
steps or minutes. Then weights and state are saved, and the next start goes on as if
there had been no stop. Where several machines train together, each runs this loop,
and all stop after the same step, whichever of them was told to.
"""

import contextlib
import math
import signal
import time
from dataclasses import dataclass

import numpy as np

from sopilib.errors import CheckpointError, SampleRNNError
from sopilib.model.network import RNNState, named_variables
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.dataset import step_seed
from sopilib.training.keeper import Keeper, NoKeeper
from sopilib.training.network import Network
from sopilib.training.optimizer import Optimizer
from sopilib.training.replicas import OneReplica
from sopilib.training.step import NATS_PER_BIT, Trainer

# the state is saved so often within an epoch
STATE_EVERY_S = 300.0


@dataclass
class Position:
    """Where a training stands, ready for JSON.

    Attributes:
      step: steps taken.
      first_step: those that another run had taken when this one began with its weights.
      epoch: epochs finished, their validation included.
      step_in_epoch: steps taken of the one after these.
      nats, accuracy: sums of the steps' means in it.
      best: lowest of the monitored value, see `Plan.monitored`, or None.
      monitor: what that value is; None in states that are older than this choice.
      best_epoch: whose checkpoint that is, or None.
      num_worse: epochs since then.
    """

    step: int = 0
    first_step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    nats: float = 0.0
    accuracy: float = 0.0
    best: float = None
    best_epoch: int = None
    num_worse: int = 0
    monitor: str | None = None


@dataclass(frozen=True)
class Data:
    """Corpora to train on and to validate with, of `sopilib.training.dataset`."""

    train: object
    validation: object


class Training:
    """A training that runs, stops and goes on.

    Args:
      model: SampleRNN, its variables are trained; made in the scope of `replicas`.
      data: Data.
      plan: Plan.
      output: Output.
      replicas: those that train, of `sopilib.training.replicas`.

    Attributes:
      position: Position.
      steps_per_epoch: int.

    Raises:
      CheckpointError: the run folder's state is damaged or of another training.
    """

    def __init__(self, model, data, plan, output, replicas=OneReplica()):
        self._model, self._data, self._plan, self._replicas = model, data, plan, replicas
        self._keeper = Keeper(output, model, plan) if replicas.is_chief else NoKeeper()
        with replicas.scope():
            self._optimizer = Optimizer(
                named_variables(model), plan.optimizer, plan.epsilon, plan.momentum, plan.clip_norm
            )
        network = Network(model, plan.mixed_precision)
        self._trainer = Trainer(network, self._optimizer, replicas, plan.input_noise)
        self._batch_size = plan.batch_size * replicas.num_replicas
        self.position = Position()
        self.steps_per_epoch = data.train.steps_per_epoch(self._batch_size)
        self._asked = self._stop_reason = None
        self._deadline, self._saved_at = math.inf, time.monotonic()
        self._begin()
        self._samples_per_step = self._batch_size * model.config.seq_len
        self._log = self._keeper.open_log(self.position.step, self._samples_per_step)

    def begin_after(self, epoch):
        """Count epochs on from one that another run has finished."""
        self.position.epoch = epoch
        self.position.step = self.position.first_step = epoch * self.steps_per_epoch

    # what is saved, by name in the state's file

    def _variables(self):
        weights = {f"weights/{k}": v for k, v in named_variables(self._model).items()}
        slots = {f"optimizer/{k}": v for k, v in self._optimizer.slots.items()}
        return {**weights, **slots, "optimizer/iterations": self._optimizer.iterations}

    def _arrays(self, rnn_state):
        arrays = {name: variable.numpy() for name, variable in self._variables().items()}
        parts = {f"state/{name}": np.asarray(part) for name, part in rnn_state._asdict().items()}
        return {**arrays, **parts}

    def _fixed(self):
        return {
            **self._plan.fixed(),
            "num_replicas": self._replicas.num_replicas,
            "config": self._model.config.to_dict(),
            "chunk_length": self._data.train.chunk_length,
            "corpus": self._data.train.checksum,
        }

    # beginning and saving

    def _begin(self):
        """Take up the run folder's state, if there is one; all begin where the chief does."""
        self._rnn_state = self._model.zero_state(self._batch_size)  # of all replicas
        self.position = Position(**self._replicas.by_chief(self._go_on))
        if self._replicas.num_workers > 1:
            self._assign(self._replicas.chiefs(self._arrays(self._rnn_state)))
        rows = self._replicas.own_rows(self._plan.batch_size)
        self._rnn_state = RNNState(*(part[:, :, rows] for part in self._rnn_state))

    def _go_on(self):
        """Take up what is saved; returns the position that it leaves, ready for JSON."""
        saved = self._keeper.load_state()
        if saved is None:
            return vars(self.position)
        try:
            self._check_fixed(saved[0]["fixed"])
            self._assign(saved[1])
            return vars(Position(**saved[0]["position"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the training state in {self._keeper.path} is of another version: {error!r} (go "
                "on from a checkpoint with --resume_from)"
            ) from error

    def _check_fixed(self, saved):
        saved = {"num_replicas": 1, **saved}  # those before there were several
        for name, value in self._fixed().items():
            if saved.get(name) != value:
                raise CheckpointError(
                    f"{self._keeper.path} was trained with another {name}, {saved.get(name)}, not "
                    f"{value} (give the same, or begin a new run with --resume False)"
                )

    def _assign(self, arrays):
        for name, variable in self._variables().items():
            variable.assign(arrays[name])
        parts = (arrays[f"state/{name}"] for name in RNNState._fields)
        self._rnn_state = RNNState(*map(tf.constant, parts))

    def _save_state(self):
        arrays = self._arrays(self._replicas.gathered(self._rnn_state))
        progress = {"position": vars(self.position), "fixed": self._fixed()}
        self._replicas.by_chief(lambda: self._keeper.save_state(progress, arrays))
        self._saved_at = time.monotonic()

    def _save_model(self, number):
        best_epoch = self.position.best_epoch
        self._replicas.by_chief(lambda: self._keeper.save_model(number, best_epoch))

    # running

    def run(self):
        """Train until the plan's end or a stop.

        Returns:
          Why it ended: 'epochs', 'patience', 'steps', 'minutes' or 'interrupted'.

        Raises:
          CheckpointError: something cannot be saved.
          SampleRNNError: the loss is no longer finite.
        """
        if self._plan.max_minutes is not None:
            self._deadline = time.monotonic() + 60 * self._plan.max_minutes
        with self._signals_noted():
            if not self._replicas.by_chief(lambda: self._keeper.has_state()):
                self._save_state()  # so that whatever happens, this run is gone on with
            self._heed(self._asked)
            while self._stop_reason is None:
                if self.position.epoch >= self._plan.num_epochs:
                    self._stop_reason = "epochs"
                elif self.position.num_worse >= self._plan.early_stopping_patience:
                    self._stop_reason = "patience"
                elif self._all_steps_done():
                    self._stop_reason = "steps"
                else:
                    self._epoch()
        self._log.flush()
        return self._stop_reason

    def _all_steps_done(self):
        return self._plan.max_steps is not None and self.position.step >= self._plan.max_steps

    @contextlib.contextmanager
    def _signals_noted(self):
        def note(number, _):
            self._asked = "interrupted"
            signal.signal(number, previous[number])  # a second one ends at once

        previous = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _due(self):
        """What the clock asks for: of `WISHES`, or None."""
        if time.monotonic() > self._deadline:
            return "minutes"
        return "save" if time.monotonic() - self._saved_at > STATE_EVERY_S else None

    def _heed(self, wish):
        """Stop, or save the state, if any worker wishes it."""
        wish = self._replicas.agreed(wish)
        if wish == "save":
            self._save_state()
        elif wish is not None:
            self._stop_reason = wish

    def _epoch(self):
        """The rest of an epoch, and what follows it."""
        position = self.position
        with self._keeper.progress(position, self.steps_per_epoch) as progress:
            self._steps(progress)
        if not position.step_in_epoch:
            return  # stopped before the first: all is saved
        is_whole = position.step_in_epoch >= self.steps_per_epoch
        if self._stop_reason == "interrupted":
            self._save_state()
            self._save_model(position.epoch + 1)
            return
        line = self._validated()
        number = position.epoch + 1
        if is_whole:
            self._count_epoch(line)
        if not is_whole or self._has_checkpoint(number):
            self._save_model(number)
            self._replicas.by_chief(lambda: self._preview(number))
        else:  # a stop in mid-epoch may have left one
            self._replicas.by_chief(lambda: self._keeper.remove_model(number))
        self._save_state()
        if self._stop_reason is None:
            self._heed(self._asked)

    def _has_checkpoint(self, number):
        """Whether the epoch that has ended is one of those that leave a checkpoint."""
        plan = self._plan
        is_due = number % plan.checkpoint_every == 0 or number == plan.num_epochs
        return is_due and (plan.checkpoint_policy == "Always" or self.position.num_worse == 0)

    def _steps(self, progress):
        position, plan = self.position, self._plan
        rows = self._replicas.own_rows(plan.batch_size)
        batches = self._data.train.training_batches(
            self._batch_size, plan.rng_seed, position.epoch, position.step_in_epoch, rows
        )
        self._log.begin_stretch()
        self._saved_at = time.monotonic()
        for samples, is_first in batches:
            if self._all_steps_done():
                self._stop_reason = "steps"
            else:
                self._heed(self._asked or self._due())
            if self._stop_reason is not None:
                break
            self._step(samples, is_first, progress)
        if self._stop_reason is None:
            self._heed(self._asked)
        self._log.end_stretch(position)

    def _step(self, samples, is_first, progress):
        position, plan = self.position, self._plan
        rate = plan.learning_rate_at(position.step, self.steps_per_epoch, position.first_step)
        seed = step_seed(plan.rng_seed, position.step)
        metrics, self._rnn_state = self._trainer.train(
            samples, self._rnn_state, is_first, rate, seed
        )
        nats, accuracy = float(metrics.nats), float(metrics.accuracy)
        if not math.isfinite(nats):
            self._fail_not_finite(nats)
        position.step += 1
        position.step_in_epoch += 1
        position.nats += nats
        position.accuracy += accuracy
        self._log.step(position, nats, accuracy, rate)
        progress.show(nats / NATS_PER_BIT, accuracy, self._samples_per_step)

    def _validated(self):
        """The line of the history of the epoch so far, with held-out bits."""
        position = self.position
        nats, accuracy = self._replicas.by_chief(self.validate)
        line = {
            "bits_per_sample": position.nats / max(1, position.step_in_epoch) / NATS_PER_BIT,
            "accuracy": position.accuracy / max(1, position.step_in_epoch),
            "val_bits_per_sample": nats / NATS_PER_BIT,
            "val_accuracy": accuracy,
        }
        if not math.isfinite(nats):
            self._fail_not_finite(nats)
        self._log.epoch(position, line)
        self._keeper.say(
            f"epoch {position.epoch + 1}, step {position.step}: "
            f"{line['bits_per_sample']:.4f} bits per sample, held out "
            f"{line['val_bits_per_sample']:.4f}, accuracy {100 * accuracy:.1f} %"
        )
        return line

    def validate(self):
        """Nats per sample and accuracy on what is held out."""
        state, nats, num_correct, num_samples = None, 0.0, 0.0, 0
        for batches, num_chunks in self._data.validation.validation_batches(self._plan.batch_size):
            for samples, is_first in batches:
                if state is None:
                    state = self._model.zero_state(samples.shape[0])
                of_each, hits, state = self._trainer.validate(samples, state, is_first)
                nats += float(np.sum(of_each[:num_chunks], dtype=np.float64))
                num_correct += float(np.sum(hits[:num_chunks], dtype=np.float64))
                num_samples += num_chunks * self._model.config.seq_len
        return nats / num_samples, num_correct / num_samples

    def _count_epoch(self, line):
        position = self.position
        value = self._plan.monitored(line)
        if (position.monitor or "val_loss") != self._plan.monitor:
            position.best = None  # of something else
        position.monitor = self._plan.monitor
        position.epoch += 1
        position.step_in_epoch, position.nats, position.accuracy = 0, 0.0, 0.0
        if position.best is None or value < position.best:
            position.best, position.best_epoch, position.num_worse = value, position.epoch, 0
        else:
            position.num_worse += 1

    def _preview(self, number):
        if self._asked is None:
            self._keeper.preview(number, self.position.step, self._log)

    def _fail_not_finite(self, nats):
        intact = self._replicas.by_chief(lambda: self._keeper.what_is_intact())
        raise SampleRNNError(
            f"the loss is {nats} at step {self.position.step + 1}; {intact} (lower "
            "--learning_rate, or raise --warmup_steps)"
        )
