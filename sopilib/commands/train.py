"""`samplernn train`: train a model; the flags are PRiSM's and our own."""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from sopilib.audio.files import read_seed
from sopilib.commands import INTERRUPTED, quantities
from sopilib.commands.arguments import add_source_arguments, boolean, chosen_config
from sopilib.commands.recipe_request import as_request, check_arguments, training_name
from sopilib.commands.train_recipe import train_by_recipe
from sopilib.commands.training_flags import add_flag
from sopilib.errors import RequestError
from sopilib.generation.temperature import check_temperature
from sopilib.model.config import ModelConfig, read_json_object
from sopilib.training.cluster import find_replicas
from sopilib.training.plan import PREVIEW_TEMPERATURES, Plan
from sopilib.training.preview import PreviewRequest
from sopilib.training.run_rate import at_rate_of_run, resumed_run
from sopilib.training.setup import Sources, prepare
from sopilib.training.stops import StopReason

_DEFAULT_TEMPERATURES = " ".join(map(str, PREVIEW_TEMPERATURES))
_ENDINGS: dict[StopReason, str] = {
    "epochs": "all epochs are done",
    "patience": "no improvement for --early_stopping_patience epochs",
    "steps": "--max_steps are done",
    "minutes": "--max_minutes are over",
    "interrupted": "stopped; the same command resumes from here",
}


class _Noted(argparse.Action):
    """Store a value, and note in `given` that the flag is on the command line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, self.const if self.nargs == 0 else values)
        namespace.given = namespace.given | {self.dest}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn train`."""
    parser.register("action", None, _Noted)
    parser.set_defaults(given=frozenset())
    add_source_arguments(parser)
    quantities.adder(parser)(
        "--hours",
        type=quantities.HOURS,
        metavar="H",
        help="train the preset by its recipe for this long, from recordings to a folder that "
        "plays; other flags replace the recipe's settings",
    )
    _add_data_arguments(parser)
    _add_plan_arguments(parser)
    _add_checkpoint_arguments(parser)
    _add_preview_arguments(parser)


def _add_data_arguments(parser: argparse.ArgumentParser) -> None:
    add = quantities.adder(parser)
    add_flag(parser, "val_frac")
    add(
        "--num_val_batches",
        type=quantities.COUNT,
        metavar="N",
        help="at most this many held-out batches to validate on (default: all)",
    )
    add("--mono", nargs=0, const=True, default=True, help="mix channels (default)")
    add(
        "--no-mono",
        dest="mono",
        nargs=0,
        const=False,
        default=True,
        help="train on the channels of a recording one after another instead",
    )
    add_flag(parser, "cut_below")
    add_flag(parser, "cut_softest")
    add(
        "--chunk_dur",
        type=quantities.SECONDS,
        default=8.0,
        metavar="S",
        help="longest chunk of a recording, in seconds (default 8)",
    )
    add(
        "--fade_in",
        type=quantities.FADE,
        metavar="S",
        help="fade each chunk in from silence, so that takes start softly",
    )
    add_flag(parser, "sample_rate")


def _add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    add = quantities.adder(parser)
    add("--num_epochs", type=quantities.COUNT, default=100, help="(default 100)")
    add_flag(parser, "batch_size")
    add(
        "--num_gpus",
        type=quantities.COUNT,
        metavar="N",
        help="how many to train on (default: all of this machine)",
    )
    add_flag(parser, "optimizer")
    add_flag(parser, "learning_rate")
    add_flag(parser, "lr_schedule")
    add_flag(parser, "warmup_steps")
    add(
        "--reduce_learning_rate_after",
        type=quantities.COUNT,
        metavar="EPOCHS",
        help="lower the rate by 10 %% in each later epoch",
    )
    add_flag(parser, "epsilon")
    add_flag(parser, "momentum")
    add_flag(parser, "clip_norm")
    add(
        "--ema_momentum",
        type=quantities.PART,
        metavar="X",
        help="checkpoints hold an average of the weights, 0.999 one over about 1000 steps",
    )
    add_flag(parser, "input_noise")
    add(
        "--mixed_precision",
        type=boolean,
        nargs="?",
        const=True,
        default=False,
        metavar="BOOL",
        help="compute products in bfloat16",
    )
    add("--max_steps", type=quantities.COUNT, help="stop after this many steps in all")
    add("--max_minutes", type=quantities.MINUTES, help="stop after this many minutes")
    add_flag(parser, "log_every")
    add_flag(parser, "rng_seed")


