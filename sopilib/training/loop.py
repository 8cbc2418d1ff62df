"""The training loop: epochs of steps, validation, checkpoints, previews, and going on.

A stop takes effect between two steps: Ctrl-C or a termination signal, the number of
steps or minutes. Then weights and state are saved, and the next start goes on as if
there had been no stop.
"""

import math
import signal
import time
from dataclasses import dataclass

import numpy as np

from sopilib.dataset import dropout_seed
from sopilib.errors import CheckpointError, SampleRNNError
from sopilib.model import RNNState, named_variables
from sopilib.quiet_tensorflow import tf
from sopilib.training.log import Log
from sopilib.training.network import Network
from sopilib.training.optimizer import Optimizer
from sopilib.training.preview import make_previews
from sopilib.training.progress import Progress
from sopilib.training.state import STATE_NAME, load_state, save_state
from sopilib.training.step import NATS_PER_BIT, Trainer

# the state is saved so often within an epoch
STATE_EVERY_S = 300.0


@dataclass
class Position:
    """Where a training stands, ready for JSON.

    Attributes:
      step: steps taken.
      epoch: epochs finished, their validation included.
      step_in_epoch: steps taken of the one after these.
      nats, accuracy: sums of the steps' means in it.
      best: lowest bits per sample of the monitored loss, or None.
      best_epoch: whose checkpoint that is, or None.
      num_worse: epochs since then.
    """

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    nats: float = 0.0
    accuracy: float = 0.0
    best: float = None
    best_epoch: int = None
    num_worse: int = 0


@dataclass(frozen=True)
class Data:
    """Corpora to train on and to validate with, of `sopilib.dataset`."""

    train: object
    validation: object


@dataclass(frozen=True)
class Output:
    """Where things go.

    Attributes:
      run_folder: RunFolder.
      preview: PreviewRequest, or None for no previews.
    """

    run_folder: object
    preview: object = None


