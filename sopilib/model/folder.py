"""Model folders: which checkpoint and which config a name stands for.

A model folder is what training leaves: checkpoints `NAME-STEP.index` with their
`.data-*` files, a text file `checkpoint` that names the newest, and one
`*.config.json`; PRiSM's may also have an `args.txt`, the command line of the
training. Nothing is read here but those texts and, where they state no sample rate, the
headers of the sound files beside them. TensorFlow is not needed.
"""

import dataclasses
import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sopilib.errors import CheckpointError, ConfigError
from sopilib.model.config import (
    ModelConfig,
    checked_sample_rate,
    load_config,
    read_json_object,
)
from sopilib.model.sample_rate import RateSource, find_sample_rate, rate_text
from sopilib.small_files import is_closed_folder, is_regular, read_text

# run folders of PRiSM; its fork leaves the config beside them
_RUN_NAME = re.compile(r"\d\d\.\d\d\.\d{4}_\d\d\.\d\d\.\d\d")
_CHECKPOINT_SUFFIX = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")


@dataclass(frozen=True)
class ModelFiles:
    """A model on disk.

    Attributes:
      name: of its folder.
      folder: Path, absolute.
      prefix: str, absolute path of the checkpoint without `.index`; None for an
        exported model, which has packed weights instead.
      config_path: Path.
      config: ModelConfig, its sample rate resolved.
      rate_source: RateSource, what says that sample rate.
    """

    name: str
    folder: Path
    prefix: str | None
    config_path: Path
    config: ModelConfig
    rate_source: RateSource = RateSource.CONFIG

    @property
    def rate_is_assumed(self) -> bool:
        """True where nothing says the sample rate of the model."""
        return self.rate_source is RateSource.ASSUMED

    @property
    def rate_text(self) -> str:
        """The sample rate as people read it, such as `16000 Hz (assumed)`."""
        return rate_text(self.config.sample_rate, self.rate_source)

    def at_rate(self, rate: int) -> "ModelFiles":
        """Return the same model with the sample rate that the user states, in Hz.

        Raises:
          RequestError: the rate is out of range.
        """
        rate = checked_sample_rate("the model's sample rate", rate)
        config = dataclasses.replace(self.config, sample_rate=rate)
        return dataclasses.replace(self, config=config, rate_source=RateSource.STATED)


def find_model(
    path: str | Path,
    config_path: str | Path | None = None,
    search: Sequence[str | Path] = (),
    sample_rate: int | None = None,
) -> ModelFiles:
    """Return the ModelFiles that `path` stands for.

    Args:
      path: a model folder, a checkpoint prefix or an `.index` file; absolute, or
        relative to one of `search`.
      config_path: a config to use in place of the folder's own; relative paths are
        tried likewise, then in the model folder.
      search: folders, tried in this order; default the current folder.
      sample_rate: of the model in Hz, overriding its folder; default: the folder's.

    Raises:
      CheckpointError: nothing there, no checkpoint in it, or a part of it missing.
      ConfigError: no config, more than one, or a bad one.
      RequestError: `sample_rate` is out of range.
    """
    folders = [Path(folder) for folder in search] or [Path()]
    folder, prefix = find_checkpoint(path, folders)
    config_path = find_config(folder, config_path, folders)
    config = load_config(config_path)
    rate, source = find_sample_rate(read_json_object(config_path), config_path, folder)
    config = dataclasses.replace(config, sample_rate=rate)
    files = ModelFiles(folder.name, folder, prefix, config_path, config, source)
    return files if sample_rate is None else files.at_rate(sample_rate)


def find_model_config(
    path: str | Path, config_path: str | Path | None = None, search: Sequence[str | Path] = ()
) -> Path:
    """Return the Path of a model's config, which may be a bad one; arguments as `find_model`.

    Raises:
      CheckpointError: nothing there, no checkpoint in it, or a part of it missing.
      ConfigError: no config, or more than one.
    """
    folders = [Path(folder) for folder in search] or [Path()]
    folder, _ = find_checkpoint(path, folders)
    return find_config(folder, config_path, folders)


def find_checkpoint(path: str | Path, search: Sequence[str | Path] = ()) -> tuple[Path, str | None]:
    """Return the model folder and the checkpoint's prefix, None of an exported model.

    Args:
      path, search: as of `find_model`; the folder needs no config.

    Raises:
      CheckpointError: nothing there, no checkpoint in it, or a part of it missing.
    """
    folders = [Path(folder) for folder in search] or [Path()]
    place = _first_existing(path, folders)
    if place is None:
        looked_in = ", ".join(str(folder.absolute()) for folder in folders)
        raise CheckpointError(
            f"no model {str(path)!r}, neither a folder nor a checkpoint, in {looked_in} "
            "(give a model folder, or the path of a checkpoint without its .index)"
        )
    if is_closed_folder(place):
        reason = os.strerror(errno.EACCES)
        raise CheckpointError(f"cannot read the folder {place}: {reason} (check who may read it)")
    if _is_exported(place):
        return place, None
    checkpoint = _newest_checkpoint(place) if place.is_dir() else prefix_of(place)
    _check_data(checkpoint)
    return checkpoint.parent, str(checkpoint)


