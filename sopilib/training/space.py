"""What a search chooses from: a list of values for each parameter, and fixed settings.

Keras Tuner knows a trial's settings by the places of their values in these lists: whole
numbers pass between its processes exactly, while numbers such as 0.001 are rounded to 32
bits, and lists and truth values cannot pass at all.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sopilib.errors import RequestError
from sopilib.model.config import ModelConfig
from sopilib.training.plan import Plan, check_seq_len, flags_of

# parameters of the model and of its training that a search may vary
OF_CONFIG = (
    "frame_sizes",
    "dim",
    "rnn_type",
    "num_rnn_layers",
    "q_type",
    "q_levels",
    "skip_conn",
    "rnn_dropout",
    "seq_len",
)
OF_PLAN = (
    "batch_size",
    "optimizer",
    "learning_rate",
    "lr_schedule",
    "warmup_steps",
    "epsilon",
    "momentum",
    "clip_norm",
)
# searched if no flag has several values, except for parameters that are given
DEFAULT_CHOICES: dict[str, list[Any]] = {
    "learning_rate": [0.0003, 0.001, 0.003],
    "frame_sizes": [(4, 32), (16, 64)],
    "rnn_type": ["gru", "lstm"],
    "num_rnn_layers": [1, 2, 4],
    "skip_conn": [False, True],
}
# bits per sample with different values of these do not compare
NOT_COMPARABLE = ("q_type", "q_levels")

# settings of the length of trials and of their files, not of the training itself
_NOT_FOR_LONGER = {"num_epochs", "max_steps", "max_minutes", "max_checkpoints", "log_every"}


@dataclass(frozen=True)
class RungPlan(Plan):
    """The Plan of a trial that a longer one may resume; both have the longer one's schedule.

    Attributes:
      all_epochs: epochs of the longest trial; `num_epochs` are those of this one.
    """

    all_epochs: int = Plan.num_epochs

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return the steps of the longest trial."""
        total = self.all_epochs * steps_per_epoch
        return total if self.max_steps is None else min(total, self.max_steps)


@dataclass(frozen=True)
class Space:
    """The settings that a search varies, and all others.

    Attributes:
      config: the fixed settings of the model.
      plan: the fixed settings of the training.
      choices: two or more values for each parameter that varies.
    """

    config: ModelConfig
    plan: Plan
    choices: dict[str, list[Any]]

    @property
    def size(self) -> int:
        """The number of combinations."""
        return math.prod(map(len, self.choices.values()))

    def values(self, places: Mapping[str, int]) -> dict[str, Any]:
        """Return the value of each parameter, given its place in the list."""
        return {name: values[places[name]] for name, values in self.choices.items()}

    def config_with(self, values: Mapping[str, Any]) -> ModelConfig:
        """Return the ModelConfig of a trial.

        Raises:
          ConfigError: these values exclude each other.
        """
        ours = {name: value for name, value in values.items() if name in OF_CONFIG}
        config = dataclasses.replace(self.config, **ours)
        check_seq_len(config)
        return config

    def plan_with(self, values: Mapping[str, Any], num_epochs: int | None = None) -> RungPlan:
        """Return the Plan of a trial of `num_epochs`, None for those of the longest trial."""
        ours = {name: value for name, value in values.items() if name in OF_PLAN}
        ours["num_epochs"] = num_epochs or self.plan.num_epochs
        fields = {**vars(self.plan), **ours}
        return RungPlan(**fields, all_epochs=self.plan.num_epochs)

    def texts(self, values: Mapping[str, Any]) -> list[str]:
        """Return a text such as `dim 256` for each of a trial's values."""
        return [f"{name} {as_text(value)}" for name, value in values.items()]

    def train_words(
        self, values: Mapping[str, Any], data: Sequence[Path], config_path: str | Path
    ) -> list[str]:
        """Return the words of the `samplernn train` with a trial's values, for longer.

        Args:
          values: of the trial.
          data: folders or files of recordings.
          config_path: of the trial's config.
        """
        words = ["samplernn", "train", "--data_dir", *map(str, data)]
        words += ["--config_file", str(config_path)]
        return words + flags_of(self.plan_with(values), _NOT_FOR_LONGER)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings, ready for JSON."""
        return {
            "config": self.config.to_dict(),
            "plan": dataclasses.asdict(self.plan),
            "choices": {n: [as_json(v) for v in values] for n, values in self.choices.items()},
        }


def make_space(config: ModelConfig, plan: Plan, given: Mapping[str, Sequence[Any] | None]) -> Space:
    """Return the Space of lists of values: one value is fixed, several are searched.

    Args:
      config: settings of the model that `given` lacks.
      plan: settings of the training that `given` lacks.
      given: the values of each parameter, or None.

    Raises:
      ConfigError, RequestError: a value is out of range, or there is no choice.
    """
    values_of = {name: list(dict.fromkeys(values)) for name, values in given.items() if values}
    choices = {name: values for name, values in values_of.items() if len(values) > 1}
    if not choices:
        choices = {n: v for n, v in DEFAULT_CHOICES.items() if n not in values_of}
    if not choices:
        raise RequestError(
            "nothing to search (give several values to a flag, such as --learning_rate 0.001 0.003)"
        )
    for name, values in choices.items():
        for value in values:
            _check(config, plan, name, value)
    fixed = {name: values[0] for name, values in values_of.items() if len(values) == 1}
    of_config = {name: value for name, value in fixed.items() if name in OF_CONFIG}
    of_plan = {name: value for name, value in fixed.items() if name in OF_PLAN}
    return Space(
        dataclasses.replace(config, **of_config), dataclasses.replace(plan, **of_plan), choices
    )


def _check(config: ModelConfig, plan: Plan, name: str, value: Any) -> None:
    """Validate a value now, so that a mistake shows before the trials."""
    if name in OF_CONFIG:
        dataclasses.replace(config, **{name: value})
    else:
        dataclasses.replace(plan, **{name: value})


def as_json(value: Any) -> Any:
    """Return a parameter's value in its form in JSON."""
    return list(value) if isinstance(value, tuple) else value


def as_text(value: Any) -> str:
    """Return a parameter's value in the form that its flag takes."""
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return str(value)
