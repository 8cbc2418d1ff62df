"""`samplernn tune`: find the settings for a long training by many short ones.

A flag with one value is fixed; a flag with several is searched. `sopilib.training.search`
describes the files.
"""

import argparse
import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sopilib.audio.recordings import read_recordings
from sopilib.commands import INTERRUPTED, quantities
from sopilib.commands.arguments import add_source_arguments, boolean, chosen_config
from sopilib.commands.quantities import Quantity
from sopilib.commands.training_flags import add_flag, add_searched_flag
from sopilib.errors import CheckpointError, RequestError
from sopilib.installation.paths import make_folder
from sopilib.lock_file import locked
from sopilib.model.config import ModelConfig, read_json_object
from sopilib.training.oracles import TUNERS
from sopilib.training.plan import Plan
from sopilib.training.ranking import Ranking, Row, table
from sopilib.training.role import Role, read_role
from sopilib.training.search import Search, SearchRequest
from sopilib.training.search_chief import await_chief
from sopilib.training.space import NOT_COMPARABLE, OF_CONFIG, OF_PLAN, Space, make_space
from sopilib.training.state import replacing

_SETTINGS_NAME = "search.json"
_LOCK_NAME = "search.lock"
_MAX_TRIALS = 20
_ROWS_SHOWN = 5
_SEARCHED = (
    *("batch_size", "optimizer", "learning_rate", "lr_schedule", "warmup_steps"),
    *("epsilon", "momentum", "clip_norm"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn tune`."""
    add_source_arguments(parser)
    _add_search_arguments(parser)
    _add_searched_arguments(parser)
    _add_fixed_arguments(parser)


def _add_search_arguments(parser: argparse.ArgumentParser) -> None:
    add = quantities.adder(parser)
    add("--id", type=quantities.name, default="tune", help="name of the search (default 'tune')")
    add(
        "--logdir_root",
        type=quantities.path,
        default=Path("logdir"),
        help="(default ./logdir)",
    )
    add("--tuner", default="random", help=f"{', '.join(TUNERS)} (default random)")
    add(
        "--max_trials",
        type=quantities.COUNT,
        metavar="N",
        help=f"(default {_MAX_TRIALS}; for hyperband, as many as --num_epochs needs)",
    )
    add("--num_epochs", type=quantities.COUNT, default=10, help="at most for a trial (default 10)")
    add("--max_steps", type=quantities.COUNT, help="at most for a trial")
    add("--max_minutes", type=quantities.MINUTES, help="at most for a trial")
    add(
        "--chief_timeout",
        type=quantities.SECONDS,
        default=300.0,
        metavar="S",
        help="how long a worker waits for its chief (default 300)",
    )


def _add_searched_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("searched if several values are given")
    add_one = quantities.adder(group)

    def add(
        name: str, kind: Quantity | Callable[[str], Any], text: str, metavar: str = "X"
    ) -> None:
        add_one(f"--{name}", type=kind, nargs="+", metavar=metavar, help=text)

    add("frame_sizes", _frame_sizes, "lower and upper, such as 4/32 16/64", "A/B")
    add("dim", quantities.WIDTH, "width of the layers", "N")
    add("rnn_type", str, "gru, lstm")
    add("num_rnn_layers", quantities.LAYERS, "recurrent layers in a tier", "N")
    add("q_type", str, "mu-law, linear (their bits are not comparable)")
    add("q_levels", quantities.LEVELS, "(bits at different levels are not comparable)", "N")
    add("skip_conn", boolean, "True, False", "BOOL")
    add("rnn_dropout", quantities.DROPOUT, "0 to below 1")
    add("seq_len", quantities.SEQ_LEN, "samples of a training segment", "N")
    for name in _SEARCHED:
        add_searched_flag(group, name)


def _add_fixed_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("sample_rate", "val_frac", "cut_below", "cut_softest", "input_noise", "log_every"):
        add_flag(parser, name)
    add_flag(parser, "early_stopping_patience")
    add_flag(parser, "rng_seed", help="of the search and of each trial (default 0)")
    add = quantities.adder(parser)
    add("--mixed_precision", action="store_true", help="compute products in bfloat16")
    add(
        "--max_checkpoints",
        type=quantities.COUNT,
        default=1,
        help="kept per trial beside its best (default 1)",
    )


def _frame_sizes(text: str) -> tuple[int, ...]:
    read = quantities.FRAME_SIZE.bound("--frame_sizes")
    return tuple(map(read, text.split("/")))


_frame_sizes.__name__ = "A/B"  # for argparse's error text


def run(args: argparse.Namespace) -> int:
    """Run `samplernn tune` and return its exit status.

    Raises:
      SampleRNNError: the search cannot start or resume, or no trial succeeded.
    """
    role = read_role(os.environ)
    request = _request(args, role)
    if not role.is_chief:
        _check_data(args, request.space.config)
    make_folder(request.folder, "--logdir_root")
    ranking = Ranking(request.name, request.folder, request.space, request.data)
    if role.is_worker and role.address is not None:
        await_chief(role.address, args.chief_timeout)
    with _locked(request):
        _keep_settings(request)
        search = Search(request, on_end=lambda rows: _show_best(ranking, rows))
        return _run(search, ranking, role)


def _locked(request: SearchRequest) -> AbstractContextManager[None]:
    """Return a with block in which no other process owns the search; a worker owns none.

    Raises:
      CheckpointError: another one does, or the lock file cannot be made.
    """
    if request.role.is_worker:
        return nullcontext()
    busy = f"another process searches in {request.folder} (wait for it, or give another --id)"
    return locked(request.folder / _LOCK_NAME, CheckpointError(busy))


def _run(search: Search, ranking: Ranking, role: Role) -> int:
    try:
        search.search()
    except KeyboardInterrupt:
        print("\nstopped; the same command resumes from here", flush=True)
        return INTERRUPTED
    if role.is_worker:
        print("no trial is left; the chief has the table", flush=True)
        return 0
    rows = search.rows()
    if not rows:
        raise RequestError("no trial was run (give another --id)")
    lines = ranking.write(rows)
    print("\n".join(["", table(rows), *lines]), flush=True)
    if rows[0].bits is None:
        raise RequestError("no trial succeeded (see the reasons in the table)")
    return 0


def _show_best(ranking: Ranking, rows: Sequence[Row]) -> None:
    ranking.write(rows)
    left_out = [f"and {len(rows) - _ROWS_SHOWN} more"] * (len(rows) > _ROWS_SHOWN)
    print("\n".join(["", table(rows[:_ROWS_SHOWN]), *left_out]), flush=True)


def _request(args: argparse.Namespace, role: Role) -> SearchRequest:
    if args.tuner not in TUNERS:
        raise RequestError(f"--tuner {args.tuner} (give {', '.join(TUNERS)})")
    max_trials = args.max_trials
    if max_trials is None and args.tuner != "hyperband":
        max_trials = _MAX_TRIALS
    space = _space(args)
    folder = args.logdir_root / args.id
    return SearchRequest(
        name=folder.name,
        folder=folder,
        data=args.data_dir,
        space=space,
        tuner=args.tuner,
        max_trials=max_trials,
        role=role,
    )


def _space(args: argparse.Namespace) -> Space:
    config, _ = chosen_config(args)
    given = {name: getattr(args, name) for name in (*OF_CONFIG, *OF_PLAN)}
    names = {field.name for field in dataclasses.fields(Plan)} - set(OF_PLAN)
    plan = Plan(**{name: value for name, value in vars(args).items() if name in names})
    space = make_space(config, plan, given)
    for name in NOT_COMPARABLE:
        if name in space.choices:
            print(f"note: bits per sample are not comparable across values of {name}", flush=True)
    return space


def _check_data(args: argparse.Namespace, config: ModelConfig) -> None:
    """Raise AudioError if the recordings cannot be used with any settings."""
    read_recordings(args.data_dir, config.sample_rate)


def _keep_settings(request: SearchRequest) -> None:
    """Write the settings into the search's folder; raise RequestError if it has different ones."""
    path = request.folder / _SETTINGS_NAME
    settings: dict[str, Any] = {"tuner": request.tuner, "data": [str(d) for d in request.data]}
    settings.update(request.space.to_dict())
    if path.exists():
        before = read_json_object(path)
        # an older search lacks settings that did not exist then
        if isinstance(before.get("plan"), dict):
            before["plan"] = {**dataclasses.asdict(Plan()), **before["plan"]}
        other = [name for name in settings if before.get(name) != settings[name]]
        if other:
            raise RequestError(
                f"{request.folder} is a search with another {' and '.join(other)} (give the same "
                "flags, or another --id)"
            )
    elif not request.role.is_worker:
        with replacing(path) as file:
            file.write(json.dumps(settings, indent=2).encode() + b"\n")
