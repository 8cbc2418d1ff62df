"""The search for good settings: Keras Tuner chooses them, our training tries them.

Every trial is a run folder within the folder that Keras Tuner has for it:

    LOGDIR_ROOT/NAME/oracle.json, trial_N/trial.json    Keras Tuner's state
    LOGDIR_ROOT/NAME/trial_N/DATE                       the run
    LOGDIR_ROOT/NAME/trial_N/outcome.json               what became of it, see `Outcome`

A search on one machine owns the oracle, which chooses. Of several processes the chief owns
it, and workers ask it through Keras Tuner's protocol; they share LOGDIR_ROOT. A trial that
is stopped is gone on with by the one that it was given to, or, on one machine, first of all.
"""

import dataclasses
import gc
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.errors import FailedTrialError, FatalError
from keras_tuner.src import config as keras_tuner_config

from sopilib.errors import CheckpointError, RequestError, SampleRNNError
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.chief import serve
from sopilib.training.history import HISTORY_NAME, read_history
from sopilib.training.oracles import COMPLETED, FAILED, OBJECTIVE, make_oracle
from sopilib.training.ranking import Outcome, Row, ranked
from sopilib.training.run_folder import RunFolder
from sopilib.training.setup import Sources, prepare

keras_tuner_config.DEBUG = False  # a trial that fails is told in one line, without a traceback

# between two questions of a worker, when the oracle has to wait for others
_IDLE_S = 1.0


@dataclass(frozen=True)
class SearchRequest:
    """What is searched, how, and where it goes.

    Attributes:
      name: of the search.
      folder: Path of LOGDIR_ROOT/NAME, exists.
      data: list of Path of recordings.
      space: Space.
      tuner: one of `oracles.TUNERS`.
      max_trials: or None, of a Hyperband search, for as many as it needs.
      role: Role.
    """

    name: str
    folder: Path
    data: list
    space: object
    tuner: str
    max_trials: int
    role: object


