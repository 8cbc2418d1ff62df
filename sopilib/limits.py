"""Ranges that several packages check. Imports the standard library only."""

import numbers

# lowest and highest in Hz, of models, sounds and Pd alike
SAMPLE_RATES = (1000, 384_000)


def is_sample_rate(rate: object) -> bool:
    """Return True for an integer within SAMPLE_RATES."""
    low, high = SAMPLE_RATES
    return isinstance(rate, numbers.Integral) and low <= int(rate) <= high
