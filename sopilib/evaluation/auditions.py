"""Rank the checkpoints of a training by held-out bits and by their takes, and say why.

Checkpoints with a take that holds come first. Both groups are sorted by the sum of two
ranks: the rank by held-out bits per sample and the rank by the misfit of the best take.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sopilib.evaluation.seed_steering import TEMPERATURE, SeedSteering
from sopilib.evaluation.verdict import Similarity

# of the columns in the table; x is a ratio to the corpus
_UNITS = {
    "spectrum": "dB",
    "level": "dB",
    "silence": "%",
    "noise": "%",
    "loop": "%",
    "stuck": "ms",
    "octaves": "dB",
    "harmonicity": "dB",
    "reach": "octaves",
    "onsets": "x",
    "windows": "x",
}
_FACTORS = {"%": 100, "ms": 1000}


@dataclass(frozen=True)
class Audition:
    """The results of a checkpoint.

    Attributes:
      name: of the checkpoint.
      bits: per sample, on held-out sound.
      similarities: of its takes, by temperature, one or more.
    """

    name: str
    bits: float
    similarities: dict[float, Similarity]

    @property
    def best(self) -> float:
        """The temperature of the take with the lowest misfit."""
        return min(self.similarities, key=lambda t: self.similarities[t].misfit)

    @property
    def misfit(self) -> float:
        """The misfit of the best take."""
        return self.similarities[self.best].misfit


def ranked(auditions: Sequence[Audition]) -> list[Audition]:
    """Return auditions in the order that the module describes, best first."""

    def place(value: float, values: Iterable[float]) -> int:
        return sum(other < value for other in values)

    all_bits, misfits = [a.bits for a in auditions], [a.misfit for a in auditions]
    return sorted(
        auditions,
        key=lambda a: (
            a.misfit > 1,
            place(a.bits, all_bits) + place(a.misfit, misfits),
            a.bits,
        ),
    )


def table(auditions: Sequence[Audition], steering: SeedSteering | None = None) -> str:
    """Return the text to print: ranked auditions, their takes, and why takes do not hold.

    Args:
      auditions: ranked, one or more.
      steering: how seeds steer the best of them, if that was measured.
    """
    heads = [f"{name} {unit}" for name, unit in _UNITS.items()]
    lines = ["  temperature  misfit  " + "  ".join(heads)]
    for place, one in enumerate(auditions, start=1):
        lines.append(f"{place}. {one.name}: {one.bits:.4f} held-out bits per sample")
        for temperature, similarity in one.similarities.items():
            values = [
                f"{_in_unit(name, similarity.measures[name]):{len(head)}.1f}"
                for name, head in zip(_UNITS, heads)
            ]
            reasons = "; ".join(similarity.reasons) or "holds"
            row = f"  {temperature:<11g}  {similarity.misfit:6.2f}  {'  '.join(values)}  {reasons}"
            lines.append(row)
    best = auditions[0]
    if steering is not None:
        lines.append(f"seeds steer {best.name} at temperature {TEMPERATURE:g}: {steering}")
    if best.misfit > 1:
        lines.append(
            "no take holds (train on, or try other temperatures); nearest is "
            f"{best.name} at temperature {best.best:g}"
        )
    else:
        lines.append(f"best: {best.name} at temperature {best.best:g}")
    return "\n".join(lines)


def as_json(auditions: Sequence[Audition], steering: SeedSteering | None = None) -> dict[str, Any]:
    """Return what `table` says, with plain numbers in the units of the measures."""
    best = auditions[0]
    return {
        "checkpoints": [
            {
                "name": one.name,
                "bits_per_sample": one.bits,
                "misfit": one.misfit,
                "takes": [
                    {"temperature": temperature, **similarity.as_json()}
                    for temperature, similarity in one.similarities.items()
                ],
            }
            for one in auditions
        ],
        "best": {"name": best.name, "temperature": best.best, "holds": best.misfit <= 1},
        "seed_steering": None if steering is None else dataclasses.asdict(steering),
    }


def _in_unit(name: str, value: float) -> float:
    """Return a measure as the table shows it."""
    return float(2**value) if name == "onsets" else value * _FACTORS.get(_UNITS[name], 1)
