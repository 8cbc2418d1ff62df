"""Records of takes: all that is needed to make a take again, sample for sample.

`ModelRecord` says which model makes it and how, `TakeRecord` the rest. How they are
written to a file and read back: `sopilib.generation.record_file`.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib.engine.load import packed_paths
from sopilib.engine.packed_file import packed_digest
from sopilib.errors import CheckpointError, RecordError, SampleRNNError
from sopilib.model.config import ModelConfig
from sopilib.model.folder import find_model


@dataclass(frozen=True)
class ModelRecord:
    """Which model makes a take, and how.

    Attributes:
      name: of its folder.
      path: absolute, of the checkpoint without `.index`, or the folder of an exported model.
      sha256: of the checkpoint's index or the packed file's header, either of which has a
        checksum of all weights.
      config_path: absolute.
      config_sha256: of the config's values.
      sample_rate: of the model, in Hz.
      engine: what makes the samples, such as 'tensorflow' or 'native-avx512'.
      precision: to which the weights are rounded, 'float32', 'int8' or 'int4'.
      num_seqs: number of voices.
    """

    name: str
    path: str
    sha256: str
    config_path: str
    config_sha256: str
    sample_rate: int
    engine: str
    precision: str
    num_seqs: int


@dataclass(frozen=True, eq=False)
class TakeRecord:
    """What a take was made from, and how far.

    Attributes:
      dur_s, out_rate, rng_seed, resume: as in TakeRequest, none of them None.
      temperature: tuple of tracks, float, Envelope or Curve.
      turns: tuple of what was turned when, see `TemperatureControl.log`.
      num_made: samples of each voice made at the model's rate.
      num_samples: samples of each voice that were heard, at out_rate.
      sha256: of these, as float32, little-endian, voice beside voice.
      seed_audio: float32 (n,), what was primed, at the model's rate; or None.
      seed_name: where it came from, or None.
      continues: TakeRecord of the take that it went on from, or None.
    """

    dur_s: float
    out_rate: int
    rng_seed: int
    temperature: tuple
    turns: tuple
    num_made: int
    num_samples: int
    sha256: str
    seed_audio: np.ndarray | None = None
    seed_name: str | None = None
    resume: bool = False
    continues: "TakeRecord | None" = None

    def chain(self):
        """The takes from the one that began anew to this one, a list."""
        takes = [self]
        while takes[-1].continues:
            takes.append(takes[-1].continues)
        return takes[::-1]


def model_record(files, generator):
    """The ModelRecord of ModelFiles and a generator that was made from them.

    Raises:
      CheckpointError: the checkpoint's index or the packed weights cannot be read.
    """
    return ModelRecord(
        name=files.name,
        path=str(files.prefix or files.folder),
        sha256=_weights_digest(files, generator.precision),
        config_path=str(files.config_path.absolute()),
        config_sha256=_config_digest(files.config),
        sample_rate=files.config.sample_rate,
        engine=generator.engine,
        precision=generator.precision,
        num_seqs=generator.num_seqs,
    )


def record_at_rate(model: ModelRecord, config: ModelConfig) -> ModelRecord:
    """Return the record of the same model under the sample rate of `config`."""
    return dataclasses.replace(
        model, sample_rate=config.sample_rate, config_sha256=_config_digest(config)
    )


def find_recorded_model(model, search):
    """The ModelFiles of a ModelRecord, which may have moved.

    Args:
      model: ModelRecord; the sample rate in it holds, whatever the folder says by now.
      search: folders in which it is looked for by its name if it is not where it was.

    Raises:
      RecordError: it is not there, or only with another digest.
    """
    config_path = model.config_path if Path(model.config_path).is_file() else None
    others = []
    for place in (model.path, Path(model.name, Path(model.path).name), model.name):
        try:
            files = find_model(place, config_path, search, model.sample_rate)
            difference = _difference(model, files)
        except SampleRNNError:
            continue  # whatever it is, it is not the model of the take
        if difference is None:
            return files
        others.append(difference)
    if others:
        raise RecordError(
            f"{others[0]} has another digest than the take's (put back the one of the take)"
        )
    folders = " or ".join(str(Path(folder).absolute()) for folder in search)
    raise RecordError(
        f"no model {model.path}, and no {model.name} with such a checkpoint in {folders} "
        "(copy it there)"
    )


def _difference(model, files):
    """The path of what is not as in the ModelRecord, None if all is."""
    if _weights_digest(files, model.precision) != model.sha256:
        return files.prefix or files.folder
    return None if _config_digest(files.config) == model.config_sha256 else files.config_path


def _weights_digest(files, precision):
    if files.prefix is None:
        return _exported_digest(files.folder, precision)
    try:
        index = Path(f"{files.prefix}.index").read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {files.prefix}.index: {error.strerror} (check its permissions)"
        ) from error
    return hashlib.sha256(index).hexdigest()


def _exported_digest(folder, precision):
    paths = packed_paths(folder, precision)
    if not paths:
        raise CheckpointError(f"{folder} holds no {precision} weights (export the model anew)")
    return packed_digest(paths[0])


def _config_digest(config):
    return hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest()
