"""Measure the bits per sample of an adaptive linear predictor, a baseline for models.

    python bench/linear_predictor.py RECORDING [RECORDING ...] [--order 32] [--last_s 60]

The predictor reads the samples as a mu-law model does, rounded to 256 levels. Recursive
least squares (Haykin, Adaptive Filter Theory, the exponentially weighted RLS algorithm)
predicts the next one, on the linear scale, from the previous `order` samples. The level's
distribution is a mixture of Gaussians and Laplacians centred on the prediction. Their scales
follow the recent error, and their weights follow how well each has predicted. A level costs
minus log2 of the mixture's mass between its edges. Nothing is trained beforehand, so a model
that needs more bits per sample on the same recording has learnt less than the last
milliseconds reveal.
"""

import argparse
import math
from pathlib import Path

import numpy as np

from sopilib.audio.files import read_audio
from sopilib.audio.resample import mix_to_mono, resample
from sopilib.model.quantize import dequantize, quantize

Q_LEVELS = 256
SCALES = (0.35, 0.7, 1.4)  # of the components, in recent mean errors
ERROR_DECAY = 0.99  # of the recent mean error, per sample
WEIGHT_DECAY = 0.995  # of a component's log weight, per sample
LEAST_SCALE = 1e-5  # of a component
LEAST_MASS = 1e-5  # spread over all levels, so that no level is impossible
BEGIN_VARIANCE = 100.0  # of the coefficients, before any sample


class RecursiveLeastSquares:
    """A predictor of the next sample from the last `order` ones that learns from its error.

    Args:
        order: number of coefficients.
        forgetting: weight of an error relative to the next error, 0 < x <= 1.
    """

    def __init__(self, order: int, forgetting: float) -> None:
        self._forgetting = forgetting
        self._past = np.zeros(order)  # newest first
        self._coefficients = np.zeros(order)
        self._inverse = np.eye(order) * BEGIN_VARIANCE  # of the correlation, (order, order)

    def predict(self) -> float:
        """Return the prediction of the next sample."""
        return float(self._coefficients @ self._past)

    def learn(self, sample: float) -> None:
        """Learn from the sample that followed the prediction."""
        gain = self._inverse @ self._past
        gain /= self._forgetting + self._past @ gain
        self._coefficients += gain * (sample - self._coefficients @ self._past)
        self._inverse -= np.outer(gain, self._past @ self._inverse)
        self._inverse /= self._forgetting
        self._past[1:] = self._past[:-1]
        self._past[0] = sample


class Mixture:
    """A distribution of the level around a prediction, adapted to the errors so far.

    Args:
        samples: float (Q_LEVELS,), the value of each level, ascending.
    """

    def __init__(self, samples: np.ndarray) -> None:
        between = (samples[1:] + samples[:-1]) / 2
        self._edges = [-math.inf, *between.tolist(), math.inf]  # level k: edges k and k + 1
        self._mean_error = 0.03
        self._log_worth = np.zeros(2 * len(SCALES))

    def mass(self, level: int, error: float, prediction: float) -> float:
        """Return the probability of `level`, and learn from the error of the prediction."""
        masses = self._masses(level, prediction)
        weights = np.exp(self._log_worth - self._log_worth.max())
        mass = float(weights @ masses / weights.sum())
        self._learn(masses, abs(error))
        return (1 - LEAST_MASS) * mass + LEAST_MASS / Q_LEVELS

    def _masses(self, level: int, prediction: float) -> np.ndarray:
        """Return each component's probability of `level`, (2 * len(SCALES),)."""
        low, high = self._edges[level] - prediction, self._edges[level + 1] - prediction
        scales = [max(LEAST_SCALE, factor * self._mean_error) for factor in SCALES]
        gaussian = [_gaussian(high / (s * 1.25)) - _gaussian(low / (s * 1.25)) for s in scales]
        laplacian = [_laplacian(high / s) - _laplacian(low / s) for s in scales]
        return np.maximum(gaussian + laplacian, 1e-9)

    def _learn(self, masses: np.ndarray, error: float) -> None:
        self._log_worth = WEIGHT_DECAY * self._log_worth + np.log(masses)
        self._mean_error = ERROR_DECAY * self._mean_error + (1 - ERROR_DECAY) * error


def _gaussian(x: float) -> float:
    """Return the cumulative distribution of the standard Gaussian."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def _laplacian(x: float) -> float:
    """Return the cumulative distribution of the standard Laplacian."""
    return 0.5 * math.exp(x) if x < 0 else 1 - 0.5 * math.exp(-x)


def bits_per_sample(levels: np.ndarray, order: int, forgetting: float) -> float:
    """Return the mean cost of a level in bits.

    Args:
        levels: int (num_samples,), 0 to 255.
        order: of the predictor.
        forgetting: of the predictor, 0 < x <= 1.
    """
    samples = dequantize(np.arange(Q_LEVELS), "mu-law", Q_LEVELS).astype(float)
    predictor, mixture, bits = RecursiveLeastSquares(order, forgetting), Mixture(samples), 0.0
    for level in map(int, levels):
        prediction = predictor.predict()
        bits -= math.log2(mixture.mass(level, samples[level] - prediction, prediction))
        predictor.learn(samples[level])
    return bits / len(levels)


def main() -> None:
    """Print the bits per sample of each recording."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="+", type=Path, metavar="RECORDING")
    parser.add_argument("--order", type=int, default=32, help="(default 32)")
    parser.add_argument("--forgetting", type=float, default=0.998, help="(default 0.998)")
    parser.add_argument("--last_s", type=float, help="seconds from the end (default: all)")
    parser.add_argument("--sample_rate", type=int, default=16000, metavar="HZ")
    args = parser.parse_args()
    for path in args.recordings:
        audio, rate = read_audio(path, args.last_s)
        mono = resample(mix_to_mono(audio), rate, args.sample_rate)
        bits = bits_per_sample(quantize(mono, "mu-law", Q_LEVELS), args.order, args.forgetting)
        print(f"{path.name}: {bits:.3f} bits per sample ({len(mono)} samples)", flush=True)


if __name__ == "__main__":
    main()