class Search(BaseTuner):
    """Runs the trials of an oracle, or as the chief gives them to workers.

    Args:
      request: SearchRequest.
      on_end: called with the ranked rows when a trial has ended, where the oracle is here.

    Raises:
      CheckpointError: the state of the search is damaged.
    """

    def __init__(self, request, on_end):
        self._request, self._is_idle = request, False
        oracle = make_oracle(request)
        super().__init__(oracle, directory=request.folder.parent, project_name=request.name)
        if request.role.is_worker:
            return
        if (request.folder / "oracle.json").exists():
            self._reload(oracle)
        oracle.verbose = 0
        oracle.on_end = lambda trial: on_end(self.rows())

    def _reload(self, oracle):
        try:
            oracle.reload()
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, tf.errors.OpError) as error:
            raise CheckpointError(
                f"the state of the search in {self._request.folder} is damaged: {error!r} (give "
                "another --id)"
            ) from error

    def save(self):
        """Save the oracle where it is here; there is nothing else to save."""
        if not self._request.role.is_worker:
            self.oracle.save()

    def reload(self):
        """Nothing: what there is to reload is the oracle."""

    def rows(self):
        """The trials that have ended, ranked, where the oracle is here."""
        ended = [t for t in self.oracle.trials.values() if t.status in (COMPLETED, FAILED)]
        return ranked(
            Row(
                trial.trial_id,
                trial.score if trial.status == COMPLETED else None,
                self._request.space.values(trial.hyperparameters.values),
                Outcome.read(self._trial_folder(trial.trial_id)),
            )
            for trial in ended
        )

    def search(self):
        """Run all trials, or as the chief wait until they are run.

        Raises:
          KeyboardInterrupt: it was stopped.
          SampleRNNError: what no other settings would mend.
        """
        try:
            if self._request.role.is_chief:
                self.save()
                serve(self.oracle, self._request.role.address)
            else:
                super().search()
        except FatalError as error:
            raise error.__cause__
        except grpc.RpcError as error:
            raise RequestError(
                f"the chief at {self._request.role.address} does not answer: "
                f"{error.code().name} (start it again, then this)"
            ) from error

    # Keras Tuner calls these

    def pre_create_trial(self):
        """Wait a little where the last question brought no trial."""
        if self._is_idle:
            time.sleep(_IDLE_S)
        self._is_idle = True

    def on_trial_begin(self, trial):
        """Note that the question brought one."""
        self._is_idle = False

    def run_trial(self, trial):
        """Train with a trial's values; returns its lowest held-out bits per sample."""
        values = self._request.space.values(trial.hyperparameters.values)
        folder = self._trial_folder(trial.trial_id)
        told = ", ".join(self._request.space.texts(values))
        print(f"\ntrial {trial.trial_id}: {told}", flush=True)
        try:
            bits = self._train(trial, values, folder)
        except CheckpointError as error:
            raise FatalError from error
        except (SampleRNNError, tf.errors.ResourceExhaustedError) as error:
            reason = str(error) if isinstance(error, SampleRNNError) else "out of memory"
            print(f"trial {trial.trial_id} failed: {reason}", flush=True)
            self._outcome(folder, reason).write(folder)
            raise FailedTrialError(reason) from error
        except Exception as error:
            raise FatalError from error  # a defect, not a matter of these values
        self._outcome(folder).write(folder)
        gc.collect()  # the model and its compiled steps
        return bits

    def _train(self, trial, values, folder):
        space, places = self._request.space, trial.hyperparameters.values
        if "tuner/trial_id" in places:
            _copy_run(self._trial_folder(places["tuner/trial_id"]), folder)
        config = space.config_with(values)
        plan = _of_what_is_left(space.plan_with(values, places.get("tuner/epochs")), folder)
        config_name = f"{self._request.name}.config.json"
        sources = Sources(
            data=self._request.data,
            logdir=folder,
            config_name=config_name,
            resume=True,
            resume_from=None,
            arguments=space.train_words(values, self._request.data, config_name),
        )
        training, run_folder = prepare(config, plan, sources, preview=None)
        if training.run() == "interrupted":
            raise KeyboardInterrupt
        epochs = _epochs(run_folder)
        if not epochs:
            raise RequestError("no step was done (give more --max_minutes)")
        return min(line[OBJECTIVE] for line in epochs)

    def _outcome(self, folder, reason=None):
        run_folder = RunFolder.latest(folder)
        if run_folder is None:
            return Outcome(worker=self.tuner_id, reason=reason)
        minutes, num_epochs = _seconds(run_folder) / 60, len(_epochs(run_folder))
        return Outcome(self.tuner_id, str(run_folder.path), minutes, num_epochs, reason)

    def _trial_folder(self, trial_id):
        return self._request.folder / f"trial_{trial_id}"


def _epochs(run_folder):
    lines = read_history(run_folder.path / HISTORY_NAME)
    return [line for line in lines if line["kind"] == "epoch"]


def _seconds(run_folder):
    lines = read_history(run_folder.path / HISTORY_NAME)
    return max((line["seconds"] for line in lines), default=0.0)


def _of_what_is_left(plan, folder):
    """The Plan, its minutes those that the run in a trial's folder has not had yet."""
    run_folder = RunFolder.latest(folder)
    if plan.max_minutes is None or run_folder is None:
        return plan
    left = plan.max_minutes - _seconds(run_folder) / 60
    return dataclasses.replace(plan, max_minutes=max(left, 1e-9))  # of which no step is done


def _copy_run(source, target):
    """Let a trial go on from the run of another one, unless it has begun.

    Args:
      source, target: Path of the trials' folders.

    Raises:
      CheckpointError: there is no run, or no room.
    """
    if RunFolder.latest(target) is not None:
        return
    run_folder = RunFolder.latest(source)
    if run_folder is None:
        raise CheckpointError(
            f"no run in {source} to go on from (give a --logdir_root that all workers share)"
        )
    unfinished = target / "copy.part"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(run_folder.path, unfinished)
        os.replace(unfinished, target / run_folder.path.name)
    except (OSError, shutil.Error) as error:
        raise CheckpointError(
            f"cannot copy {run_folder.path}: {error} (make room there)"
        ) from error
