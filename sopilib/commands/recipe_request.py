"""What `samplernn train --hours` is to do, from its arguments."""

import argparse
import dataclasses
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sopilib.errors import RequestError
from sopilib.model.config import ModelConfig
from sopilib.training.plan import Plan
from sopilib.training.preview import PreviewRequest
from sopilib.training.recipe import TIMED


@dataclass(frozen=True)
class RecipeRequest:
    """What to train by a recipe.

    Attributes:
      data: the recordings.
      preset: its name.
      total_s: seconds for all.
      logdir: LOGDIR_ROOT/ID.
      resume: whether to resume what has begun there.
      flags: settings of Plan that stand on the command line, by name.
      config, config_name: of the model, and its file's name.
      pre_emphasis: of the command line, None without the flag.
      preview: what previews to make of each checkpoint, None for none.
      words: of the command line.
      num_gpus: how many to train on, None for all.
    """

    data: list[Path]
    preset: str
    total_s: float
    logdir: Path
    resume: bool
    flags: dict[str, Any]
    config: ModelConfig
    config_name: str
    pre_emphasis: float | None
    preview: PreviewRequest | None
    words: list[str]
    num_gpus: int | None

    def with_pre_emphasis(self, pre_emphasis: float) -> "RecipeRequest":
        """Return the same request for a config of this pre-emphasis, 0 <= x < 1."""
        config = dataclasses.replace(self.config, pre_emphasis=pre_emphasis)
        return dataclasses.replace(self, config=config)


def check_arguments(args: argparse.Namespace) -> None:
    """Raise RequestError where the arguments of `samplernn train` do not go with --hours."""
    if args.preset is None:
        raise RequestError("--hours without --preset (name the preset whose recipe to train by)")
    if args.resume_from is not None:
        raise RequestError("--hours and --resume_from together (give one of them)")
    for name in TIMED:
        if name in args.given:
            raise RequestError(
                f"--hours and --{name} together (give one of them: the hours say how long)"
            )


def training_name(args: argparse.Namespace) -> str:
    """Return --id or, without it, the name of the recordings with `_` for spaces."""
    if "id" in args.given:
        return args.id
    path = args.data_dir[0].resolve()
    return re.sub(r"\s+", "_", path.name if path.is_dir() else path.stem) or args.id


def as_request(
    args: argparse.Namespace,
    config: ModelConfig,
    config_name: str,
    preview: PreviewRequest | None,
) -> RecipeRequest:
    """Return the RecipeRequest of the arguments of `samplernn train`."""
    return RecipeRequest(
        data=[path.resolve() for path in args.data_dir],
        preset=args.preset,
        total_s=3600 * args.hours,
        logdir=args.logdir_root / args.id,
        resume=args.resume,
        flags={
            field.name: getattr(args, field.name)
            for field in dataclasses.fields(Plan)
            if field.name in args.given
        },
        config=config,
        config_name=config_name,
        pre_emphasis=args.pre_emphasis,
        preview=preview,
        words=["samplernn", *sys.argv[1:]],
        num_gpus=args.num_gpus,
    )
