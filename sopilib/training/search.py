"""The search for good settings: Keras Tuner chooses them, our training tries them.

Each trial is a run folder within Keras Tuner's folder of the trial:

    LOGDIR_ROOT/NAME/oracle.json, trial_N/trial.json    Keras Tuner's state
    LOGDIR_ROOT/NAME/trial_N/DATE                       the run
    LOGDIR_ROOT/NAME/trial_N/outcome.json               its outcome, see `Outcome`

The oracle chooses. On one machine the search owns it; of several processes the chief owns it,
and workers, which share LOGDIR_ROOT, ask it through Keras Tuner's protocol. The worker that a
stopped trial was given to resumes it; on one machine it is resumed first of all.
"""

import dataclasses
import gc
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sopilib.errors import CheckpointError, RequestError, SampleRNNError
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.history import HISTORY_NAME, read_history
from sopilib.training.oracles import COMPLETED, FAILED, OBJECTIVE, SafeOracle, make_oracle
from sopilib.training.plan import Plan
from sopilib.training.quiet_keras_tuner import (
    BaseTuner,
    FailedTrialError,
    FatalError,
    Trial,
    grpc,
)
from sopilib.training.ranking import Outcome, Row, ranked
from sopilib.training.role import Role
from sopilib.training.run_folder import RunFolder
from sopilib.training.search_chief import serve
from sopilib.training.setup import Sources, prepare
from sopilib.training.space import Space

# between two requests of a worker while the oracle waits for other workers
_IDLE_S = 1.0


@dataclass(frozen=True)
class SearchRequest:
    """What to search, how, and where results go.

    Attributes:
      name: of the search.
      folder: LOGDIR_ROOT/NAME, which exists.
      data: folders or files of recordings.
      space: what the search chooses from.
      tuner: one of `oracles.TUNERS`.
      max_trials: or None for as many as a Hyperband search needs.
      role: of this process.
    """

    name: str
    folder: Path
    data: Sequence[Path]
    space: Space
    tuner: str
    max_trials: int | None
    role: Role


