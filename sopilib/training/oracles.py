"""The oracles that choose a search's trials: Keras Tuner's, safe against a stop at any time."""

import contextlib
import json
from pathlib import Path

import keras_tuner

from sopilib.errors import RequestError
from sopilib.training.state import replacing

OBJECTIVE = "val_bits_per_sample"
RUNNING, COMPLETED, FAILED = "RUNNING", "COMPLETED", "FAILED"


class _Oracle:
    """What our oracles have in common, mixed into those of Keras Tuner.

    Its files are replaced as a whole. A trial that has not ended is begun again by the
    worker that had it, or by the next one to ask where this process is the only one.

    Attributes:
      on_end: called with each trial that has ended.
      is_chief: of several processes.
      failure: what the chief's server has failed with, or None.
    """

    on_end = staticmethod(lambda trial: None)
    is_chief = False
    failure = None

    def save(self):
        with replacing(Path(self._project_dir, "oracle.json")) as file:
            file.write(json.dumps(self.get_state()).encode())

    def _save_trial(self, trial):
        folder = Path(self._get_trial_dir(trial.trial_id))
        with replacing(folder / "trial.json") as file:
            file.write(json.dumps(trial.get_state()).encode())

    def set_state(self, state):
        super().set_state(state)
        self._had_by = dict(self.ongoing_trials)

    def reload(self):
        super().reload()
        unfinished = {n: trial for n, trial in self.trials.items() if trial.status == RUNNING}
        if self.is_chief:
            self.ongoing_trials = {
                worker: trial
                for worker, trial in self._had_by.items()
                if unfinished.pop(trial.trial_id, None)
            }
        self._retry_queue = list(unfinished)

    def create_trial(self, tuner_id):
        with self._failure_noted():
            return super().create_trial(tuner_id)

    def end_trial(self, trial):
        with self._failure_noted():
            super().end_trial(trial)
            self.save()  # Keras Tuner saves it while it still counts as running
            self.on_end(trial)

    @contextlib.contextmanager
    def _failure_noted(self):
        try:
            yield
        except Exception as error:
            self.failure = error
            raise


class RandomOracle(_Oracle, keras_tuner.oracles.RandomSearchOracle):
    """Values at random, none twice."""


class BayesianOracle(_Oracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """Values where a Gaussian process expects the lowest bits, none twice."""

    def populate_space(self, trial_id):
        chosen = super().populate_space(trial_id)
        tried = (trial.hyperparameters.values for trial in self.trials.values())
        return self._random_populate_space() if chosen["values"] in tried else chosen


class HyperbandOracle(_Oracle, keras_tuner.oracles.HyperbandOracle):
    """Many short trials, the best of which are gone on with."""


TUNERS = {"random": RandomOracle, "bayesian": BayesianOracle, "hyperband": HyperbandOracle}


def make_oracle(request):
    """The oracle of a SearchRequest, one of TUNERS.

    Raises:
      RequestError: what the Bayesian search needs is not installed.
    """
    places = keras_tuner.HyperParameters()
    for name, values in request.space.choices.items():
        places.Choice(name, list(range(len(values))))
    settings = {
        "objective": keras_tuner.Objective(OBJECTIVE, "min"),
        "hyperparameters": places,
        "seed": request.space.plan.rng_seed + 1,  # 0 stands for any
        "max_consecutive_failed_trials": None,
    }
    if request.tuner == "hyperband":
        oracle = HyperbandOracle(max_epochs=request.space.plan.num_epochs, **settings)
        oracle.max_trials = request.max_trials
    else:
        settings["max_trials"] = request.max_trials
        if request.tuner == "bayesian":
            most = 3 * len(request.space.choices)
            settings["num_initial_points"] = max(2, min(most, request.max_trials // 3))
        try:
            oracle = TUNERS[request.tuner](**settings)
        except ImportError as error:
            raise RequestError(
                "--tuner bayesian needs scikit-learn and scipy (pip install scikit-learn scipy)"
            ) from error
    oracle.is_chief = request.role.is_chief
    return oracle
