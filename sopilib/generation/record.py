"""Records of takes: everything needed to generate a take again, sample for sample.

`ModelRecord` says which model makes it and how, `TakeRecord` says the rest.
`sopilib.generation.record_file` writes them to a file and reads them back.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sopilib.engine.packed_file import packed_digest, packed_paths
from sopilib.engine.provenance import checkpoint_digest, first_own_packed
from sopilib.errors import RecordError, SampleRNNError
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.temperature import Track
from sopilib.generation.temperature_control import Turn
from sopilib.model.config import ModelConfig
from sopilib.model.folder import ModelFiles, find_model


@dataclass(frozen=True)
class ModelRecord:
    """Which model makes a take, and how.

    Attributes:
      name: of the model's folder.
      path: absolute, of the checkpoint without `.index`, or the folder of an exported model.
      sha256: of the checkpoint's index or the packed file's header; each has a checksum of
        all weights.
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
      temperature: tracks, one for all voices or one for each.
      turns: what was changed when, see `TemperatureControl.log`.
      num_made: samples of each voice generated at the model's rate.
      num_samples: samples of each voice handed out, at out_rate.
      sha256: of these, as float32, little-endian, voice beside voice.
      seed_audio: float32 (n,), the primed sound, at the model's rate; or None.
      seed_name: where it came from, or None.
      continues: TakeRecord of the take that it resumed, or None.
      choice: from which takes it was chosen and why, as `Choice.as_json` says it, or None.
    """

    dur_s: float
    out_rate: int
    rng_seed: int
    temperature: tuple[Track, ...]
    turns: tuple[Turn, ...]
    num_made: int
    num_samples: int
    sha256: str
    seed_audio: np.ndarray | None = None
    seed_name: str | None = None
    resume: bool = False
    continues: "TakeRecord | None" = None
    choice: Mapping[str, Any] | None = None

    def chain(self) -> list["TakeRecord"]:
        """Return the takes from the one that began the chain to this one."""
        takes = [self]
        while takes[-1].continues:
            takes.append(takes[-1].continues)
        return takes[::-1]


def model_record(files: ModelFiles, generator: SampleGenerator) -> ModelRecord:
    """Return the ModelRecord of ModelFiles and a generator that was made from them.

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


def find_recorded_model(model: ModelRecord, search: Sequence[str | Path]) -> ModelFiles:
    """Return the ModelFiles of a recorded model, which may have moved.

    Args:
      model: ModelRecord; its sample rate overrides the folder's present one.
      search: folders to look for it by its name if it is not where it was.

    Raises:
      RecordError: it is missing, or only exists with another digest.
    """
    config_path = model.config_path if os.path.isfile(model.config_path) else None
    others = []
    for place in (model.path, Path(model.name, Path(model.path).name), model.name):
        try:
            files = find_model(place, config_path, search, model.sample_rate)
            difference = _difference(model, files)
        except SampleRNNError:
            continue  # not the model of the take
        if difference is None:
            return files
        others.append(difference)
    if others:
        raise RecordError(
            f"{others[0]} has another digest than the record says (put the file of the take back)"
        )
    folders = " or ".join(str(Path(folder).absolute()) for folder in search)
    raise RecordError(
        f"no model {model.path}, and no {model.name} with such a checkpoint in {folders} "
        "(copy it there)"
    )


def is_recorded_model(model: ModelRecord, files: ModelFiles) -> bool:
    """Return whether ModelFiles are those of a recorded model, wherever they lie.

    Raises:
      CheckpointError: the checkpoint's index or the packed weights cannot be read.
    """
    at_rate = files.at_rate(model.sample_rate) if files.rate_is_assumed else files
    return _difference(model, at_rate) is None


def _difference(model: ModelRecord, files: ModelFiles) -> str | Path | None:
    """Return the path of the file that differs from the ModelRecord, None if none does."""
    if _weights_digest(files, model.precision) != model.sha256:
        return files.prefix or files.folder
    return None if _config_digest(files.config) == model.config_sha256 else files.config_path


def _weights_digest(files: ModelFiles, precision: str) -> str:
    if files.prefix is None:
        return packed_digest(_exported_path(files, precision))
    return checkpoint_digest(files)


def _exported_path(files: ModelFiles, precision: str) -> Path:
    """Return the packed file of an exported model, the one that plays if there are several."""
    paths = packed_paths(files.folder, precision)
    return paths[0] if len(paths) == 1 else first_own_packed(files, [precision])[0]


def _config_digest(config: ModelConfig) -> str:
    return hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest()
