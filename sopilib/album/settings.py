"""AlbumSettings: what an album is made from, and what follows from it for each track.

Length, temperature and random seeds of a track follow from the album's random seed and the
track's number alone, so that more tracks can be added later and tracks be made in any order.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sopilib.errors import RecordError, RequestError
from sopilib.generation import record_fields as kinds
from sopilib.generation.candidates import rng_seeds_from
from sopilib.generation.record import ModelRecord
from sopilib.generation.record_fields import check_fields
from sopilib.generation.record_values import model_of_values
from sopilib.limits import EXACT_IN_PD, MOST_CANDIDATES, MOST_TRACKS

_SEEDS_APART = 1024  # of two tracks, more than a track has candidates
assert MOST_CANDIDATES <= _SEEDS_APART and MOST_TRACKS * _SEEDS_APART < EXACT_IN_PD
_KINDS = {
    "title": kinds.TEXT,
    "rng_seed": kinds.RNG_SEED,
    "num_tracks": kinds.POSITIVE,
    "dur_s": kinds.PAIR,
    "temperature": kinds.PAIR,
    "best_of": kinds.POSITIVE,
}


@dataclass(frozen=True)
class AlbumSettings:
    """What an album is made from.

    Attributes:
      title: of the album.
      rng_seed: from which the random seeds of its tracks follow.
      num_tracks: how many it has.
      dur_s: shortest and longest length of a track in seconds.
      temperature: lowest and highest.
      best_of: takes from which each track is chosen.
      sample_rate: of all tracks in Hz, or None for each model's own.
      models: track after track uses the next one.
    """

    title: str
    rng_seed: int
    num_tracks: int
    dur_s: tuple[float, float]
    temperature: tuple[float, float]
    best_of: int
    sample_rate: int | None
    models: tuple[ModelRecord, ...]


@dataclass(frozen=True)
class TrackPlan:
    """What a track is made from.

    Attributes:
      number: from 1.
      model: index of its model.
      dur_s: seconds.
      temperature: of all its takes.
      rng_seeds: of the takes from which it is chosen.
    """

    number: int
    model: int
    dur_s: float
    temperature: float
    rng_seeds: tuple[int, ...]


def track_plan(settings: AlbumSettings, number: int) -> TrackPlan:
    """Return the plan of the track with this number, from 1."""
    first = (_number_of(settings, "seeds") + number * _SEEDS_APART) % EXACT_IN_PD
    return TrackPlan(
        number=number,
        model=(number - 1) % len(settings.models),
        dur_s=_between(settings.dur_s, _number_of(settings, f"dur_s {number}")),
        temperature=_between(settings.temperature, _number_of(settings, f"temperature {number}")),
        rng_seeds=tuple(s % EXACT_IN_PD for s in rng_seeds_from(first, settings.best_of)),
    )


def _number_of(settings: AlbumSettings, what: str) -> int:
    """Return a whole number of 52 bits that follows from the random seed and a name."""
    digest = hashlib.sha256(f"{settings.rng_seed} {what}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 12


def _between(ends: tuple[float, float], number: int) -> float:
    """Return a place between two ends, to three decimals."""
    low, high = ends
    return min(high, max(low, round(low + (high - low) * number / 2**52, 3)))


def settings_values(settings: AlbumSettings) -> dict[str, Any]:
    """Return the values of the settings for JSON."""
    values = {**dataclasses.asdict(settings), "models": None}
    values["models"] = [dataclasses.asdict(model) for model in settings.models]
    return {**values, "dur_s": list(settings.dur_s), "temperature": list(settings.temperature)}


def settings_of_values(values: dict[str, Any]) -> AlbumSettings:
    """Return the settings in values that `settings_values` returned.

    Raises:
      RecordError: a field is missing or out of its range.
    """
    check_fields(values, **_KINDS, models=kinds.LIST)
    rate = values.get("sample_rate")
    if rate is not None:
        check_fields(values, sample_rate=kinds.SAMPLE_RATE)
    if values["num_tracks"] > MOST_TRACKS or values["best_of"] > MOST_CANDIDATES:
        raise RecordError(f"more than {MOST_TRACKS} tracks or {MOST_CANDIDATES} takes of each")
    plain = {name: values[name] for name in _KINDS}
    for name in ("dur_s", "temperature"):
        low, high = plain[name]
        is_length = name == "dur_s"
        if not (0 <= low <= high) or (is_length and low == 0):
            least = "above 0" if is_length else "from 0 on"
            raise RecordError(f'"{name}" is {plain[name]}, expected two numbers {least}, in order')
        plain[name] = (float(low), float(high))
    models = tuple(map(model_of_values, values["models"]))
    return AlbumSettings(**plain, sample_rate=rate, models=models)


def check_same(wanted: dict[str, Any], settings: AlbumSettings, place: str) -> None:
    """Refuse settings of an existing album that the user wants to be others.

    Args:
      wanted: by the names of the attributes, those that the user gave.
      settings: of the album.
      place: of the album.

    Raises:
      RequestError: one differs; tracks may be added.
    """
    for name, value in wanted.items():
        present = getattr(settings, name)
        if name == "num_tracks":
            if value < present:
                raise RequestError(
                    f"{place} has {present} tracks, not {value} (give --tracks {present} or more; "
                    "--keep chooses some)"
                )
        elif value != present:
            raise RequestError(
                f"{place} was begun with {_flag(name)} {_shown(present)}, not {_shown(value)} "
                "(leave the flag out, or choose another --out)"
            )


def _flag(name: str) -> str:
    return f"--{'dur' if name == 'dur_s' else name}"


def _shown(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        low, high = value
        return f"{low:g}" if low == high else f"{low:g}:{high:g}"
    return str(value)
