"""Limits that several packages share. Imports the standard library only."""

import numbers

# lowest and highest in Hz, of models, sounds and Pd alike
SAMPLE_RATES = (1000, 384_000)
# below it Pd's numbers hold every whole number; random seeds that we choose stay below
EXACT_IN_PD = 2**24
# the same of Python's floats
EXACT_AS_FLOAT = 2**53
# of one generator
MOST_VOICES = 4096
# takes from which the best is chosen
MOST_CANDIDATES = 1000
# of an album
MOST_TRACKS = 9999
# a float32 with room for products; far below it all levels are equally likely
HIGHEST_TEMPERATURE = 1e30
# what a stream uses of a seed, from its end: the network forgets what was before
STREAM_SEED_S = 2.0
# shortest and longest time in seconds after which a frozen stream starts again
FREEZE_S = (0.02, 3600.0)


def is_sample_rate(rate: object) -> bool:
    """Return True for an integer within SAMPLE_RATES."""
    low, high = SAMPLE_RATES
    return isinstance(rate, numbers.Integral) and low <= int(rate) <= high
