"""Find a model's sample rate in its folder, or assume one.

Checkpoints of PRiSM SampleRNN and its forks hold no rate, and neither do their configs.
The sources, in this order: `sample_rate` in the config, `--sample_rate` in the `args.txt`
of the training, the sound files in the model folder if they all have one rate. Sounds that
were saved with a record are takes of this program: they have the rate that the model had
been given, so they prove nothing and do not count. Without a source the rate is
`DEFAULT_SAMPLE_RATE`, marked as assumed, so that nobody unknowingly resamples by a guess.
"""

import contextlib
from enum import Enum
from pathlib import Path
from typing import Any

from sopilib.limits import is_sample_rate
from sopilib.model.config import DEFAULT_SAMPLE_RATE
from sopilib.model_texts import ARGUMENTS, rate_of_arguments
from sopilib.small_files import RECORD_BYTES, is_regular, read_json

_SOUND_SUFFIXES = {".wav", ".wave", ".aif", ".aiff", ".flac"}


class RateSource(str, Enum):
    """What says the sample rate; the value is how it is shown."""

    STATED = "stated"
    CONFIG = "config"
    ARGUMENTS = ARGUMENTS
    RECORDINGS = "recordings"
    ASSUMED = "assumed"


def find_sample_rate(
    values: dict[str, Any], config_path: Path, folder: Path
) -> tuple[int, RateSource]:
    """Return the sample rate of a model in Hz, and what says it.

    Args:
        values: of the config.
        config_path: of the config's file; an `args.txt` beside it counts.
        folder: the model folder; an `args.txt` and recordings in it count.
    """
    if values.get("sample_rate") is not None:
        return values["sample_rate"], RateSource.CONFIG
    for place in (config_path.parent, folder):
        rate = rate_of_arguments(place)
        if rate is not None:
            return rate, RateSource.ARGUMENTS
    rate = _rate_of_recordings(folder)
    if rate is not None:
        return rate, RateSource.RECORDINGS
    return DEFAULT_SAMPLE_RATE, RateSource.ASSUMED


def rate_text(rate: int, source: RateSource) -> str:
    """Return a rate for people: `22050 Hz`, with its source unless that is the config."""
    return f"{rate} Hz" if source is RateSource.CONFIG else f"{rate} Hz ({source.value})"


def _rate_of_recordings(folder: Path) -> int | None:
    """Return the common rate of all sound files in `folder` that are not takes, else None."""
    sounds = [
        path
        for path in folder.glob("*")
        if path.suffix.lower() in _SOUND_SUFFIXES and is_regular(path)
    ]
    if not sounds:
        return None
    takes = _sounds_of_takes(folder)
    rates = {_header_rate(path) for path in sounds if path.name not in takes} - {None}
    rate = rates.pop() if len(rates) == 1 else None
    return rate if is_sample_rate(rate) else None


def _header_rate(path: Path) -> int | None:
    import soundfile  # only a folder with sounds in it needs that

    try:
        with open(path, "rb") as file:  # soundfile does not take every name
            return int(soundfile.info(file).samplerate)
    except (OSError, RuntimeError, ValueError, TypeError):
        return None  # not a sound file, despite its name


def _sounds_of_takes(folder: Path) -> set[str]:
    """Return the names of the sounds and seeds in `folder` that a take's record names."""
    names = set()
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = read_json(path, RECORD_BYTES)
            if "samplernn_take" in record:
                names.update(record["sound"])
                names.update(take["seed"]["file"] for take in record["takes"] if take["seed"])
    return names
