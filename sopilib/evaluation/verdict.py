"""Similarity: the measures of a take, their limits, and what is wrong with the take in words.

`sopilib.evaluation.similarity` explains the measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# the lowest limit of each measure, in its unit
LEAST = {
    "spectrum": 6.0,
    "level": 6.0,
    "silence": 0.1,
    "noise": 0.005,
    "loop": 0.1,
    "stuck": 0.02,
    "octaves": 6.0,
    "harmonicity": 3.0,
    "reach": 0.5,
    "onsets": 0.5,
    "windows": 1.5,
}
_SHARES = {"silence": "silence", "noise": "noise bursts", "loop": "loops or a steady tone"}


@dataclass(frozen=True)
class Similarity:
    """The measures of a take, in the units of `sopilib.evaluation.similarity`.

    Attributes:
      measures: by the names in `LEAST`; the level with its sign.
      octave_db: float (num_octaves,), from the lowest up.
      octave_hz: upper edges of the octaves in Hz, float (num_octaves,).
      limits: by the same names.
      octave_level_db: float (num_octaves,), absolute levels of the take minus those of the
        corpus.
      figures: the take's own value and the corpus's, of `harmonicity` in dB, `reach` in Hz and
        `onsets` a second.
    """

    measures: dict[str, float]
    octave_db: np.ndarray
    octave_hz: np.ndarray
    limits: dict[str, float]
    octave_level_db: np.ndarray = field(default_factory=lambda: np.zeros(0))
    figures: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def misfit(self) -> float:
        """The largest measure divided by its limit: at most 1 for a take that holds."""
        return max(abs(self.measures[name]) / self.limits[name] for name in self.limits)

    @property
    def reasons(self) -> list[str]:
        """A line for each measure beyond its limit; empty for a take that holds."""
        beyond = [n for n in self.limits if abs(self.measures[n]) > self.limits[n]]
        return [self._reason(name) for name in beyond]

    def as_json(self) -> dict[str, Any]:
        """Return all attributes and properties as plain numbers, lists and dicts."""
        return {
            "misfit": self.misfit,
            "reasons": self.reasons,
            "measures": self.measures,
            "limits": self.limits,
            "octave_hz": self.octave_hz.tolist(),
            "octave_db": self.octave_db.tolist(),
            "octave_level_db": self.octave_level_db.tolist(),
            "figures": {name: list(pair) for name, pair in self.figures.items()},
        }

    def _reason(self, name: str) -> str:
        value, limit = self.measures[name], self.limits[name]
        if name == "spectrum":
            worst = int(np.argmax(np.abs(self.octave_db)))
            return (
                f"{self.octave_db[worst]:+.1f} dB in the octave up to "
                f"{self.octave_hz[worst]:.0f} Hz (limit {limit:.1f})"
            )
        if name == "level":
            return f"{abs(value):.1f} dB {'louder' if value > 0 else 'softer'} (limit {limit:.1f})"
        if name == "stuck":
            return f"stuck on one level for {1000 * value:.0f} ms (limit {1000 * limit:.0f})"
        if name in _SHARES:
            return f"{_SHARES[name]} for {100 * value:.3g} % of the time (limit {100 * limit:.3g})"
        return self._reason_of_character(name, value, limit)

    def _reason_of_character(self, name: str, value: float, limit: float) -> str:
        """Return the reason of a measure that compares figures of the take and the corpus."""
        if name == "octaves":
            return f"an octave {abs(value):.1f} dB off in absolute level (limit {limit:.1f})"
        if name == "windows":
            return (
                f"half-second windows {value:.1f} times as far from the corpus as its pieces "
                f"from each other (limit {limit:.1f})"
            )
        take, corpus = self.figures[name]
        if name == "harmonicity":
            return (
                f"harmonic-to-noise ratio {take:.1f} dB, not {corpus:.1f} "
                f"(limit {limit:.1f} dB apart)"
            )
        if name == "reach":
            if not take:
                return f"no octave keeps its partials, which go up to {corpus:.0f} Hz"
            return (
                f"partials up to {take:.0f} Hz, not {corpus:.0f} (limit {limit:.1f} octaves less)"
            )
        return f"{take:.1f} onsets a second, not {corpus:.1f} (limit a factor of {2**limit:.1f})"
