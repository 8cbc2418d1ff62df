"""Recipes: how a preset is trained in a given time. Reading one needs no TensorFlow.

`PRESET.training.json` beside the preset's config is a JSON object:

    settings      of `Plan`, by name; what is not there is PRiSM's default
    stages        one after another, each a continuation of the one before: `name`, `share` of
                  the training's time, `settings` that differ, `learning_rate_factor`, by
                  which the learning rate of the whole training is multiplied (default 1), and
                  `seq_len`, the samples of a training sequence (default: the config's)
    pre_emphasis  of the config, see `sopilib.model.sample_codec` (default: the config's)
    checkpoints   at most, of a stage
    finish        what is kept of the time for audition and export: `share`, `max_minutes`; and
                  the takes of the audition: `dur` in seconds, `temperatures`

Flags on the command line replace the settings of all stages.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sopilib.errors import ConfigError, RequestError
from sopilib.model.config import TEMPERATURES, ModelConfig, read_json_object
from sopilib.training.json_fields import check_fields, from_json
from sopilib.training.plan import PREVIEW_TEMPERATURES, Plan, check_seq_len

SUFFIX = ".training.json"
# settings of Plan that follow from the time
TIMED = ("num_epochs", "max_steps", "max_minutes")
_PLANNED = {f.name for f in dataclasses.fields(Plan)} - set(TIMED)
_NAMES = ", ".join(sorted(_PLANNED))


@dataclass(frozen=True)
class Stage:
    """A part of a training with settings of its own.

    Attributes:
      name: one or a few words, for people.
      share: of the time of all stages, > 0, relative to the other stages' shares.
      learning_rate_factor: by which the whole training's learning rate is multiplied, > 0.
      seq_len: samples of a training sequence, None for that of the config.
      settings: of Plan, by name, which replace those of the whole training.
    """

    name: str
    share: float
    learning_rate_factor: float = 1.0
    seq_len: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finish:
    """What follows the last stage: audition, export, preview.

    Attributes:
      share: of the whole time, 0 < x < 1.
      max_minutes: however long the whole takes, > 0.
      dur: seconds of a take, at most, > 0.
      temperatures: of the takes.
    """

    share: float = 0.12
    max_minutes: float = 15.0
    dur: float = 20.0
    temperatures: tuple[float, ...] = PREVIEW_TEMPERATURES

    def seconds(self, total_s: float) -> float:
        """Return the seconds to keep, of `total_s` in all."""
        return min(self.share * total_s, 60 * self.max_minutes)


@dataclass(frozen=True)
class Recipe:
    """The training settings of a preset.

    Attributes:
      settings: of Plan, by name.
      stages: one or more.
      pre_emphasis: of a new training's config, 0 <= k < 1; None is the config's.
      checkpoints: at most, of a stage.
      finish: what follows.
    """

    settings: Mapping[str, Any]
    stages: tuple[Stage, ...]
    pre_emphasis: float | None = None
    checkpoints: int = 6
    finish: Finish = Finish()

    def plan(self, stage: Stage, flags: Mapping[str, Any]) -> Plan:
        """Return the Plan of a stage, still without its time.

        Args:
          stage: one of `stages`.
          flags: settings of Plan from the command line, which replace all others.

        Raises:
          RequestError: a value is out of range.
        """
        plan = Plan(**{**self.settings, **stage.settings, **flags})
        rate = plan.learning_rate * stage.learning_rate_factor
        return dataclasses.replace(plan, learning_rate=rate)


def config_of(stage: Stage, config: ModelConfig) -> ModelConfig:
    """Return the ModelConfig with the sequences of a stage.

    Raises:
      ConfigError: the frames do not divide them.
    """
    if stage.seq_len is None:
        return config
    staged = dataclasses.replace(config, seq_len=stage.seq_len)
    check_seq_len(staged)
    return staged


def read_recipe(path: Path) -> Recipe:
    """Return the Recipe in a file.

    Raises:
      ConfigError: the file is missing, or something in it is not as the module describes.
    """
    if not path.is_file():
        preset = path.name.removesuffix(SUFFIX)
        raise ConfigError(
            f"the preset {preset} has no training settings, {path} (choose another --preset, or "
            "leave out --hours)"
        )
    try:
        recipe = from_json(Recipe, read_json_object(path))
        _check(recipe)
    except (RequestError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return recipe


def _check(recipe: Recipe) -> None:
    """Raise ValueError or RequestError unless every value of a recipe can be used."""
    _must(bool(recipe.stages), "no stages (give one or more)")
    emphasis = recipe.pre_emphasis
    is_emphasis = emphasis is None or 0 <= emphasis < 1
    _must(is_emphasis, f"pre_emphasis {emphasis} (give 0 to below 1)")
    _must(recipe.checkpoints >= 1, f"checkpoints {recipe.checkpoints} (give 1 or more)")
    names = [stage.name for stage in recipe.stages]
    _must(len(set(names)) == len(names), "two stages of one name (give each its own)")
    for stage in recipe.stages:
        length = stage.seq_len
        is_length = length is None or length > 0
        _must(is_length, f"seq_len {length} of {stage.name} (give samples above 0)")
        _must(stage.share > 0, f"the share {stage.share} of {stage.name} (give one above 0)")
        for settings in (recipe.settings, stage.settings):
            for name in settings:
                _must(name not in TIMED, f"{name!r} in settings (leave it out: the time sets it)")
                _must(name in _PLANNED, f"no setting {name!r} (there are {_NAMES})")
            check_fields(Plan, settings)
        recipe.plan(stage, {})
    finish = recipe.finish
    _must(0 < finish.share < 1, f"the share {finish.share} of finish (give 0 to 1)")
    _must(finish.max_minutes > 0, f"max_minutes {finish.max_minutes} (give some above 0)")
    _must(finish.dur > 0, f"dur {finish.dur} (give seconds above 0)")
    _must(len(finish.temperatures) > 0, "no temperatures (give one or more)")
    low, high = TEMPERATURES  # of the model that is exported
    for temperature in finish.temperatures:
        _must(
            low <= temperature <= high,
            f"the temperature {temperature:g} of finish (give {low:g} to {high:g})",
        )


def _must(is_good: bool, text: str) -> None:
    if not is_good:
        raise ValueError(text)