def _add_checkpoint_arguments(parser: argparse.ArgumentParser) -> None:
    add = quantities.adder(parser)
    add(
        "--id",
        type=quantities.name,
        default="default",
        help="name of the training (default 'default', with --hours that of the recordings)",
    )
    add(
        "--logdir_root",
        type=quantities.path,
        default=Path("logdir"),
        help="(default ./logdir)",
    )
    add("--resume", type=boolean, default=True, metavar="BOOL", help="(default True)")
    add(
        "--resume_from",
        type=quantities.path,
        metavar="PATH",
        help="a run folder to resume, or a checkpoint with whose weights a new run starts; the "
        "epoch count continues, warm-up and cosine start over",
    )
    add(
        "--checkpoint_every",
        type=quantities.COUNT,
        default=1,
        metavar="EPOCHS",
        help="(default 1)",
    )
    add("--checkpoint_policy", default="Always", help="Always or Best (default Always)")
    add(
        "--max_checkpoints",
        type=_count_or_none,
        default=5,
        help="kept at a time, or None for all (default 5)",
    )
    add_flag(parser, "early_stopping_patience")
    add(
        "--monitor",
        default="val_loss",
        help="val_loss, loss, val_accuracy or accuracy (default val_loss)",
    )
    # in PRiSM: one line per step, or one line rewritten in place; here: a progress bar
    add("--verbose", type=boolean, default=True, help=argparse.SUPPRESS)


def _add_preview_arguments(parser: argparse.ArgumentParser) -> None:
    add = quantities.adder(parser)
    add("--generate", type=boolean, default=True, metavar="BOOL", help="previews (default True)")
    add(
        "--output_dir",
        type=quantities.path,
        metavar="DIR",
        help="for previews, in a folder with the name of --id, with PRiSM's names such as "
        "ID_e=1_t=0.95.wav (default: the run folder)",
    )
    add(
        "--output_file_dur",
        type=quantities.SECONDS,
        default=3.0,
        metavar="S",
        help="seconds (default 3)",
    )
    add(
        "--max_generate_per_epoch",
        type=quantities.VOICES_EACH,
        default=1,
        help="previews per temperature (default 1)",
    )
    add(
        "--temperature",
        type=quantities.TEMPERATURE,
        nargs="+",
        help=f"of the previews (default {_DEFAULT_TEMPERATURES})",
    )
    add(
        "--seed",
        type=quantities.path,
        metavar="FILE.wav",
        help="a sound that previews continue",
    )
    add(
        "--seed_offset",
        type=quantities.SAMPLES,
        default=0,
        metavar="N",
        help="samples of it to skip",
    )


def _count_or_none(text: str) -> int | None:
    """Return the count, None for the word None."""
    if text.upper() == "NONE":
        return None
    return int(quantities.COUNT.bound("--max_checkpoints")(text))


def run(args: argparse.Namespace) -> int:
    """Run `samplernn train` and return its exit status."""
    if args.resume_from is not None and not args.resume:
        raise RequestError("--resume_from and --resume False together (give one of them)")
    if args.hours is not None:
        check_arguments(args)
        args.id = training_name(args)
    plan = _plan(args)
    config, config_name = _config(args)
    if args.hours is not None:
        return train_by_recipe(as_request(args, config, config_name, _preview_request(args)))
    replicas = find_replicas(args.num_gpus)
    sources = Sources(
        data=args.data_dir,
        logdir=args.logdir_root / args.id,
        config_name=config_name,
        resume=args.resume,
        resume_from=args.resume_from,
        arguments=["samplernn", *sys.argv[1:]],
    )
    preview = _preview_request(args)
    with (
        replicas.watched(),
        prepare(config, plan, sources, preview, replicas) as (training, run_folder),
    ):
        reason = training.run()
    if run_folder is not None:
        for line in training.left_out:
            print(line, flush=True)
        print(f"{_ENDINGS[reason]}\n{run_folder.path}", flush=True)
    return INTERRUPTED if reason == "interrupted" else 0


def _config(args: argparse.Namespace) -> tuple[ModelConfig, str]:
    """Return the ModelConfig and its file's name; without a flag a resumed run sets the rate."""
    config, name = chosen_config(args)
    is_stated = args.sample_rate is not None or args.preset is not None
    if args.config_file is not None:
        is_stated = is_stated or "sample_rate" in read_json_object(args.config_file)
    run = resumed_run(args.logdir_root / args.id, args.resume, args.resume_from)
    if run is not None and not is_stated:
        config = at_rate_of_run(config, run, args.config_file)
    return config, name


def _plan(args: argparse.Namespace) -> Plan:
    return Plan(**{field.name: getattr(args, field.name) for field in dataclasses.fields(Plan)})


def _preview_request(args: argparse.Namespace) -> PreviewRequest | None:
    """Return what previews to make, None for none; its folder is None for the run folder."""
    if not args.generate:
        return None
    seed_audio, seed_rate = read_seed(args.seed, args.seed_offset)
    return PreviewRequest(
        temperatures=tuple(map(check_temperature, args.temperature or PREVIEW_TEMPERATURES)),
        num_takes=args.max_generate_per_epoch,
        dur_s=args.output_file_dur,
        seed_audio=seed_audio,
        seed_rate=seed_rate,
        folder=None if args.output_dir is None else args.output_dir / args.id,
        prism_name=None if args.output_dir is None else Path(args.id).name,
    )
