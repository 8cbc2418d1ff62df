"""Choose the best of several takes that differ in their random seed alone, and say why.

A take fails as `sopilib.evaluation.failing_sound` detects it: at all, or for more than a share of
its time where music has such moments, a pause or a held tone. With the statistics of a corpus,
a take whose misfit is above 1 fails, too, as in an audition. Failing takes are dropped. Of all
takes, the least likely 40 % and the most likely 5 % are dropped, both rounded down, as K. Goel
et al. choose samples of their models in "It's Raw! Audio Generation with State-Space Models"
(2022). What a take costs under the model in bits per sample says how likely it is.

The best of the others has the lowest misfit; without a corpus, it is the middle one by
likelihood. If the rules leave none, the best is chosen from the takes that do not fail; if all
fail, the one that fails least.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sopilib.evaluation.verdict import LEAST, Similarity

LEAST_LIKELY = 0.4  # share of takes that is dropped
MOST_LIKELY = 0.05
# share of a take's time for which a kind of failure is no failure of the take
_BORNE = {"silence": LEAST["silence"], "loop": LEAST["loop"]}


@dataclass(frozen=True)
class Candidate:
    """A take to choose.

    Attributes:
      rng_seed: that made it.
      dur_s: its length in seconds.
      bits: per sample, under the model as trained.
      failing_s: seconds that fail, by the kinds of `sopilib.evaluation.failing_sound`.
      misfit: of its similarity to a corpus, None without one.
      reasons: what is beyond the limits of the similarity.
    """

    rng_seed: int
    dur_s: float
    bits: float
    failing_s: Mapping[str, float] = field(default_factory=dict)
    misfit: float | None = None
    reasons: Sequence[str] = ()

    def compared(self, similarity: Similarity) -> "Candidate":
        """Return the candidate with its similarity to a corpus."""
        figures = self.rng_seed, self.dur_s, self.bits, self.failing_s
        return Candidate(*figures, similarity.misfit, tuple(similarity.reasons))

    @property
    def failures(self) -> list[str]:
        """A line for each reason why the take fails; empty for a take that does not."""
        lines = [
            f"{kind} for {seconds:g} s"
            for kind, seconds in self.failing_s.items()
            if seconds > _BORNE.get(kind, 0.0) * self.dur_s
        ]
        return [*lines, *self.reasons]

    @property
    def harm(self) -> tuple[float, float]:
        """What ranks takes that fail, less is better."""
        return self.misfit or 0.0, sum(self.failing_s.values())


@dataclass(frozen=True)
class Choice:
    """The best of some candidates.

    Attributes:
      candidates: all, in the order in which they were made.
      best: index of the chosen one.
      dropped: of each candidate, why it was dropped, or None.
      why: one line.
    """

    candidates: Sequence[Candidate]
    best: int
    dropped: Sequence[str | None]
    why: str

    @property
    def kept(self) -> Candidate:
        """The chosen candidate."""
        return self.candidates[self.best]

    def as_json(self) -> dict[str, Any]:
        """Return the choice as plain values for a record."""
        return {
            "of": len(self.candidates),
            "candidate": self.best + 1,
            "why": self.why,
            "candidates": [
                {
                    "rng_seed": one.rng_seed,
                    "bits_per_sample": round(one.bits, 4),
                    "misfit": None if one.misfit is None else round(one.misfit, 3),
                    "failing_s": dict(one.failing_s),
                    "dropped": dropped,
                }
                for one, dropped in zip(self.candidates, self.dropped)
            ],
        }


def choose(candidates: Sequence[Candidate]) -> Choice:
    """Return the Choice among candidates, one or more, as the module describes."""
    order = sorted(range(len(candidates)), key=lambda k: candidates[k].bits)  # likely ones first
    dropped = _dropped(candidates, order)
    rest = [k for k in order if dropped[k] is None]
    sound = [k for k in order if not candidates[k].failures]
    if rest:
        best = _best(candidates, rest)
    elif sound:
        best = _best(candidates, sound)
    else:
        best = min(order, key=lambda k: (candidates[k].harm, abs(order.index(k) - len(order) // 2)))
    return Choice(candidates, best, dropped, _why(candidates, dropped, best))


def _dropped(candidates: Sequence[Candidate], order: Sequence[int]) -> list[str | None]:
    """Return why each candidate is dropped, None for those that are not."""
    num_most = int(MOST_LIKELY * len(order) + 1e-9)
    num_least = int(LEAST_LIKELY * len(order) + 1e-9)
    dropped: list[str | None] = ["; ".join(one.failures) or None for one in candidates]
    for k in order[:num_most]:
        dropped[k] = dropped[k] or "among the most likely 5 %"
    for k in order[len(order) - num_least :]:
        dropped[k] = dropped[k] or "among the least likely 40 %"
    return dropped


def _best(candidates: Sequence[Candidate], places: Sequence[int]) -> int:
    """Return the best of the candidates at `places`, which are sorted by likelihood."""
    middle = places[(len(places) - 1) // 2]
    by_misfit = [k for k in places if candidates[k].misfit is not None]
    return min(by_misfit, key=lambda k: candidates[k].misfit or 0.0, default=middle)


def _why(candidates: Sequence[Candidate], dropped: Sequence[str | None], best: int) -> str:
    """Return the reason of a choice on one line."""
    kept = candidates[best]
    figure = "" if kept.misfit is None else f", misfit {kept.misfit:.2f}"
    name = f"candidate {best + 1} of {len(candidates)}, {kept.bits:.3f} bits per sample{figure}"
    if len(candidates) == 1:
        failure = f", and it fails ({'; '.join(kept.failures)})" if kept.failures else ""
        return f"the only take, {kept.bits:.3f} bits per sample{figure}{failure}"
    num_failing = sum(bool(one.failures) for one in candidates)
    num_left = dropped.count(None)
    if num_failing == len(candidates):
        return f"{name}: all fail, this one least ({'; '.join(kept.failures)})"
    if not num_left:
        return f"{name}: the best that does not fail, as the likelihood left none"
    rule = "the middle one by likelihood" if kept.misfit is None else "the lowest misfit"
    num_unlikely = len(candidates) - num_left - num_failing
    return (
        f"{name}: {rule} of {num_left} left; {num_failing} failed, {num_unlikely} were too "
        "likely or unlikely"
    )
