"""The models of an album: found, checked and ready for jobs before the first track.

The weights of each are written into the album's work folder, so that all of its tracks are made
with the same ones, whatever becomes of the model meanwhile.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sopilib.engine import is_built
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.few_takes import precision_for_few_takes
from sopilib.engine.load import check_weights_fit, load_weights
from sopilib.engine.pack import config_of_packed
from sopilib.engine.packed_file import packed_digest, read_packed, write_packed
from sopilib.errors import AudioError, CheckpointError, RequestError
from sopilib.generation.record import ModelRecord, find_recorded_model, model_record
from sopilib.model.config import ModelConfig
from sopilib.model.folder import ModelFiles
from sopilib.new_files import unwritable


class ReadyModel(NamedTuple):
    """A model that jobs can use.

    Attributes:
      record: of the model.
      config: of the model.
      path: of its packed weights.
      digest: of them.
    """

    record: ModelRecord
    config: ModelConfig
    path: Path
    digest: str


def checked_model(files: ModelFiles, precision: str = "auto") -> ModelRecord:
    """Return the record of a model after loading it once.

    Args:
      files: of the model.
      precision: of its weights; 'auto' is the one for a few takes.

    Raises:
      CheckpointError, RequestError: it cannot be played.
    """
    if not is_built():
        raise RequestError(
            "albums need the native engine (install a C++ compiler, then make install)"
        )
    if precision == "auto" and files.prefix is not None:
        check_weights_fit(files)
        precision = precision_for_few_takes(files.config, 1)
    packed = load_weights(files, 1, precision, threads=1)
    config = config_of_packed(files.config, packed)
    return model_record(files, EngineGenerator(config, packed, num_seqs=1, threads=1))


def ready_models(
    records: Sequence[ModelRecord], search: Sequence[Path], work: Path
) -> list[ReadyModel]:
    """Return the models of an album, their weights in its work folder.

    Args:
      records: of the models.
      search: folders in which to look for a model that has moved.
      work: an existing folder.

    Raises:
      RecordError, CheckpointError: a model is missing or another one.
      AudioError: the folder cannot be written.
    """
    return [_ready(record, search, work) for record in records]


def _ready(record: ModelRecord, search: Sequence[Path], work: Path) -> ReadyModel:
    path = work / f"{record.sha256[:16]}-{record.config_sha256[:16]}.{record.precision}.pack"
    kept = _kept(path)
    if kept is None:
        files = find_recorded_model(record, search)
        packed = load_weights(files, 1, record.precision, threads=1)
        kept = config_of_packed(files.config, packed)
        try:
            write_packed(path, kept, packed)
        except OSError as error:
            raise AudioError(unwritable(path, error)) from error
    return ReadyModel(record, kept, path, packed_digest(path))


def _kept(path: Path) -> ModelConfig | None:
    """Return the config of the weights that an earlier run wrote, None if there are none."""
    if not path.exists():
        return None
    try:
        return read_packed(path)[0]
    except CheckpointError:
        return None
