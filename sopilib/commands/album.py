"""`samplernn album`: make an album, resume it, add tracks to it, keep a choice of them.

The first command of an album writes its settings into `album.json`. Later ones read them there;
flags that are given again must say the same.
"""

import argparse
import dataclasses
import os
import sys
from typing import Any

from tqdm import tqdm

from sopilib.album.album_file import SavedAlbum, add_tracks, begin_album, read_album
from sopilib.album.cluster_runner import ClusterRunner
from sopilib.album.keep import FOLDER, keep_tracks
from sopilib.album.local_runner import LocalRunner
from sopilib.album.make import AlbumInTheMaking, Telling
from sopilib.album.models import checked_model
from sopilib.album.page import NAME as PAGE
from sopilib.album.runner import Runner
from sopilib.album.settings import AlbumSettings, check_same
from sopilib.album.space import check_album_space
from sopilib.audio.write import check_format
from sopilib.commands import INTERRUPTED, quantities
from sopilib.commands.arguments import (
    add_models_argument,
    find_named_model,
    search_folders,
    tell_assumed_rate,
)
from sopilib.errors import AudioError, RequestError, SampleRNNError, printable
from sopilib.generation.record import ModelRecord, is_recorded_model
from sopilib.generation.request_checks import checked_length, checked_rng_seed
from sopilib.installation.packages import ALBUM, CLUSTER, check_packages
from sopilib.model.folder import ModelFiles

