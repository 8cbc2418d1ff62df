"""A record as values for JSON, and back: `record_values` and `saved_take`.

The seed audio itself lies in a sound file beside the record; the values hold its name and
its digest.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sopilib.audio.files import read_audio
from sopilib.errors import RecordError
from sopilib.generation import record_fields as kinds
from sopilib.generation.record import ModelRecord, TakeRecord
from sopilib.generation.record_fields import AS_SAVED, check_fields
from sopilib.generation.temperature import Curve, Envelope, Track, as_track
from sopilib.generation.temperature_control import TemperatureControl, Turn
from sopilib.generation.temperature_text import parse_temperature

_MODEL_KINDS = {
    "sha256": kinds.SHA256,
    "config_sha256": kinds.SHA256,
    "sample_rate": kinds.SAMPLE_RATE,
    "num_seqs": kinds.POSITIVE,
}
_TAKE_KINDS = {
    "dur_s": kinds.NUMBER,
    "out_rate": kinds.POSITIVE,
    "num_samples": kinds.COUNT,
    "num_made": kinds.COUNT,
    "sha256": kinds.SHA256,
    "rng_seed": kinds.RNG_SEED,
    "resume": kinds.FLAG,
    "seed": kinds.OBJECT_OR_NULL,
    "temperature": kinds.LIST,
    "turns": kinds.ANY_LIST,
}
# fields of a take whose value is that of the TakeRecord
_PLAIN = ("dur_s", "out_rate", "num_samples", "num_made", "sha256", "rng_seed", "resume")


class SavedTake(NamedTuple):
    """What a record's file says.

    Attributes:
      model: ModelRecord.
      take: TakeRecord.
      num_files: sound files that were saved, 1 for all voices or one for each.
    """

    model: ModelRecord
    take: TakeRecord
    num_files: int


def record_values(name: str, model: ModelRecord, take: TakeRecord) -> dict[str, Any]:
    """Return the values of a record whose file is NAME.json."""
    takes = [_take_values(part, seed_name(name, k)) for k, part in enumerate(take.chain())]
    return {"model": asdict(model), "takes": takes}


def seed_name(name: str, k: int) -> str:
    """Return the file name of the k-th take's seed; usually only the first take has one."""
    return f"{name}.seed{k + 1 if k else ''}.wav"


def _take_values(take: TakeRecord, seed_file: str) -> dict[str, Any]:
    seed = None
    if take.seed_audio is not None:
        digest = seed_digest(take.seed_audio)
        seed = {"from": take.seed_name, "file": seed_file, "sha256": digest}
    return {
        **{key: getattr(take, key) for key in _PLAIN},
        "seed": seed,
        "temperature": [_track_value(track) for track in take.temperature],
        "turns": [_turn_values(turn) for turn in take.turns],
        **({} if take.choice is None else {"choice": take.choice}),
    }


def seed_digest(audio: np.ndarray) -> str:
    """Return the digest of a seed, float32 (num_samples,), as a record says it."""
    return hashlib.sha256(audio.astype("<f4").tobytes()).hexdigest()


def _track_value(track: Track) -> dict[str, Any] | str | float:
    if isinstance(track, Curve):
        values = [float(str(value)) for value in track.values]
        return {"curve": values, "seconds": track.seconds}
    return str(track) if isinstance(track, Envelope) else track


def _turn_values(turn: Turn) -> dict[str, Any]:
    if turn.kind == "set":
        return {"at": turn.position, "set": list(turn.arguments[0])}
    if turn.kind == "follow":
        return {"at": turn.position, "follow": _track_value(turn.arguments[0])}
    return {"at": turn.position, turn.kind: list(turn.arguments)}


def saved_take(values: dict[str, Any], folder: Path) -> SavedTake:
    """Return the SavedTake of the values in a record that lies in `folder`, beside its seeds.

    Raises:
      RecordError, RequestError: a field is missing or out of its range.
      AudioError, RecordError: a seed's file is missing or was changed.
    """
    check_fields(values, sound=kinds.LIST, model=kinds.OBJECT, takes=kinds.LIST)
    model = model_of_values(values["model"])
    num_files = len(values["sound"])
    if num_files not in (1, model.num_seqs):
        raise RecordError(f'"sound" names {num_files} files ({AS_SAVED})')
    first, *others = values["takes"]
    take = _take(first, None, model, folder)
    for take_values in others:
        take = _take(take_values, take, model, folder)
    return SavedTake(model, take, num_files)


def model_of_values(values: Any) -> ModelRecord:
    """Return the ModelRecord in its values.

    Raises:
      RecordError: a field is missing or out of its range.
    """
    model_kinds = {
        field.name: _MODEL_KINDS.get(field.name, kinds.TEXT) for field in fields(ModelRecord)
    }
    return ModelRecord(**check_fields(values, **model_kinds))


def _take(
    values: Any, continues: TakeRecord | None, model: ModelRecord, folder: Path
) -> TakeRecord:
    check_fields(values, **_TAKE_KINDS)
    choice = values.get("choice")  # records of earlier versions have none
    check_fields({"choice": choice}, choice=kinds.OBJECT_OR_NULL)
    if continues and not values["resume"]:
        raise RecordError(f'"resume" is false in a take that continues another ({AS_SAVED})')
    temperature = tuple(map(_track, values["temperature"]))
    seed_audio, name = _seed(values["seed"], folder)
    return TakeRecord(
        **{key: values[key] for key in _PLAIN},
        temperature=temperature,
        turns=tuple(_turns(values["turns"], temperature, model)),
        seed_audio=seed_audio,
        seed_name=name,
        continues=continues,
        choice=choice,
    )


def _track(value: Any) -> Track:
    if isinstance(value, dict):
        check_fields(value, curve=kinds.NUMBERS, seconds=kinds.NUMBER_OR_NULL)
        return Curve(value["curve"], value["seconds"])
    if isinstance(value, str):
        return parse_temperature(value)
    check_fields({"temperature": value}, temperature=kinds.NUMBER)
    return as_track(value)


def _turns(values: list[Any], temperature: tuple[Track, ...], model: ModelRecord) -> Iterator[Turn]:
    """Yield the turns after trying each on a control, which refuses an impossible one."""
    control = TemperatureControl(model.num_seqs, temperature, 1, model.sample_rate)
    position = 0
    for turn_values in values:
        turn = _turn(turn_values)
        if turn.position < position:
            raise RecordError(f'"at" is {turn.position} after {position} ({AS_SAVED})')
        position = turn.position
        getattr(control, turn.kind)(*turn.arguments)
        yield turn


def _turn(values: Any) -> Turn:
    position = check_fields(values, at=kinds.COUNT)["at"]
    if "set" in values:
        return Turn(position, "set", (tuple(check_fields(values, set=kinds.NUMBERS)["set"]),))
    if "follow" in values:
        return Turn(position, "follow", (_track(values["follow"]),))
    return Turn(position, "ramp", tuple(check_fields(values, ramp=kinds.PAIR)["ramp"]))


def _seed(values: dict[str, Any] | None, folder: Path) -> tuple[np.ndarray | None, str | None]:
    """Return (audio, name) of a take's seed, (None, None) without one."""
    if values is None:
        return None, None
    check_fields(values, file=kinds.TEXT, sha256=kinds.SHA256, **{"from": kinds.TEXT_OR_NULL})
    path = folder / Path(values["file"]).name
    audio = read_audio(path)[0][:, 0]
    if seed_digest(audio) != values["sha256"]:
        raise RecordError(f"{path} is not the seed of the take (put back the one saved with it)")
    return audio, values["from"]
