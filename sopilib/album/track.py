"""Make a finished track of its takes: choose, master, write."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sopilib import __version__
from sopilib.album.job import MadeTake
from sopilib.album.mastering import mastered
from sopilib.album.models import ReadyModel
from sopilib.album.settings import AlbumSettings, TrackPlan
from sopilib.album.track_files import State, TrackFiles, state_of, write_track
from sopilib.album.track_image import track_image
from sopilib.audio.resample import resample
from sopilib.errors import AudioError, printable
from sopilib.evaluation.choice import choose
from sopilib.generation.record import ModelRecord, TakeRecord
from sopilib.generation.temperature import as_track
from sopilib.model.sample_codec import SampleCodec


@dataclass(frozen=True)
class Chosen:
    """The take that a track is made of.

    Attributes:
      take: as it was made.
      choice: values for records: from which takes and why.
    """

    take: MadeTake
    choice: Mapping[str, Any]


def chosen_of(takes: Sequence[MadeTake]) -> Chosen:
    """Return the best of a track's takes, in the order of their random seeds."""
    choice = choose([take.candidate for take in takes])
    return Chosen(takes[choice.best], choice.as_json())


def finish_track(
    folder: Path, settings: AlbumSettings, plan: TrackPlan, model: ReadyModel, chosen: Chosen
) -> dict[str, Any]:
    """Write the files of a track and return its values.

    Args:
      folder: of the album.
      settings: of the album.
      plan: of the track.
      model: of the track.
      chosen: its take.

    Raises:
      AudioError, RecordError: a file cannot be written, or has a name that another file has.
    """
    files = TrackFiles.at(folder, plan.number)
    if state_of(files, plan) is State.FOREIGN:
        raise foreign(files)
    take, rate = chosen.take, model.config.sample_rate
    audio = SampleCodec(model.config).played(take.levels[np.newaxis].astype(np.int64))[0]
    if hashlib.sha256(audio.astype("<f4").tobytes()).hexdigest() != take.sha256:
        raise AudioError(f"track {plan.number}: its samples were damaged (repeat the command)")
    out_rate = settings.sample_rate or rate
    sound, mastering = mastered(resample(audio, rate, out_rate), out_rate)
    values = {
        "track": plan.number,
        "title": f"{model.record.name} {plan.number}",
        "model": model.record.name,
        "rng_seed": take.candidate.rng_seed,
        "dur_s": plan.dur_s,
        "temperature": plan.temperature,
        "sample_rate": out_rate,
        "bits_per_sample": round(take.candidate.bits, 4),
        "take_sha256": take.sha256,
        **asdict(mastering),
        "choice": dict(chosen.choice),
    }
    record = _take_record(plan, take, rate, chosen.choice)
    tags = _tags(settings, plan, model.record, values)
    image = track_image(sound, f"track {plan.number} of {settings.title}")
    return write_track(files, sound, out_rate, image, tags, (model.record, record), values)


def foreign(files: TrackFiles) -> AudioError:
    """Return the error about a file that has the name of a track and is none of this album."""
    return AudioError(
        f"{files.sound}, its .json or .png exists and is no track of this album (choose another "
        "--out, or move it away)"
    )


def _take_record(
    plan: TrackPlan, take: MadeTake, rate: int, choice: Mapping[str, Any]
) -> TakeRecord:
    num_samples = len(take.levels)
    return TakeRecord(
        dur_s=plan.dur_s,
        out_rate=rate,
        rng_seed=take.candidate.rng_seed,
        temperature=(as_track(plan.temperature),),
        turns=(),
        num_made=num_samples,
        num_samples=num_samples,
        sha256=take.sha256,
        choice=choice,
    )


def _tags(
    settings: AlbumSettings, plan: TrackPlan, model: ModelRecord, values: Mapping[str, Any]
) -> dict[str, str]:
    tags = {
        "title": values["title"],
        "album": settings.title,
        "tracknumber": str(plan.number),
        "software": f"samplernn {__version__}",
        "comment": (
            f"model {model.name} ({model.sha256[:12]}, {model.precision}), rng_seed "
            f"{values['rng_seed']}, temperature {plan.temperature:g}, {plan.dur_s:g} s"
        ),
    }
    return {name: printable(value) for name, value in tags.items()}