_NUM_TRACKS, _DUR_S, _TEMPERATURE, _BEST_OF = 12, (180.0, 300.0), (0.9, 1.05), 4
_WITH_KEEP = ("run", "parser", "out", "keep")
# flags by the settings that they give
_SETTINGS = {
    "title": "title",
    "rng_seed": "rng_seed",
    "tracks": "num_tracks",
    "dur": "dur_s",
    "temperature": "temperature",
    "best_of": "best_of",
    "sample_rate": "sample_rate",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn album`."""
    parser.set_defaults(parser=parser)
    _add_settings(parser)
    add = quantities.adder(parser)
    add(
        "--processes",
        type=quantities.COUNT,
        metavar="N",
        help="takes at a time on this machine (default: its cores)",
    )
    add(
        "--scheduler",
        type=quantities.scheduler,
        metavar="tcp://HOST:8786",
        help="have the workers of this Dask scheduler generate",
    )
    add(
        "--array",
        type=quantities.part,
        metavar="I/N",
        help="make the I-th of N parts of the tracks alone, as a job of a queue",
    )
    add(
        "--keep",
        type=quantities.track_numbers,
        metavar="1,4,7",
        help=f"write these finished tracks into {FOLDER}/, in this order; allows only --out",
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    add_models_argument(parser, required=False, more="; required for a new album")
    add = quantities.adder(parser)
    add("--out", type=quantities.path, required=True, metavar="FOLDER", help="of the album")
    add(
        "--tracks",
        type=quantities.TRACKS,
        metavar="N",
        help=f"(default {_NUM_TRACKS}); more than an album has are added to it",
    )
    add(
        "--dur",
        type=quantities.Interval(quantities.DURATION),
        metavar="S:S",
        help="seconds of the shortest and the longest track (default {:g}:{:g})".format(*_DUR_S),
    )
    add(
        "--temperature",
        type=quantities.Interval(quantities.TEMPERATURE),
        metavar="T:T",
        help="lowest and highest (default {:g}:{:g})".format(*_TEMPERATURE),
    )
    add(
        "--best_of",
        type=quantities.CANDIDATES,
        metavar="N",
        help=f"takes from which each track is chosen (default {_BEST_OF})",
    )
    add(
        "--rng_seed",
        type=quantities.RNG_SEED,
        metavar="N",
        help="the same N gives the same album (default: a fresh one)",
    )
    add("--sample_rate", type=quantities.RATE, metavar="HZ", help="(default: each model's own)")
    add("--title", type=quantities.title, metavar="TEXT", help="(default: the folder's name)")
    add(
        "--precision",
        metavar="P",
        help="float32, int8 or int4 (default: the more exact of the first two that plays live)",
    )


def run(args: argparse.Namespace) -> int:
    """Run `samplernn album`; return its exit status."""
    if args.keep is not None:
        return _keep(args)
    if args.scheduler and args.processes:
        raise RequestError(
            "--processes with --scheduler (its workers have their own; leave it out)"
        )
    check_packages(ALBUM, "albums")
    if args.scheduler:
        check_packages(CLUSTER, "albums on a cluster")
    saved = read_album(args.out)
    saved = _new_album(args) if saved is None else _continued(args, saved)
    part = "all" if args.array is None else "part-{}-of-{}".format(*args.array)
    with _Progress() as progress:
        telling = Telling(progress.line, progress.begin, progress.advance)
        is_part = args.array is not None
        album = AlbumInTheMaking(args.out, saved, _numbers(args, saved), is_part, telling)
        return _made(args, album, part, _runner(args, progress))


def _numbers(args: argparse.Namespace, album: SavedAlbum) -> range:
    """Return the numbers of the tracks that this command makes."""
    numbers = range(1, album.settings.num_tracks + 1)
    if args.array is None:
        return numbers
    place, num_parts = args.array
    return numbers[place - 1 :: num_parts]


def _made(args: argparse.Namespace, album: AlbumInTheMaking, part: str, runner: Runner) -> int:
    """Make an album; whatever ends it, say what is finished."""
    try:
        album.make(runner, search_folders(), part)
    except KeyboardInterrupt:
        album.write_contents()
        tqdm.write(f"{_finished(album)} (the same command resumes from here)", file=sys.stderr)
        return INTERRUPTED
    except SampleRNNError as error:
        reason, _, fix = str(error).partition(" (")
        if isinstance(error, AudioError) and reason.endswith("the disk is full"):
            fix = "free space, then repeat the command)"
        fix = fix or "repeat the command)"
        raise type(error)(f"{reason}; {_finished(album)} ({fix}") from error
    if args.array is None:
        print(printable(f"{args.out / PAGE}: listen, then choose with --keep"))
    return 0


def _finished(album: AlbumInTheMaking) -> str:
    num_tracks = album.num_finished + len(album.missing)
    return f"{album.num_finished} of {num_tracks} tracks are finished"


def _keep(args: argparse.Namespace) -> int:
    """Write the choice of tracks."""
    for name, value in vars(args).items():
        if name not in _WITH_KEEP and value != args.parser.get_default(name):
            args.parser.error(f"argument --keep: not allowed with argument --{name}")
    saved = read_album(args.out)
    if saved is None:
        raise RequestError(f"{args.out} holds no album (give the --out of one)")
    for path in keep_tracks(args.out, saved, args.keep):
        print(printable(path))
    print(printable(f"{args.out / FOLDER / PAGE}: the choice"))
    return 0


def _new_album(args: argparse.Namespace) -> SavedAlbum:
    """Begin an album after checking everything that its settings can be wrong in."""
    if args.models is None:
        args.parser.error("the following arguments are required for a new album: --ckpt_dir")
    files = [_files(name, args.sample_rate) for name in args.models]
    dur_s = args.dur or _DUR_S
    for model in files:
        rate = args.sample_rate or model.config.sample_rate
        _check_lengths(dur_s, rate)
        check_format(args.out / "01.flac", rate)
    models = tuple(_checked(name, model, args) for name, model in zip(args.models, files))
    settings = AlbumSettings(
        title=args.title or printable(args.out.absolute().name)[:255] or "album",
        rng_seed=checked_rng_seed(args.rng_seed),
        num_tracks=args.tracks or _NUM_TRACKS,
        dur_s=dur_s,
        temperature=args.temperature or _TEMPERATURE,
        best_of=args.best_of or _BEST_OF,
        sample_rate=args.sample_rate,
        models=models,
    )
    new = SavedAlbum(settings, {})
    check_album_space(args.out, new, _numbers(args, new))
    for model in files:
        tell_assumed_rate(model)
    # another part of the same array may have begun it a moment ago
    return _continued(args, begin_album(args.out, settings))


def _check_lengths(dur_s: tuple[float, float], rate: int) -> None:
    """Raise RequestError unless tracks of these lengths fit into memory and have samples."""
    for seconds in dur_s:
        checked_length(seconds, rate, 1)


def _files(name: str, sample_rate: int | None) -> ModelFiles:
    """Return the files of a model; a rate that is asked for is the model's if that is unknown."""
    files = find_named_model(name)
    is_stated = sample_rate is not None and files.rate_is_assumed
    return files.at_rate(sample_rate) if is_stated and sample_rate else files


def _checked(name: str, files: ModelFiles, args: argparse.Namespace) -> ModelRecord:
    """Return the record of a model that can be played."""
    try:
        return checked_model(files, args.precision or "auto")
    except SampleRNNError as error:
        if len(args.models) == 1:
            raise
        reason, _, fix = str(error).partition(" (")
        fix = f" ({fix.removesuffix(')')}, or leave out {name})"
        raise type(error)(f"{reason}{fix}") from error


def _continued(args: argparse.Namespace, saved: SavedAlbum) -> SavedAlbum:
    """Return an existing album, with the tracks that are added to it.

    Raises:
      RequestError: a flag says something else than its settings.
    """
    given: dict[str, Any] = {
        name: getattr(args, flag)
        for flag, name in _SETTINGS.items()
        if getattr(args, flag) is not None
    }
    settings = saved.settings
    check_same(given, settings, str(args.out))
    if args.precision not in (None, "auto", *(model.precision for model in settings.models)):
        raise RequestError(
            f"{args.out} was begun with --precision {settings.models[0].precision} (leave it out)"
        )
    if args.models is not None:
        found = [_files(name, args.sample_rate) for name in args.models]
        if len(found) != len(settings.models) or not all(
            map(is_recorded_model, settings.models, found)
        ):
            names = " ".join(model.path for model in settings.models)
            raise RequestError(
                f"{args.out} was begun with --ckpt_dir {names} (leave it out to continue with "
                "these, or choose another --out)"
            )
    for model in settings.models:
        _check_lengths(settings.dur_s, settings.sample_rate or model.sample_rate)
    more = saved
    if args.tracks is not None:
        more = SavedAlbum(dataclasses.replace(settings, num_tracks=args.tracks), saved.tracks)
    check_album_space(args.out, more, _numbers(args, more))
    if more.settings.num_tracks == settings.num_tracks:
        return saved
    return add_tracks(args.out, saved, args.tracks)


def _runner(args: argparse.Namespace, progress: "_Progress") -> Runner:
    if args.scheduler:
        return ClusterRunner(args.scheduler, progress.line)
    return LocalRunner(args.processes or os.cpu_count() or 1)


class _Progress:
    """A progress bar in seconds of generated sound, and lines above it."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, seconds: float) -> None:
        """Show a bar of so many seconds."""
        bar_format = "{l_bar}{bar}| {n:.0f}/{total:.0f} s of takes [{elapsed}<{remaining}]"
        self._bar = tqdm(total=seconds, bar_format=bar_format)

    def advance(self, seconds: float) -> None:
        """Count the seconds of a take."""
        self._bar.n = min(self._bar.total, self._bar.n + seconds)
        self._bar.update(0)

    def line(self, text: str) -> None:
        """Print a line."""
        tqdm.write(printable(text), file=sys.stdout)
        sys.stdout.flush()
