"""What a search chooses from: a list of values for each parameter, and what is fixed.

A trial's settings are known to Keras Tuner by the places of their values in these lists:
whole numbers pass between its processes exactly, where numbers such as 0.001 are rounded
to 32 bits, and lists and truth values cannot pass at all.
"""

import dataclasses
import math
from dataclasses import dataclass

from sopilib.errors import RequestError
from sopilib.training.plan import Plan, check_seq_len

# parameters of the model and of its training that can be searched
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
# searched where nothing else is, unless a value is given
DEFAULT_CHOICES = {
    "learning_rate": [0.0003, 0.001, 0.003],
    "frame_sizes": [(4, 32), (16, 64)],
    "rnn_type": ["gru", "lstm"],
    "num_rnn_layers": [1, 2, 4],
    "skip_conn": [False, True],
}
# with these the bits per sample count other levels
NOT_COMPARABLE = ("q_type", "q_levels")

# how long trials are and what they keep, not how they train
_NOT_FOR_LONGER = {"num_epochs", "max_steps", "max_minutes", "max_checkpoints", "log_every"}


@dataclass(frozen=True)
class RungPlan(Plan):
    """The Plan of a trial that may be gone on with: its schedule is that of the whole.

    Attributes:
      all_epochs: of the longest trial, `num_epochs` being those of this one.
    """

    all_epochs: int = None

    def total_steps(self, steps_per_epoch):
        """Steps of the longest trial."""
        total = self.all_epochs * steps_per_epoch
        return total if self.max_steps is None else min(total, self.max_steps)


@dataclass(frozen=True)
class Space:
    """Settings that are searched, in what is fixed.

    Attributes:
      config: ModelConfig.
      plan: Plan.
      choices: dict from a parameter to the list of its values, two or more.
    """

    config: object
    plan: Plan
    choices: dict

    @property
    def size(self):
        """The number of combinations."""
        return math.prod(map(len, self.choices.values()))

    def values(self, places):
        """dict from each parameter to its value, the one at its place in the list."""
        return {name: values[places[name]] for name, values in self.choices.items()}

    def config_with(self, values):
        """The ModelConfig of a trial.

        Raises:
          ConfigError: these values do not go together.
        """
        ours = {name: value for name, value in values.items() if name in OF_CONFIG}
        config = dataclasses.replace(self.config, **ours)
        check_seq_len(config)
        return config

    def plan_with(self, values, num_epochs=None):
        """The Plan of a trial, of fewer epochs than the longest where they are given."""
        ours = {name: value for name, value in values.items() if name in OF_PLAN}
        ours["num_epochs"] = num_epochs or self.plan.num_epochs
        fields = {**vars(self.plan), **ours}
        return RungPlan(**fields, all_epochs=self.plan.num_epochs)

    def texts(self, values):
        """A text such as `dim 256` for each of a trial's values."""
        return [f"{name} {as_text(value)}" for name, value in values.items()]

    def train_words(self, values, data, config_path):
        """The words of the `samplernn train` that trains with a trial's values, and longer.

        Args:
          values: of the trial.
          data: list of Path of recordings.
          config_path: of the trial's config.
        """
        words = ["samplernn", "train", "--data_dir", *map(str, data)]
        words += ["--config_file", str(config_path)]
        plan = self.plan_with(values)
        for field in dataclasses.fields(Plan):
            value = getattr(plan, field.name)
            if field.name in _NOT_FOR_LONGER or value == field.default:
                continue
            words += [f"--{field.name}"] if value is True else [f"--{field.name}", str(value)]
        return words

    def to_dict(self):
        """All of it, ready for JSON."""
        return {
            "config": self.config.to_dict(),
            "plan": dataclasses.asdict(self.plan),
            "choices": {n: [as_json(v) for v in values] for n, values in self.choices.items()},
        }


def make_space(config, plan, given):
    """The Space of lists of values: one is fixed, several are searched.

    Args:
      config: ModelConfig.
      plan: Plan.
      given: dict from a parameter to a list of values, or to None.

    Raises:
      ConfigError, RequestError: a value is none of its parameter, or there is no choice.
    """
    given = {name: list(dict.fromkeys(values)) for name, values in given.items() if values}
    choices = {name: values for name, values in given.items() if len(values) > 1}
    if not choices:
        choices = {n: v for n, v in DEFAULT_CHOICES.items() if n not in given}
    if not choices:
        raise RequestError(
            "nothing to search (give several values to a flag, such as --learning_rate 0.001 0.003)"
        )
    for name, values in choices.items():
        for value in values:  # so that a slip is told at once, and not by its trials
            dataclasses.replace(config if name in OF_CONFIG else plan, **{name: value})
    fixed = {name: values[0] for name, values in given.items() if len(values) == 1}
    of_config = {name: value for name, value in fixed.items() if name in OF_CONFIG}
    of_plan = {name: value for name, value in fixed.items() if name in OF_PLAN}
    return Space(
        dataclasses.replace(config, **of_config), dataclasses.replace(plan, **of_plan), choices
    )


def as_json(value):
    """A parameter's value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def as_text(value):
    """A parameter's value as its flag takes it."""
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return str(value)
