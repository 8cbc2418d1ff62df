"""Try the properties of tests/support/fuzz_properties.py on new inputs until the time is over.

PYTHONPATH=.:tests/support python tests/fuzz/properties.py SECONDS
"""

import sys
import time

from fuzz_properties import PROPERTIES
from hypothesis import HealthCheck, given, seed, settings

_EXAMPLES = 20  # of a property before it is the next one's turn


def main(seconds: float) -> None:
    """Raise at the first input, made as small as possible, that breaks a property."""
    ends = time.monotonic() + seconds
    first_seed, rounds = time.time_ns(), 0
    counts = dict.fromkeys(PROPERTIES, 0)
    while time.monotonic() < ends:
        for property_ in PROPERTIES:
            counts[property_] += _try(property_, first_seed + rounds, ends)
        rounds += 1
    for property_, count in counts.items():
        print(f"{property_.__name__}: {count} inputs")


def _try(property_, number: int, ends: float) -> int:
    """Return how many inputs were tried; none once the time is over."""
    count = 0

    def check(case) -> None:
        nonlocal count
        if time.monotonic() < ends:
            count += 1
            property_(case)

    options = settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(options(given(PROPERTIES[property_])(check)))()
    return count


if __name__ == "__main__":
    main(float(sys.argv[1]))