def _first_existing(path: str | Path, search: Sequence[Path]) -> Path | None:
    """Return the absolute path of the folder or checkpoint that `path` names, or None."""
    path = Path(os.path.expanduser(path))  # a name of any length, or of nobody, is none
    for folder in search:
        place = Path(os.path.abspath(folder / path))
        if os.path.isdir(place) or is_regular(_index_of(prefix_of(place))):
            return place
    return None


def is_run_name(name: str) -> bool:
    """Return whether a folder's name is that of a training run, the time at which it began."""
    return _RUN_NAME.fullmatch(name) is not None


def _is_exported(place: Path) -> bool:
    """Return True for a folder of packed weights without a checkpoint, see `samplernn export`."""
    return any(place.glob("*.pack")) and not any(place.glob("*.index"))


def prefix_of(place: Path) -> Path:
    """Return the checkpoint's path without `.index` or `.data-*`, which `place` may end with."""
    return place.with_name(_CHECKPOINT_SUFFIX.sub("", place.name))


def _index_of(prefix: Path) -> Path:
    return prefix.with_name(prefix.name + ".index")


def _newest_checkpoint(folder: Path) -> Path:
    """Return the prefix that the text file `checkpoint` names, else that of the highest step."""
    named = _named_checkpoint(folder)
    if named is not None and is_regular(_index_of(named)):
        return named
    prefixes = [prefix_of(index) for index in folder.glob("*.index")]
    if not prefixes:
        raise CheckpointError(
            f"no checkpoint in {folder}: no *.index file (give the folder that the "
            "training wrote its checkpoints to)"
        )
    return max(prefixes, key=_order)


def _named_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint named in `folder`/checkpoint, there or moved along with it."""
    try:
        text = read_text(folder / "checkpoint")
    except (OSError, ValueError):
        return None
    match = re.search(r'^model_checkpoint_path: *"(.+)"', text, re.MULTILINE)
    return folder / Path(match[1]).name if match else None


def checkpoint_number(prefix: str | Path) -> int | None:
    """Return the step or epoch at the end of a checkpoint's name, None if it has none."""
    match = re.search(r"-(\d+)$", str(prefix))
    return int(match[1]) if match else None


def _order(prefix: Path) -> tuple[int, str]:
    number = checkpoint_number(prefix)
    return -1 if number is None else number, prefix.name


def _check_data(prefix: Path) -> None:
    """Raise where a `.data-*` file of the checkpoint is missing."""
    present = {path.name for path in prefix.parent.iterdir()}
    pattern = re.compile(re.escape(prefix.name) + r"\.data-\d{5}-of-(\d{5})$")
    totals = [int(match[1]) for match in map(pattern.match, present) if match]
    for shard in range(max(totals, default=1)):
        name = f"{prefix.name}.data-{shard:05}-of-{max(totals, default=1):05}"
        if name not in present:
            raise CheckpointError(
                f"the checkpoint {prefix} has no {name} (copy that file too, a "
                "checkpoint is its .index and its .data files)"
            )


def find_config(
    folder: Path, config_path: str | Path | None = None, search: Sequence[str | Path] = ()
) -> Path:
    """Return the Path of a model folder's config, or of `config_path`, see `find_model`.

    Raises:
      ConfigError: there is none, or more than one.
    """
    if config_path is not None:
        path = Path(os.path.expanduser(config_path))
        places = [Path(base) / path for base in (*search, folder)]
        found = next((place for place in places if is_regular(place)), None)
        if found is None:
            raise ConfigError(
                f"no config file {str(config_path)!r} (give the path of a *.config.json)"
            )
        return found
    configs = sorted(folder.glob("*.config.json"))
    if not configs and is_run_name(folder.name):
        configs = sorted(folder.parent.glob("*.config.json"))
    if not configs:
        raise ConfigError(
            f"no config in {folder}: no *.config.json file (copy there the one that the "
            "model was trained with, or name it with --config)"
        )
    if len(configs) > 1:
        names = ", ".join(path.name for path in configs)
        raise ConfigError(f"{len(configs)} configs in {folder}: {names} (choose one with --config)")
    return configs[0]
