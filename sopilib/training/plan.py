"""The settings of a training, and the learning rate of each step."""

import dataclasses
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sopilib.errors import ConfigError, RequestError
from sopilib.model.config import ModelConfig

OPTIMIZERS = ("adam", "sgd", "rmsprop", "muon")
SCHEDULES = ("constant", "cosine")
POLICIES = ("Always", "Best")
# what a training can monitor, by PRiSM's names: a value in the line of an epoch, and whether
# lower is better
MONITORS = {
    "val_loss": ("val_bits_per_sample", True),
    "loss": ("bits_per_sample", True),
    "val_accuracy": ("val_accuracy", False),
    "accuracy": ("accuracy", False),
}
# of previews and auditions, unless others are given
PREVIEW_TEMPERATURES = (0.85, 0.95, 1.05)
# the part of the sound that is held out, unless another is given
VAL_FRAC = 0.1
# PRiSM multiplies the learning rate by this in each epoch of its decay
_EPOCH_DECAY = math.exp(-0.1)
# settings that a resumed training must share
_FIXED = (
    *("batch_size", "optimizer", "rng_seed", "val_frac", "cut_below", "cut_softest", "fade_in"),
    *("input_noise", "ema_momentum"),
)


@dataclass(frozen=True)
class Plan:
    """Settings of a training with PRiSM's defaults; construction validates.

    Attributes:
      num_epochs: passes over the corpus in all.
      batch_size: chunks that a replica trains at a time.
      optimizer: one of OPTIMIZERS.
      learning_rate: at the height of the schedule, > 0.
      lr_schedule: 'constant', or 'cosine' for a fall to 0 at the last step.
      warmup_steps: steps over which the rate rises from 0.
      reduce_learning_rate_after: epochs after which each one lowers it by 10 %, or None.
      epsilon: of the optimizer, or None for PRiSM's.
      momentum: of sgd and rmsprop, 0 <= x < 1.
      clip_norm: global norm to which gradients are clipped.
      ema_momentum: of an average of the weights, 0 < x < 1, which takes the place of the weights
        in validation, previews and checkpoints; None for no average.
      mixed_precision: whether to compute products in bfloat16.
      checkpoint_every: epochs from one checkpoint to the next.
      checkpoint_policy: 'Always', or 'Best' for epochs alone that improve on all before.
      max_checkpoints: how many of the newest to keep beside the best; None for all.
      early_stopping_patience: epochs without improvement after which the training ends.
      monitor: what has to improve, one of MONITORS.
      max_steps: of the whole training, or None.
      max_minutes: of one run of the command, or None.
      rng_seed: of weights, order, dropout and input noise, >= 0.
      input_noise: part of the sequences whose input is noisy, 0 to 1; None is 0.
      val_frac: part of the sound that is held out, 0 < x < 1.
      num_val_batches: batches of held-out sound to validate on, at most; None for all.
      mono: whether to mix the channels of a recording; else each is a recording.
      chunk_dur: seconds of a chunk, at most; each begins with a zero RNN state.
      fade_in: seconds over which a chunk fades in from silence, >= 0; None is 0.
      cut_below: level in dBFS below which sound is not trained on, < 0, or None.
      cut_softest: part of the sound, its softest, that is not trained on, 0 <= x < 1.
      log_every: steps from one line of the history to the next.

    Raises:
      RequestError: a value is out of range.
    """

    num_epochs: int = 100
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 0.001
    lr_schedule: str = "constant"
    warmup_steps: int = 0
    reduce_learning_rate_after: int | None = None
    epsilon: float | None = None
    momentum: float = 0.9
    clip_norm: float = 5.0
    ema_momentum: float | None = None
    mixed_precision: bool = False
    checkpoint_every: int = 1
    checkpoint_policy: str = "Always"
    max_checkpoints: int | None = 5
    early_stopping_patience: int = 3
    monitor: str = "val_loss"
    max_steps: int | None = None
    max_minutes: float | None = None
    rng_seed: int = 0
    input_noise: float | None = None
    val_frac: float = VAL_FRAC
    num_val_batches: int | None = None
    mono: bool = True
    cut_below: float | None = None
    cut_softest: float = 0.0
    chunk_dur: float = 8.0
    fade_in: float | None = None
    log_every: int = 50

    def __post_init__(self) -> None:
        counts = ("num_epochs", "batch_size", "checkpoint_every", "early_stopping_patience")
        for name in (*counts, "log_every"):
            self._check(name, getattr(self, name) >= 1, "1 or more")
        optional = ("max_checkpoints", "max_steps", "reduce_learning_rate_after")
        for name in (*optional, "num_val_batches"):
            value = getattr(self, name)
            self._check(name, value is None or value >= 1, "1 or more")
        self._check("learning_rate", 0 < self.learning_rate < math.inf, "a number above 0")
        self._check("epsilon", self.epsilon is None or self.epsilon > 0, "a number above 0")
        self._check("momentum", 0 <= self.momentum < 1, "0 to below 1")
        self._check("clip_norm", 0 < self.clip_norm < math.inf, "a number above 0")
        ema = self.ema_momentum
        self._check("ema_momentum", ema is None or 0 < ema < 1, "a number between 0 and 1")
        self._check("warmup_steps", self.warmup_steps >= 0, "0 or more")
        self._check("rng_seed", self.rng_seed >= 0, "0 or more")
        self._check("val_frac", 0 < self.val_frac < 1, "a part between 0 and 1")
        self._check("chunk_dur", 0 < self.chunk_dur < math.inf, "seconds above 0")
        fade = self.fade_in
        self._check("fade_in", fade is None or 0 <= fade < math.inf, "seconds, 0 or more")
        noise = self.input_noise
        self._check("input_noise", noise is None or 0 <= noise <= 1, "0 to 1")
        self._check("cut_below", self.cut_below is None or self.cut_below < 0, "dBFS below 0")
        self._check("cut_softest", 0 <= self.cut_softest < 1, "0 to below 1")
        minutes = self.max_minutes
        self._check("max_minutes", minutes is None or minutes > 0, "a number above 0")
        for name, allowed in (
            ("optimizer", OPTIMIZERS),
            ("lr_schedule", SCHEDULES),
            ("checkpoint_policy", POLICIES),
            ("monitor", MONITORS),
        ):
            self._check(name, getattr(self, name) in allowed, " or ".join(allowed))

    def _check(self, name: str, is_good: bool, expected: str) -> None:
        if not is_good:
            raise RequestError(f"--{name} {getattr(self, name)} (give {expected})")

    def fixed(self) -> dict[str, Any]:
        """Return the settings that a resumed training must share, ready for JSON."""
        values = dataclasses.asdict(self)
        none = {name: None for name in ("fade_in", "input_noise") if not values[name]}
        return {name: values[name] for name in _FIXED} | none

    def monitored(self, line: Mapping[str, Any]) -> float:
        """Return the monitored value in an epoch's `line`, its sign such that less is better."""
        name, lower_is_better = MONITORS[self.monitor]
        return line[name] if lower_is_better else -line[name]

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return the steps of the whole training."""
        total = self.num_epochs * steps_per_epoch
        return total if self.max_steps is None else min(total, self.max_steps)

    def learning_rate_at(self, step: int, steps_per_epoch: int, first_step: int = 0) -> float:
        """Return the learning rate of a step, counted from 0.

        Warm-up and cosine cover the steps from `first_step` on.
        """
        rate, num_taken = self.learning_rate, step - first_step
        if num_taken < self.warmup_steps:
            return rate * (num_taken + 1) / self.warmup_steps
        if self.reduce_learning_rate_after is not None:
            num_lowered = step // steps_per_epoch - self.reduce_learning_rate_after + 1
            rate *= _EPOCH_DECAY ** max(0, num_lowered)
        if self.lr_schedule == "cosine":
            length = max(1, self.total_steps(steps_per_epoch) - first_step - self.warmup_steps)
            part = min(1.0, (num_taken - self.warmup_steps) / length)
            rate *= 0.5 * (1.0 + math.cos(math.pi * part))
        return rate


def flags_of(plan: Plan, leave_out: Collection[str] = ()) -> list[str]:
    """Return the flags of `samplernn train` that give the settings of a plan.

    Args:
      plan: whose settings they give; what has its default needs no flag.
      leave_out: settings that get no flags.
    """
    words: list[str] = []
    for field in dataclasses.fields(Plan):
        value = getattr(plan, field.name)
        if field.name in leave_out or value == field.default:
            continue
        words += ["--no-mono"] if field.name == "mono" else [f"--{field.name}", str(value)]
    return words


def check_seq_len(config: ModelConfig) -> None:
    """Raise ConfigError unless a training segment of `config` is whole big frames."""
    if config.seq_len % config.big_frame_size:
        raise ConfigError(
            f'"seq_len" is {config.seq_len} (set it to a multiple of the upper frame size, '
            f"{config.big_frame_size})"
        )