class Training:
    """A training that runs, stops and goes on.

    Args:
      model: SampleRNN, its variables are trained.
      data: Data.
      plan: Plan.
      output: Output.

    Attributes:
      position: Position.

    Raises:
      CheckpointError: the run folder's state is damaged or of another training.
    """

    def __init__(self, model, data, plan, output):
        self._model, self._data, self._plan, self._output = model, data, plan, output
        self._folder = output.run_folder
        optimizer = Optimizer(
            named_variables(model), plan.optimizer, plan.epsilon, plan.momentum, plan.clip_norm
        )
        self._optimizer = optimizer
        self._trainer = Trainer(Network(model, plan.mixed_precision), optimizer)
        self._rnn_state = model.zero_state(plan.batch_size)
        self.position = Position()
        self.steps_per_epoch = data.train.steps_per_epoch(plan.batch_size)
        self._stop_reason = None
        self._go_on()
        self._samples_per_step = plan.batch_size * model.config.seq_len
        self._log = Log(
            self._folder.path, self.position.step, plan.log_every, self._samples_per_step
        )

    def begin_after(self, epoch):
        """Count epochs on from one that another run has finished."""
        self.position.epoch, self.position.step = epoch, epoch * self.steps_per_epoch

    # what is saved, by name in the state's file

    def _variables(self):
        weights = {f"weights/{k}": v for k, v in named_variables(self._model).items()}
        slots = {f"optimizer/{k}": v for k, v in self._optimizer.slots.items()}
        return {**weights, **slots, "optimizer/iterations": self._optimizer.iterations}

    def _fixed(self):
        return {
            **self._plan.fixed(),
            "config": self._model.config.to_dict(),
            "chunk_length": self._data.train.chunk_length,
            "corpus": self._data.train.checksum,
        }

    def _go_on(self):
        """Take up the run folder's state, if there is one."""
        saved = load_state(self._folder.path)
        if saved is None:
            return
        self._folder.remove_unfinished()
        try:
            self._take_up(*saved)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the training state in {self._folder.path} is of another version: {error!r} (go "
                "on from a checkpoint with --resume_from)"
            ) from error

    def _take_up(self, progress, arrays):
        for name, value in self._fixed().items():
            if progress["fixed"].get(name) != value:
                raise CheckpointError(
                    f"{self._folder.path} was trained with another {name}, "
                    f"{progress['fixed'].get(name)}, not {value} (give the same, or begin a new "
                    "run with --resume False)"
                )
        self.position = Position(**progress["position"])
        for name, variable in self._variables().items():
            variable.assign(arrays[name])
        self._rnn_state = RNNState(*(tf.constant(arrays[f"state/{n}"]) for n in RNNState._fields))

    def _save_state(self):
        arrays = {name: variable.numpy() for name, variable in self._variables().items()}
        for name, part in self._rnn_state._asdict().items():
            arrays[f"state/{name}"] = part.numpy()
        progress = {"position": vars(self.position), "fixed": self._fixed()}
        save_state(self._folder.path, progress, arrays)

    # running

    def run(self):
        """Train until the plan's end or a stop.

        Returns:
          Why it ended: 'epochs', 'patience', 'steps', 'minutes' or 'interrupted'.

        Raises:
          CheckpointError: something cannot be saved.
          SampleRNNError: the loss is no longer finite.
        """
        deadline = math.inf
        if self._plan.max_minutes is not None:
            deadline = time.monotonic() + 60 * self._plan.max_minutes
        with self._signals_noted():
            if not (self._folder.path / STATE_NAME).exists():
                self._save_state()  # so that whatever happens, this run is gone on with
            while self._stop_reason is None:
                if self.position.epoch >= self._plan.num_epochs:
                    self._stop_reason = "epochs"
                elif self.position.num_worse >= self._plan.early_stopping_patience:
                    self._stop_reason = "patience"
                elif self._all_steps_done():
                    self._stop_reason = "steps"
                else:
                    self._epoch(deadline)
        self._log.flush()
        return self._stop_reason

    def _all_steps_done(self):
        return self._plan.max_steps is not None and self.position.step >= self._plan.max_steps

    def _signals_noted(self):
        def note(number, _):
            self._stop_reason = "interrupted"
            signal.signal(number, previous[number])  # a second one ends at once

        previous = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
        return _Restored(previous)

    def _epoch(self, deadline):
        """The rest of an epoch, and what follows it."""
        position, plan = self.position, self._plan
        with Progress(position, self.steps_per_epoch, plan) as progress:
            self._steps(deadline, progress)
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
        if not is_whole or number % plan.checkpoint_every == 0 or number == plan.num_epochs:
            if plan.checkpoint_policy == "Always" or not is_whole or position.num_worse == 0:
                self._save_model(number)
                self._preview(number)
        self._save_state()

    def _steps(self, deadline, progress):
        position, plan = self.position, self._plan
        batches = self._data.train.training_batches(
            plan.batch_size, plan.rng_seed, position.epoch, position.step_in_epoch
        )
        self._log.begin_stretch()
        saved_at = time.monotonic()
        for samples, is_first in batches:
            if self._stop_reason is None and time.monotonic() > deadline:
                self._stop_reason = "minutes"
            if self._all_steps_done():
                self._stop_reason = "steps"
            if self._stop_reason is not None:
                break
            self._step(samples, is_first, progress)
            if time.monotonic() - saved_at > STATE_EVERY_S:
                self._save_state()
                saved_at = time.monotonic()
        self._log.end_stretch(position)

    def _step(self, samples, is_first, progress):
        position, plan = self.position, self._plan
        rate = plan.learning_rate_at(position.step, self.steps_per_epoch)
        seed = dropout_seed(plan.rng_seed, position.step)
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
        nats, accuracy = self.validate()
        line = {
            "bits_per_sample": position.nats / max(1, position.step_in_epoch) / NATS_PER_BIT,
            "accuracy": position.accuracy / max(1, position.step_in_epoch),
            "val_bits_per_sample": nats / NATS_PER_BIT,
            "val_accuracy": accuracy,
        }
        if not math.isfinite(nats):
            self._fail_not_finite(nats)
        self._log.epoch(position, line)
        print(
            f"epoch {position.epoch + 1}, step {position.step}: "
            f"{line['bits_per_sample']:.4f} bits per sample, held out "
            f"{line['val_bits_per_sample']:.4f}, accuracy {100 * accuracy:.1f} %",
            flush=True,
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
        name = "val_bits_per_sample" if self._plan.monitor == "val_loss" else "bits_per_sample"
        position.epoch += 1
        position.step_in_epoch, position.nats, position.accuracy = 0, 0.0, 0.0
        if position.best is None or line[name] < position.best:
            position.best, position.best_epoch, position.num_worse = line[name], position.epoch, 0
        else:
            position.num_worse += 1

    def _save_model(self, number):
        best_epoch, keep = self.position.best_epoch, self._plan.max_checkpoints
        self._folder.save_model(self._model, number, best_epoch, keep)

    def _preview(self, number):
        """Previews of a checkpoint; what goes wrong with them is told and costs no more."""
        if self._output.preview is None or self._stop_reason == "interrupted":
            return
        try:
            for name, sound, picture in make_previews(self._model, number, self._output.preview):
                rate = self._model.config.sample_rate
                self._log.preview(self.position.step, name, sound, rate, picture.read_bytes())
        except (SampleRNNError, OSError) as error:
            print(f"no preview: {error}", flush=True)

    def _fail_not_finite(self, nats):
        epochs = self._folder.epochs()
        left = f"model.ckpt-{epochs[-1]} is intact" if epochs else "no checkpoint was written yet"
        raise SampleRNNError(
            f"the loss is {nats} at step {self.position.step + 1}; {left} in {self._folder.path} "
            "(lower --learning_rate, or raise --warmup_steps)"
        )


class _Restored:
    """Puts signal handlers back at the end of a with block."""

    def __init__(self, previous):
        self._previous = previous

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
