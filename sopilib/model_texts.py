"""What the texts in a model's folder say, read in one way by all. The standard library only.

A model folder may come from the internet, see `sopilib.small_files`.
"""

import re
from pathlib import Path

from sopilib.limits import is_sample_rate
from sopilib.small_files import read_commented_json, text_if_readable

CARD = "README.md"
ARGUMENTS = "args.txt"  # the command line of its training
# no number that is too long to be a rate
_RATE_FLAG = re.compile(r"--sample_rate\W+(\d{1,9})(?!\d)")


def rate_of_config(path: Path) -> int | None:
    """Return the sample rate in Hz that a config states, None if it states none that can be."""
    try:
        values = read_commented_json(path)
    except (OSError, ValueError):
        return None
    rate = values.get("sample_rate") if isinstance(values, dict) else None
    return rate if is_sample_rate(rate) else None


def rate_of_arguments(folder: Path) -> int | None:
    """Return the last `--sample_rate` of a training's command line, the one that counted."""
    rates = [int(digits) for digits in _RATE_FLAG.findall(text_if_readable(folder / ARGUMENTS))]
    return rates[-1] if rates and is_sample_rate(rates[-1]) else None
