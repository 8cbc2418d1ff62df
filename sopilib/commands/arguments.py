"""Flags that several subcommands share, and how to resolve their values."""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from sopilib.commands import quantities
from sopilib.errors import ConfigError, RequestError
from sopilib.generation.generator import ENGINES
from sopilib.installation import models, paths
from sopilib.model import folder
from sopilib.model.config import PRISM_MU_LAW_LEVELS, ModelConfig, load_config
from sopilib.training.plan import check_seq_len

PRECISIONS = ("float32", "int8", "int4")
DEFAULT_THREADS = "all cores, of more than two all but one"


def add_model_arguments(
    parser: argparse.ArgumentParser,
    alternatives: argparse._MutuallyExclusiveGroup | None = None,
) -> None:
    """Add the model argument: required, or one of the group `alternatives`."""
    (alternatives or parser).add_argument(
        "--ckpt_dir",
        "--checkpoint_path",
        type=quantities.model_name,
        dest="model",
        required=alternatives is None,
        metavar="MODEL",
        help="a model folder or checkpoint, or a name from `samplernn models`",
    )
    add_config_argument(parser)


def add_model_to_change(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the flag that name a model whose config the command changes."""
    parser.add_argument(
        "model",
        type=quantities.model_name,
        metavar="MODEL",
        help="a model folder, or a checkpoint in it",
    )
    add_config_argument(parser)


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names the model's config."""
    parser.add_argument(
        "--config_file",
        "--config",
        type=quantities.path,
        dest="config",
        metavar="FILE.config.json",
        help="the model's config (default: the one in its folder)",
    )


def add_models_argument(parser: argparse.ArgumentParser, required: bool, more: str = "") -> None:
    """Add the argument of one or several models, which take turns.

    Args:
      parser: to add it to.
      required: whether it must be given.
      more: that its help says.
    """
    quantities.adder(parser)(
        "--ckpt_dir",
        "--checkpoint_path",
        type=quantities.model_name,
        dest="models",
        nargs="+",
        required=required,
        metavar="MODEL",
        help="model folders, checkpoints or names from `samplernn models`; several take turns"
        + more,
    )


def add_rate_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that states the model's sample rate."""
    quantities.adder(parser)(
        "--sample_rate",
        type=quantities.RATE,
        metavar="HZ",
        help="the model's rate, overriding its folder (default: the folder's, else 16000)",
    )


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose the engine, its precision and its threads."""
    add = quantities.adder(parser)
    add("--engine", choices=ENGINES, default="auto", help="(default: native where it is built)")
    add(
        "--precision",
        default="auto",
        metavar="P",
        help="float32, int8, int4, or auto: the most exact that plays live (default)",
    )
    add(
        "--threads",
        type=quantities.COUNT,
        metavar="N",
        help=f"(default: {DEFAULT_THREADS})",
    )


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose the model to train and the recordings."""
    add = parser.add_argument
    add(
        "--data_dir",
        type=quantities.path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="recordings or chunks in any format: folders or files",
    )
    add(
        "--config_file",
        type=quantities.path,
        metavar="FILE.config.json",
        help="(default: PRiSM's model)",
    )
    add(
        "--preset",
        type=quantities.name,
        metavar="NAME",
        help="a shipped configuration, see models/presets",
    )
    quantities.adder(parser)(
        "--pre_emphasis",
        type=quantities.PRE_EMPHASIS,
        metavar="K",
        help="train on x[n] - K x[n-1] and undo it at the output: less noise; PRiSM does not know "
        "it (default: the config's, or 0)",
    )


def add_name_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names the model that is installed or shared."""
    parser.add_argument(
        "--name", help="the name to load it by (default: that of its folder, of a run its --id)"
    )


def boolean(text: str) -> bool:
    """Return the bool for the word True or False or an abbreviation of it."""
    for value in (True, False):
        if text and str(value).upper().startswith(text.upper()):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False")


def find_model(args: argparse.Namespace, sample_rate: int | None = None) -> folder.ModelFiles:
    """Return the ModelFiles that the arguments of `add_model_arguments` name.

    Args:
      args: of the command.
      sample_rate: of the model in Hz if the user states it, else None.
    """
    path = model_path(args.model)
    return folder.find_model(path, args.config, search_folders(), sample_rate)


def find_named_model(name: str) -> folder.ModelFiles:
    """Return the ModelFiles of a name, its beginning or a path."""
    return folder.find_model(model_path(name), search=search_folders())


def model_path(name: str) -> str:
    """Return the path of the model that `name` is the beginning of, else `name` as it is.

    Raises:
      CheckpointError: it is the beginning of several models' names.
    """
    return models.complete_name(name, search_folders())


def tell_assumed_rate(files: folder.ModelFiles) -> None:
    """Print a line on stderr if the sample rate of a ModelFiles is only assumed."""
    if files.rate_is_assumed:
        print(
            f"the sample rate of {files.name} is unknown, {files.config.sample_rate} Hz is assumed "
            f"(samplernn set-rate {quoted(files.folder)} HZ records it)",
            file=sys.stderr,
        )


def quoted(path: str | Path) -> str:
    """Return a path as a shell takes it for one word, and no command for a flag."""
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))


def search_folders() -> list[Path]:
    """Return the folders to search for a model by name."""
    return models.search_folders([Path()])


def chosen_config(args: argparse.Namespace) -> tuple[ModelConfig, str]:
    """Return the ModelConfig that the flags of `add_source_arguments` name, and its file's name.

    Raises:
      ConfigError: there is no such config, or it cannot be trained.
      RequestError: both are given.
    """
    if args.config_file is not None and args.preset is not None:
        raise RequestError("--config_file and --preset together (give one of them)")
    path = args.config_file if args.preset is None else _preset_path(args.preset)
    config = ModelConfig() if path is None else load_config(path).as_trained()
    if args.sample_rate is not None:
        config = dataclasses.replace(config, sample_rate=args.sample_rate)
    if args.pre_emphasis is not None:
        config = dataclasses.replace(config, pre_emphasis=args.pre_emphasis)
    check_seq_len(config)
    if config.q_type == "mu-law" and config.q_levels != PRISM_MU_LAW_LEVELS:
        print(
            f"mu-law with {config.q_levels} levels: PRiSM has {PRISM_MU_LAW_LEVELS} whatever its "
            'config says, and cannot load such a model (set "q_levels" to that)',
            file=sys.stderr,
        )
    name = "default.config.json" if path is None else path.name
    return config, name if name.endswith(".config.json") else f"{Path(name).stem}.config.json"


def _preset_path(name: str) -> Path:
    folder = paths.presets_folder()
    path = folder / f"{name}.config.json"
    if not path.is_file():
        known = sorted(p.name.removesuffix(".config.json") for p in folder.glob("*.config.json"))
        raise ConfigError(f"no preset {name!r} (choose from {', '.join(known)})")
    return path
