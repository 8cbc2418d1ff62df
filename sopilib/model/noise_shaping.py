"""Random numbers that are no longer independent, each still uniform: noise shaping of a model.

A model draws each sample from its distribution with a uniform random number. Independent
numbers make white noise of what the model leaves open. Here number n is that of
w[n] = x[n] + b x[n-1], of independent uniform x, put through the distribution function of w:
uniform again, so each sample still comes from the model's distribution given those before it,
but neighbours resemble each other (b > 0, less noise in the treble) or differ (b < 0, less in the
bass), as in the noise shaping of quantizers. What a model has learnt reacts strongly to it:
hundredths of b change how a take sounds.
"""

import numpy as np

LIMIT = 1.0  # of b, either way
FIRST = 0.5  # takes the place of the number before the first
_BELOW_ONE = 1 - 2**-24  # the largest float32 below it


def shaped(numbers: np.ndarray, before: np.ndarray, factor: float) -> np.ndarray:
    """Return shaped random numbers.

    Args:
      numbers: float32 (num_seqs, n), independent and uniform, 0 <= x < 1.
      before: float (num_seqs,), the number before the first of each voice.
      factor: b, -1 <= b <= 1; with 0 the numbers are returned as they are.

    Returns:
      float32 (num_seqs, n), uniform, 0 <= x < 1.
    """
    if not factor or not numbers.shape[1]:
        return numbers
    exact = np.column_stack([before, numbers]).astype(np.float64)
    newer, older = exact[:, 1:], exact[:, :-1]
    if factor < 0:  # 1 - x is uniform, too
        older = 1 - older
    uniform = _distribution(newer + abs(factor) * older, abs(factor))
    below_one: np.ndarray = np.minimum(uniform, _BELOW_ONE).astype(np.float32)
    return below_one


def _distribution(sums: np.ndarray, width: float) -> np.ndarray:
    """Return P(x + width y <= sum) of independent uniform x and y, 0 < width <= 1."""
    with np.errstate(over="ignore"):  # where these are not used, with next to no width
        rising = sums**2 / (2 * width)
        falling = 1 - (1 + width - sums) ** 2 / (2 * width)
    middle = sums - width / 2
    return np.where(sums < width, rising, np.where(sums <= 1, middle, falling))
