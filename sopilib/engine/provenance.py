"""Whether packed weights are those of a model: its config and its checkpoint's digest.

The sample rate is no part of the weights, so `samplernn set-rate` makes no pack another's.
"""

import dataclasses
import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sopilib.engine.pack import PackedModel
from sopilib.engine.packed_file import packed_paths, read_packed
from sopilib.errors import CheckpointError
from sopilib.model.checkpoint_index import read_index
from sopilib.model.config import DEFAULT_SAMPLE_RATE, PRISM_MU_LAW_LEVELS, ModelConfig
from sopilib.model.folder import ModelFiles
from sopilib.model.sample_rate import RateSource

log = logging.getLogger(__name__)

# the keys of a config that the weights and what the kernels do with them depend on
_KEYS = (
    "rnn_type",
    "dim",
    "num_rnn_layers",
    "frame_sizes",
    "skip_conn",
    "q_type",
    "q_levels",
    "pre_emphasis",
)
# the name of a file that `sopilib.engine.cache` wrote
_CACHED = re.compile(r"(?P<prefix>.+)\.[0-9a-f]{12}\.(?P<precision>[^.]+)\.pack")


def checkpoint_digest(files: ModelFiles) -> str:
    """Return the SHA-256 in hex of a checkpoint's index, which has a checksum of every variable.

    Raises:
      CheckpointError: the index cannot be read.
    """
    return hashlib.sha256(read_index(str(files.prefix))).hexdigest()


def read_own_packed(path: Path, files: ModelFiles, precision: str) -> PackedModel:
    """Return the PackedModel in the file at `path`, if it is one of this model.

    Args:
      path: of the packed file.
      files: ModelFiles of the model; a checkpoint's digest counts where the file states one,
        its own checkpoint then stands in the result.
      precision: that the file's name states.

    Raises:
      CheckpointError: the file is damaged, or it is of another model or precision.
    """
    config, packed = read_packed(path)
    if difference := _difference(files.config, config):
        raise CheckpointError(
            f"{path} is of another model than {files.config_path}: {difference} (put the "
            "right one there, or export the model again)"
        )
    if packed.precision != precision:
        raise CheckpointError(
            f"{path} holds {packed.precision} weights, not {precision} (rename it)"
        )
    if files.prefix is None:
        _warn_of_rate(path, config, files)
        return packed
    digest = checkpoint_digest(files)
    if packed.checkpoint not in (None, digest):
        raise CheckpointError(f"{path} was not made from {files.prefix} (delete it)")
    return dataclasses.replace(packed, checkpoint=digest)


def _warn_of_rate(path: Path, packed: ModelConfig, files: ModelFiles) -> None:
    """Log a warning where a packed file states another sample rate than the folder.

    The default is no statement: an export of a model whose rate is unknown holds that.
    """
    is_stated = packed.sample_rate != DEFAULT_SAMPLE_RATE
    rate = files.config.sample_rate
    if is_stated and packed.sample_rate != rate and files.rate_source is not RateSource.STATED:
        log.warning(
            "%s was exported at %d Hz and plays at %s, as its folder says (samplernn set-rate "
            "changes that)",
            path,
            packed.sample_rate,
            files.rate_text,
        )


def first_own_packed(files: ModelFiles, precisions: Sequence[str]) -> tuple[Path, PackedModel]:
    """Return the first packed file of an exported model that is whole and its own, and its content.

    Args:
      files: ModelFiles of an exported model.
      precisions: in the order in which to look for them.

    Raises:
      CheckpointError: there is none.
    """
    errors: list[CheckpointError] = []
    for precision in precisions:
        for path in packed_paths(files.folder, precision):
            try:
                packed = read_own_packed(path, files, precision)
            except CheckpointError as error:
                errors.append(error)
                continue
            for refused in errors:
                log.warning("%s; %s is used", refused, path.name)
            return path, packed
    if errors:
        raise errors[0]
    raise CheckpointError(
        f"{files.folder} holds no {' or '.join(precisions)} weights (export the model again)"
    )


def _difference(expected: ModelConfig, found: ModelConfig) -> str | None:
    """Return what differs first between the configs of a folder and of a packed file."""
    for key in _KEYS:
        there, here = getattr(found, key), getattr(expected, key)
        if there != here and not _is_prisms_mu_law(key, there, expected):
            return f'"{key}" is {_shown(there)} there, {_shown(here)} in the config'
    return None


def _is_prisms_mu_law(key: str, found: object, expected: ModelConfig) -> bool:
    is_mu_law = expected.q_type == "mu-law"
    return key == "q_levels" and is_mu_law and found == PRISM_MU_LAW_LEVELS


def _shown(value: object) -> str:
    return str(list(value) if isinstance(value, tuple) else value)


def foreign_packs(files: ModelFiles, precision: str, own: set[Path]) -> Iterator[Path]:
    """Yield the packed files beside a checkpoint that no checkpoint there was packed into.

    Args:
      files: ModelFiles of the checkpoint.
      precision: of the files with a digest in their name; those of others may be out of date.
      own: paths of the checkpoint's own packed files of this precision, which may exist.
    """
    others = {index.stem for index in files.folder.glob("*.index")} - {Path(str(files.prefix)).name}
    for path in sorted(files.folder.glob("*.pack")):
        match = _CACHED.fullmatch(path.name)
        is_current = match is None or match["precision"] == precision
        if is_current and path not in own and (match is None or match["prefix"] not in others):
            yield path
