"""A take in files: its sound, its record as JSON, and the seed audio as it was primed.

The JSON is for people too: one line for what belongs together, numbers as they were
given. It holds a list of takes, the last one its own, before it those that it continues.
Numbers of a curve are float32, written with as many digits as tell them apart.
"""

import hashlib
import json
import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import NamedTuple

from sopilib import __version__
from sopilib.audio.files import read_audio, write_audio
from sopilib.errors import RecordError, SampleRNNError
from sopilib.generation.record import ModelRecord, TakeRecord
from sopilib.generation.temperature import (
    Curve,
    Envelope,
    TemperatureControl,
    as_track,
    parse_temperature,
)
from sopilib.limits import SAMPLE_RATES, is_sample_rate

# a new number whenever another program would make another take of it
RECORD_VERSION = 1
_LINE_LENGTH = 96
_LARGEST = 2**53  # of the numbers read
_AS_SAVED = "use the file as it was saved"


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


# Writing


def save_take(sound_paths, record_path, audio, model, take):
    """Write a take's sound, its record, and its seeds beside the record.

    Args:
      sound_paths: one path, for a file with a channel for each voice, or one for each.
      record_path: of the JSON, ending in .json; a seed goes to NAME.seed.wav.
      audio: float32 (num_seqs, num_samples).
      model: ModelRecord.
      take: TakeRecord.

    Raises:
      AudioError, RecordError: a file cannot be written.
    """
    sounds = [audio.T] if len(sound_paths) == 1 else audio
    for path, sound in zip(sound_paths, sounds, strict=True):
        write_audio(path, sound, take.out_rate)
    names = [path.name for path in sound_paths]
    text = _written(_record_values(names, record_path, model, take)) + "\n"
    try:
        record_path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecordError(
            f"cannot write {record_path}: {error.strerror} (choose a folder that is writable)"
        ) from error


def _record_values(sound_names, record_path, model, take):
    """The values of the JSON; seeds are written on the way."""
    return {
        "samplernn_take": RECORD_VERSION,
        "version": __version__,
        "sound": sound_names,
        "model": asdict(model),
        "takes": [
            _take_values(part, _seed_path(record_path, k), model.sample_rate)
            for k, part in enumerate(take.chain())
        ],
    }


def _seed_path(record_path, k):
    """Where the seed of the k-th take goes; as a rule only the first has one."""
    return record_path.with_suffix(f".seed{k + 1 if k else ''}.wav")


def _take_values(take, seed_path, sample_rate):
    seed = None
    if take.seed_audio is not None:
        write_audio(seed_path, take.seed_audio, sample_rate, "FLOAT")
        digest = _seed_digest(take.seed_audio)
        seed = {"from": take.seed_name, "file": seed_path.name, "sha256": digest}
    return {
        "dur_s": take.dur_s,
        "out_rate": take.out_rate,
        "num_samples": take.num_samples,
        "num_made": take.num_made,
        "sha256": take.sha256,
        "rng_seed": take.rng_seed,
        "resume": take.resume,
        "seed": seed,
        "temperature": [_track_value(track) for track in take.temperature],
        "turns": [_turn_values(*turn) for turn in take.turns],
    }


def _seed_digest(audio):
    return hashlib.sha256(audio.astype("<f4").tobytes()).hexdigest()


def _track_value(track):
    if isinstance(track, Curve):
        values = [float(str(value)) for value in track.values]
        return {"curve": values, "seconds": track.seconds}
    return str(track) if isinstance(track, Envelope) else track


def _turn_values(position, kind, arguments):
    if kind == "set":
        return {"at": position, "set": list(arguments[0])}
    if kind == "follow":
        return {"at": position, "follow": _track_value(arguments[0])}
    return {"at": position, kind: list(arguments)}


