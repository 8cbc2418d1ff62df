"""The distance of a take from its corpus, in the distribution of their half-second windows.

A window has features of four kinds: the mean of each mel band in dB, its spread, the mean
harmonic-to-noise ratio, and the mean flux. Each feature is scaled by its spread in the corpus.
The kinds have weights so that the mel bands do not outvote the rest. Between the Gaussians of
two sounds lies the Frechet distance (Dowson and Landau, The Frechet Distance between
Multivariate Normal Distributions, 1982). That of a take is the mean over the pieces of the
corpus, each as long as a take, divided by the mean distance from piece to piece.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sopilib.evaluation.onsets import FRAMES_PER_S

WINDOW_FRAMES = FRAMES_PER_S // 2
# features with less spread in the corpus count as if they had this much, in dB
LEAST_SPREAD_DB = 0.5
LEAST_OWN = 0.1  # distance from piece to piece, in spreads


def window_features(
    mel_db: np.ndarray, rises: np.ndarray, hnr_db: np.ndarray, frame_s: float
) -> np.ndarray:
    """Return the features of half-second windows, float (num_windows, num_features), in dB.

    A sound shorter than a window is one window.

    Args:
      mel_db: from `log_mel`, (num_mel_frames, num_bands).
      rises: from `flux`, (num_mel_frames,).
      hnr_db: harmonic-to-noise ratio of each frame, (num_frames,).
      frame_s: seconds of such a frame, > 0.
    """
    length = min(WINDOW_FRAMES, len(mel_db))
    num_windows = len(mel_db) // length
    mel = mel_db[: num_windows * length].reshape(num_windows, length, -1)
    fluxes = rises[: num_windows * length].reshape(num_windows, length).mean(axis=1)
    frames_per_window = WINDOW_FRAMES / FRAMES_PER_S / frame_s
    # the frame in the middle of each window and those beside it
    middles = (np.arange(num_windows) + 0.5) * frames_per_window - 0.5
    beside = np.arange(-2, 3) + np.rint(middles).astype(int)[:, np.newaxis]
    hnr = hnr_db[np.clip(beside, 0, len(hnr_db) - 1)].mean(axis=1)
    return np.column_stack([mel.mean(axis=1), mel.std(axis=1), hnr, fluxes])


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of windows.

    Attributes:
      mean: float (num_features,).
      covariance: float (num_features, num_features).
      root: the square root of the covariance, of the same shape.
    """

    mean: np.ndarray
    covariance: np.ndarray
    root: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> "Gaussian":
        """Return the Gaussian of features (num_windows, num_features), one window at least."""
        mean = features.mean(axis=0)
        centred = features - mean
        covariance = centred.T @ centred / len(features)
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
        return cls(mean, covariance, root)


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Return the Frechet distance of two Gaussians, 0 or more."""
    eigenvalues = np.linalg.eigvalsh(one.root @ other.covariance @ one.root)
    overlap = np.sqrt(np.maximum(eigenvalues, 0)).sum()
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    distance = np.square(one.mean - other.mean).sum() + traces - 2 * overlap
    return float(np.sqrt(max(0.0, distance)))


class WindowDistance:
    """The distance of sounds from a corpus, over the corpus's own from piece to piece.

    Args:
      pieces: features of each piece, (num_windows, num_features), from `window_features`.

    Attributes:
      of_pieces: distance of each piece from the others, 1 on average.
    """

    def __init__(self, pieces: Sequence[np.ndarray]) -> None:
        features = np.concatenate(pieces)
        num_bands = (features.shape[1] - 2) // 2
        kinds = np.repeat([num_bands, num_bands, 1, 1], [num_bands, num_bands, 1, 1])
        spreads = np.maximum(features.std(axis=0), LEAST_SPREAD_DB)
        self._scale = 1 / (spreads * np.sqrt(kinds))
        if len(pieces) == 1:
            pieces = [half for half in np.array_split(features, 2) if len(half)]
        self._pieces = [Gaussian.of(piece * self._scale) for piece in pieces]
        distances = np.zeros((len(pieces), len(pieces)))
        for k, piece in enumerate(self._pieces):
            distances[k, :k] = [frechet_distance(piece, other) for other in self._pieces[:k]]
        sums = (distances + distances.T).sum(axis=1) / max(1, len(pieces) - 1)
        self._own = max(LEAST_OWN, float(sums.mean()))
        self.of_pieces: list[float] = (sums / self._own).tolist()

    def measure(self, features: np.ndarray) -> float:
        """Return the distance of a take, features (num_windows, num_features), from the pieces."""
        take = Gaussian.of(features * self._scale)
        return float(np.mean([frechet_distance(take, piece) for piece in self._pieces])) / self._own
