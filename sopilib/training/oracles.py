"""The oracles that choose trials: Keras Tuner's, made safe against a stop at any time."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sopilib.errors import RequestError
from sopilib.training.quiet_keras_tuner import Trial, keras_tuner
from sopilib.training.state import replacing

if TYPE_CHECKING:
    from sopilib.training.search import SearchRequest

OBJECTIVE = "val_bits_per_sample"
RUNNING, COMPLETED, FAILED = "RUNNING", "COMPLETED", "FAILED"


class SafeOracle(keras_tuner.Oracle):
    """What our oracles add to those of Keras Tuner.

    Its files are replaced as a whole. An unfinished trial is begun again by the worker that
    had it, or by the next one to ask where this process is the only one.

    Attributes:
      on_end: called with each finished trial.
      is_chief: whether this is the chief of several processes.
      failure: what a request of a worker has raised in the chief's server, or None.
    """

    on_end: Callable[[Trial], None] = staticmethod(lambda trial: None)
    is_chief = False
    failure: Exception | None = None
    ongoing_trials: dict[str, Trial]  # of Keras Tuner, by worker

    def save(self) -> None:
        """Write the state of the search."""
        with replacing(Path(self._project_dir, "oracle.json")) as file:
            file.write(json.dumps(self.get_state()).encode())

    def _save_trial(self, trial: Trial) -> None:
        folder = Path(self._get_trial_dir(trial.trial_id))
        with replacing(folder / "trial.json") as file:
            file.write(json.dumps(trial.get_state()).encode())

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a saved state, and note which worker had which trial."""
        super().set_state(state)
        self._had_by = dict(self.ongoing_trials)

    def reload(self) -> None:
        """Load the state of the search, and queue unfinished trials again."""
        super().reload()
        unfinished = {n: trial for n, trial in self.trials.items() if trial.status == RUNNING}
        if self.is_chief:
            self.ongoing_trials = {
                worker: trial
                for worker, trial in self._had_by.items()
                if unfinished.pop(trial.trial_id, None)
            }
        self._retry_queue = list(unfinished)

    def create_trial(self, tuner_id: str) -> Trial:
        """Return the next trial for a worker."""
        with self._failure_noted():
            return super().create_trial(tuner_id)

    def end_trial(self, trial: Trial) -> None:
        """Record a finished trial."""
        with self._failure_noted():
            super().end_trial(trial)
            self.save()  # Keras Tuner saves it while it still counts as running
            self.on_end(trial)

    @contextlib.contextmanager
    def _failure_noted(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failure = error
            raise


class RandomOracle(SafeOracle, keras_tuner.oracles.RandomSearchOracle):
    """Values at random, none twice."""


class BayesianOracle(SafeOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """Values where a Gaussian process expects the lowest bits, none twice."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the values of a trial, at random where the chosen ones were tried before."""
        chosen = super().populate_space(trial_id)
        tried = (trial.hyperparameters.values for trial in self.trials.values())
        return self._random_populate_space() if chosen["values"] in tried else chosen


class HyperbandOracle(SafeOracle, keras_tuner.oracles.HyperbandOracle):
    """Many short trials, the best of which longer ones resume."""


TUNERS = {"random": RandomOracle, "bayesian": BayesianOracle, "hyperband": HyperbandOracle}


def make_oracle(request: "SearchRequest") -> SafeOracle:
    """Return the oracle of a search, one of TUNERS.

    Raises:
      RequestError: packages that the Bayesian search needs are not installed.
    """
    places = keras_tuner.HyperParameters()
    for name, values in request.space.choices.items():
        places.Choice(name, list(range(len(values))))
    settings: dict[str, Any] = {
        "objective": keras_tuner.Objective(OBJECTIVE, "min"),
        "hyperparameters": places,
        # 0 stands for any; the Gaussian process takes 32 bits
        "seed": request.space.plan.rng_seed % (2**32 - 1) + 1,
        "max_consecutive_failed_trials": None,
    }
    if request.tuner == "hyperband":
        oracle: SafeOracle = HyperbandOracle(max_epochs=request.space.plan.num_epochs, **settings)
        oracle.max_trials = request.max_trials
    else:
        settings["max_trials"] = request.max_trials
        if request.tuner == "bayesian":
            most = 3 * len(request.space.choices)
            third = (request.max_trials or 0) // 3
            settings["num_initial_points"] = max(2, min(most, third))
        try:
            oracle = TUNERS[request.tuner](**settings)
        except ImportError as error:
            raise RequestError(
                "--tuner bayesian needs scikit-learn and scipy (pip install scikit-learn scipy)"
            ) from error
    oracle.is_chief = request.role.is_chief
    return oracle