def _written(value, indent=""):
    """JSON text; what fits is one line, and so is every list of plain values."""
    line = json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    if isinstance(value, dict) and len(indent + line) > _LINE_LENGTH:
        rows = [f"{json.dumps(key)}: {_written(item, inner)}" for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        rows = [_written(item, inner) for item in value]
    else:
        return line
    begin, end = line[0], line[-1]
    return f"{begin}\n{inner}" + f",\n{inner}".join(rows) + f"\n{indent}{end}"


# Reading


def read_take(path):
    """The SavedTake that a record's file says, with its seeds.

    Raises:
      RecordError: the file is missing, is no record or one of another version, a field is
        missing or out of its range, or a seed's file is missing or was changed.
    """
    path = Path(path)
    try:
        return _saved_take(_parsed(path), path.parent)
    except SampleRNNError as error:
        raise RecordError(f"{path}: {error}") from error


def _parsed(path):
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{error.strerror} (give the .json file beside a saved take)") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"is not JSON: {error} ({_AS_SAVED})") from error
    version = values.get("samplernn_take") if isinstance(values, dict) else None
    if version is None:
        raise RecordError("is no record of a take (give the .json file beside a saved take)")
    if version != RECORD_VERSION:
        raise RecordError(
            f"has version {version!r}, this program reads {RECORD_VERSION} (use the samplernn "
            f"that saved it: {values.get('version')!r})"
        )
    return values


def _saved_take(values, folder):
    _check(values, sound=_LIST, model=_OBJECT, takes=_LIST)
    kinds = {field.name: _MODEL_KINDS.get(field.name, _TEXT) for field in fields(ModelRecord)}
    model = ModelRecord(**_check(values["model"], **kinds))
    if len(values["sound"]) not in (1, model.num_seqs):
        raise RecordError(f'"sound" names {len(values["sound"])} files ({_AS_SAVED})')
    take = None
    for take_values in values["takes"]:
        take = _take(take_values, take, model, folder)
    return SavedTake(model, take, len(values["sound"]))


def _take(values, continues, model, folder):
    _check(values, **_TAKE_KINDS)
    if continues and not values["resume"]:
        raise RecordError(f'"resume" is false in a take that continues another ({_AS_SAVED})')
    temperature = tuple(map(_track, values["temperature"]))
    seed_audio, seed_name = _seed(values["seed"], folder)
    plain = ("dur_s", "out_rate", "rng_seed", "num_made", "num_samples", "sha256", "resume")
    return TakeRecord(
        **{key: values[key] for key in plain},
        temperature=temperature,
        turns=tuple(_turns(values, temperature, model)),
        seed_audio=seed_audio,
        seed_name=seed_name,
        continues=continues,
    )


def _track(value):
    if isinstance(value, dict):
        _check(value, curve=_NUMBERS, seconds=_NUMBER_OR_NULL)
        return Curve(value["curve"], value["seconds"])
    if isinstance(value, str):
        return parse_temperature(value)
    _check({"temperature": value}, temperature=_NUMBER)
    return as_track(value)


def _turns(values, temperature, model):
    """The turns, tried out on a control, which refuses what it could not do in the take."""
    control = TemperatureControl(model.num_seqs, temperature, 1, model.sample_rate)
    position = 0
    for turn in values["turns"]:
        kind, arguments = _turn(turn)
        if turn["at"] < position:
            raise RecordError(f'"at" is {turn["at"]} after {position} ({_AS_SAVED})')
        position = turn["at"]
        getattr(control, kind)(*arguments)
        yield position, kind, arguments


def _turn(turn):
    """(kind, arguments) of a turn's values."""
    _check(turn, at=_COUNT)
    if "set" in turn:
        return "set", (tuple(_check(turn, set=_NUMBERS)["set"]),)
    if "follow" in turn:
        return "follow", (_track(turn["follow"]),)
    return "ramp", tuple(_check(turn, ramp=_PAIR)["ramp"])


def _seed(values, folder):
    """(audio, name) of a take's seed, (None, None) without one."""
    if values is None:
        return None, None
    _check(values, file=_TEXT, sha256=_SHA256, **{"from": _TEXT_OR_NULL})
    path = folder / Path(values["file"]).name
    audio = read_audio(path)[0][:, 0]
    if _seed_digest(audio) != values["sha256"]:
        raise RecordError(f"{path} is not the seed of the take (put back the one saved with it)")
    return audio, values["from"]


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    return (_is_integer(value) or isinstance(value, float)) and abs(value) <= _LARGEST


def _is_numbers(value):
    return isinstance(value, list) and len(value) > 0 and all(map(_is_number, value))


# what a field may be: a test, and how that is called
_TEXT = (lambda value: isinstance(value, str) and value != "", "a text")
_TEXT_OR_NULL = (lambda value: value is None or isinstance(value, str), "a text or null")
_FLAG = (lambda value: isinstance(value, bool), "true or false")
_COUNT = (lambda value: _is_integer(value) and 0 <= value <= _LARGEST, "an integer, 0 or above")
_POSITIVE = (lambda value: _is_integer(value) and 0 < value <= _LARGEST, "an integer above 0")
_RATE = (is_sample_rate, "an integer from {} to {}".format(*SAMPLE_RATES))
_RNG_SEED = (lambda value: _is_integer(value) and value >= 0, "an integer, 0 or above")
_NUMBER = (_is_number, "a number")
_NUMBER_OR_NULL = (lambda value: value is None or _is_number(value), "a number or null")
_NUMBERS = (_is_numbers, "a list of numbers")
_PAIR = (lambda value: _is_numbers(value) and len(value) == 2, "two numbers")
_LIST = (lambda value: isinstance(value, list) and len(value) > 0, "a list, not empty")
_ANY_LIST = (lambda value: isinstance(value, list), "a list")
_OBJECT = (lambda value: isinstance(value, dict), "an object in braces")
_OBJECT_OR_NULL = (lambda value: value is None or isinstance(value, dict), "an object or null")
_SHA256 = (
    lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None,
    "64 hexadecimal digits",
)

_MODEL_KINDS = {
    "sha256": _SHA256,
    "config_sha256": _SHA256,
    "sample_rate": _RATE,
    "num_seqs": _POSITIVE,
}
_TAKE_KINDS = {
    "dur_s": _NUMBER,
    "out_rate": _POSITIVE,
    "num_samples": _COUNT,
    "num_made": _COUNT,
    "sha256": _SHA256,
    "rng_seed": _RNG_SEED,
    "resume": _FLAG,
    "seed": _OBJECT_OR_NULL,
    "temperature": _LIST,
    "turns": _ANY_LIST,
}


def _check(values, **kinds):
    """The fields of `values` that `kinds` names, a dict, each of them of its kind."""
    if not isinstance(values, dict):
        raise RecordError(f"{json.dumps(values)[:60]} is no object in braces ({_AS_SAVED})")
    for key, (is_valid, expected) in kinds.items():
        if key not in values:
            raise RecordError(f'no "{key}" ({_AS_SAVED})')
        if not is_valid(values[key]):
            shown = json.dumps(values[key])[:60]
            raise RecordError(f'"{key}" is {shown}, expected {expected} ({_AS_SAVED})')
    return {key: values[key] for key in kinds}