class Search(BaseTuner):
    """Runs the trials of an oracle, or, as the chief, gives them to workers.

    Args:
      request: what to search.
      on_end: called with the ranked rows after each trial, where this process owns the oracle.

    Raises:
      CheckpointError: the state of the search is damaged.
    """

    def __init__(self, request: SearchRequest, on_end: Callable[[list[Row]], None]) -> None:
        self._request, self._is_idle = request, False
        oracle = make_oracle(request)
        super().__init__(oracle, directory=request.folder.parent, project_name=request.name)
        if request.role.is_worker:
            return
        if (request.folder / "oracle.json").exists():
            self._reload(oracle)
        oracle.verbose = 0
        oracle.on_end = lambda trial: on_end(self.rows())

    def _reload(self, oracle: SafeOracle) -> None:
        try:
            oracle.reload()
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, tf.errors.OpError) as error:
            raise CheckpointError(
                f"the state of the search in {self._request.folder} is damaged: {error!r} (give "
                "another --id)"
            ) from error

    def save(self) -> None:
        """Save the oracle, if this process owns it; there is nothing else to save."""
        if not self._request.role.is_worker:
            self.oracle.save()

    def reload(self) -> None:
        """Do nothing; the oracle alone is reloaded."""

    def rows(self) -> list[Row]:
        """Return the finished trials, ranked, where this process owns the oracle."""
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

    def search(self) -> None:
        """Run all trials, or, as the chief, wait until workers have run them.

        Raises:
          KeyboardInterrupt: the search was stopped.
          SampleRNNError: a failure that other settings would not cure.
        """
        failure: BaseException | None = None
        try:
            if self._request.role.is_chief:
                self.save()
                serve(self.oracle, self._request.role.address or "")
            else:
                super().search()
        except FatalError as error:
            failure = error.__cause__
        except grpc.RpcError as error:
            raise RequestError(
                f"the chief at {self._request.role.address} does not answer: "
                f"{error.code().name} (start it again, then this)"
            ) from error
        if failure is not None:
            raise failure

    # Keras Tuner calls the following

    def pre_create_trial(self) -> None:
        """Wait a little where the last request brought no trial."""
        if self._is_idle:
            time.sleep(_IDLE_S)
        self._is_idle = True

    def on_trial_begin(self, trial: Trial) -> None:
        """Note that the request brought a trial."""
        self._is_idle = False

    def run_trial(self, trial: Trial) -> float:
        """Train with a trial's values; return its lowest held-out bits per sample."""
        values = self._request.space.values(trial.hyperparameters.values)
        folder = self._trial_folder(trial.trial_id)
        settings = ", ".join(self._request.space.texts(values))
        print(f"\ntrial {trial.trial_id}: {settings}", flush=True)
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
            raise FatalError from error  # a defect, independent of the values
        self._outcome(folder).write(folder)
        gc.collect()  # the model and its compiled steps
        return bits

    def _train(self, trial: Trial, values: dict[str, Any], folder: Path) -> float:
        space, places = self._request.space, trial.hyperparameters.values
        if "tuner/trial_id" in places:
            _copy_run(self._trial_folder(places["tuner/trial_id"]), folder)
        config = space.config_with(values)
        plan = _with_minutes_left(space.plan_with(values, places.get("tuner/epochs")), folder)
        config_name = f"{self._request.name}.config.json"
        sources = Sources(
            data=self._request.data,
            logdir=folder,
            config_name=config_name,
            resume=True,
            resume_from=None,
            arguments=space.train_words(values, self._request.data, config_name),
        )
        with prepare(config, plan, sources, preview=None) as (training, run_folder):
            if training.run() == "interrupted":
                raise KeyboardInterrupt
        assert run_folder is not None  # a search has one worker per trial
        epochs = _epochs(run_folder)
        if not epochs:
            raise RequestError("no step was taken (give more --max_minutes)")
        return min(line[OBJECTIVE] for line in epochs)

    def _outcome(self, folder: Path, reason: str | None = None) -> Outcome:
        run_folder = RunFolder.latest(folder)
        if run_folder is None:
            return Outcome(worker=self.tuner_id, reason=reason)
        minutes, num_epochs = _seconds(run_folder) / 60, len(_epochs(run_folder))
        return Outcome(self.tuner_id, str(run_folder.path), minutes, num_epochs, reason)

    def _trial_folder(self, trial_id: str) -> Path:
        return self._request.folder / f"trial_{trial_id}"


def _epochs(run_folder: RunFolder) -> list[dict[str, Any]]:
    lines = read_history(run_folder.path / HISTORY_NAME)
    return [line for line in lines if line["kind"] == "epoch"]


def _seconds(run_folder: RunFolder) -> float:
    lines = read_history(run_folder.path / HISTORY_NAME)
    return max((line["seconds"] for line in lines), default=0.0)


def _with_minutes_left(plan: Plan, folder: Path) -> Plan:
    """Return `plan` with the minutes that the run in a trial's folder has not used yet."""
    run_folder = RunFolder.latest(folder)
    if plan.max_minutes is None or run_folder is None:
        return plan
    left = plan.max_minutes - _seconds(run_folder) / 60
    return dataclasses.replace(plan, max_minutes=max(left, 1e-9))  # no time for a step


def _copy_run(source: Path, target: Path) -> None:
    """Copy the run in one trial's folder into another's, which resumes it, unless it has a run.

    Raises:
      CheckpointError: there is no run, or the disk is full.
    """
    if RunFolder.latest(target) is not None:
        return
    run_folder = RunFolder.latest(source)
    if run_folder is None:
        raise CheckpointError(
            f"no run in {source} to resume (give a --logdir_root that all workers share)"
        )
    unfinished = target / "copy.part"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(run_folder.path, unfinished)
        os.replace(unfinished, target / run_folder.path.name)
    except (OSError, shutil.Error) as error:
        raise CheckpointError(
            f"cannot copy {run_folder.path}: {error} (free disk space there)"
        ) from error
