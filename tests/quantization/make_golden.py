"""Write golden.npz: the levels of samples at the edges, by the formulas of PRiSM SampleRNN.

    python tests/quantization/make_golden.py

It uses nothing of sopilib. Each step is computed exactly, in fractions of integers or with 60
decimal digits, and then rounded to float32, to the nearest and halves to even. The formulas:

- Linear levels: add one to the sample, halve it, multiply it by the number of levels less one
  hundred-thousandth, add five millionths, and drop what follows the point. A level that comes
  out as the number of levels itself, which happens at full scale, is one lower.
- Linear samples: divide the level by half the number of levels and subtract one.
- mu-law levels, with mu one less than the number of levels: multiply the absolute sample by
  mu, add one, take the natural logarithm and divide it by that of mu plus one; give it the
  sample's sign; add one, halve it, multiply it by mu, add a half, and drop what follows the
  point.
- mu-law samples: divide the level by mu, double it and subtract one, which is the companded
  sample; raise mu plus one to its absolute value, subtract one and multiply by one over mu;
  give it the sign of the companded sample.
"""

import decimal
import math
from fractions import Fraction
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("golden.npz")
CASES = [("linear", n) for n in (2, 3, 16, 255, 256, 257, 512, 1024, 4096, 65536)]
CASES += [("mu-law", 256)]
MOST_BORDERS = 128  # of a case, evenly spread
decimal.getcontext().prec = 60


def rounded(exact: Fraction) -> Fraction:
    """Return the float32 nearest to `exact`, halves to even."""
    if exact == 0:
        return exact
    magnitude = abs(exact)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    exponent -= magnitude < Fraction(2) ** exponent  # now 2 ** exponent <= magnitude
    step = Fraction(2) ** max(exponent - 23, -149)
    return round(exact / step) * step  # round() takes halves to even


def of_decimal(value: decimal.Decimal) -> Fraction:
    """Return `value` rounded to float32."""
    return rounded(Fraction(value))


def to_decimal(value: Fraction) -> decimal.Decimal:
    """Return `value` with 60 digits."""
    return decimal.Decimal(value.numerator) / decimal.Decimal(value.denominator)


def linear_level(sample: Fraction, q_levels: int) -> int:
    """Return the linear level of a sample."""
    scale = rounded(Fraction(q_levels - 1e-5))  # the difference is taken in float64
    scaled = rounded(rounded(rounded(sample + 1) / 2) * scale)
    return min(math.floor(rounded(scaled + rounded(Fraction(1e-5 / 2)))), q_levels - 1)


def mu_law_level(sample: Fraction, q_levels: int) -> int:
    """Return the mu-law level of a sample."""
    grown = rounded(1 + rounded((q_levels - 1) * abs(sample)))
    height = of_decimal(decimal.Decimal(q_levels).ln())
    companded = rounded(of_decimal(to_decimal(grown).ln()) / height)
    scaled = rounded(rounded((-companded if sample < 0 else companded) + 1) / 2)
    return math.floor(rounded(rounded(scaled * (q_levels - 1)) + Fraction(1, 2)))


def linear_sample(level: int, q_levels: int) -> Fraction:
    """Return the sample of a linear level."""
    return rounded(rounded(level / Fraction(q_levels, 2)) - 1)


def mu_law_sample(level: int, q_levels: int) -> Fraction:
    """Return the sample of a mu-law level."""
    mu = q_levels - 1
    companded = rounded(rounded(2 * rounded(Fraction(level, mu))) - 1)
    grown = of_decimal(decimal.Decimal(q_levels) ** to_decimal(abs(companded)))
    magnitude = rounded(rounded(Fraction(1 / mu)) * rounded(grown - 1))
    return -magnitude if companded < 0 else magnitude


def borders(q_type: str, q_levels: int) -> np.ndarray:
    """Return samples float64 (n,) near which the level changes."""
    steps = min(q_levels - 1, MOST_BORDERS)
    levels = np.unique(np.linspace(1, q_levels - 1, steps).astype(int))
    if q_type == "linear":
        return levels / q_levels * 2 - 1
    companded = (levels - 0.5) / (q_levels - 1) * 2 - 1
    return np.sign(companded) * (float(q_levels) ** np.abs(companded) - 1) / (q_levels - 1)


def edge_samples(q_type: str, q_levels: int) -> np.ndarray:
    """Return samples float32 (n,): the ends, the smallest, and each border with its neighbours."""
    bits = borders(q_type, q_levels).astype(np.float32).view(np.int32)
    near = (bits[:, np.newaxis] + np.arange(-12, 13, dtype=np.int32)).view(np.float32).ravel()
    tiny = np.float32(1e-45)
    ends = np.array([-1, np.nextafter(np.float32(-1), np.float32(0)), -tiny, -0.0, 0.0, tiny])
    top = np.array([np.nextafter(np.float32(1), np.float32(0)), 1])
    samples = np.concatenate([ends, near, top]).astype(np.float32)
    return samples[np.abs(samples) <= 1]


def main() -> None:
    """Write the golden file."""
    arrays = {}
    level_of = {"linear": linear_level, "mu-law": mu_law_level}
    sample_of = {"linear": linear_sample, "mu-law": mu_law_sample}
    for q_type, q_levels in CASES:
        name, samples = f"{q_type}_{q_levels}", edge_samples(q_type, q_levels)
        exact = [Fraction(float(sample)) for sample in samples]
        arrays[f"{name}_samples"] = samples
        arrays[f"{name}_levels"] = np.int32([level_of[q_type](x, q_levels) for x in exact])
        of_levels = [float(sample_of[q_type](k, q_levels)) for k in range(min(q_levels, 1024))]
        arrays[f"{name}_dequantized"] = np.float32(of_levels)
    np.savez_compressed(GOLDEN, **arrays)


if __name__ == "__main__":
    main()
