"""Draw random messages as a careless performer sends them: right, wrong and senseless ones.

The words come from finite lists, because Pd keeps every word that it has ever seen. The
same generator gives the same messages for the same course of events.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

Atom = float | str
Message = tuple[Atom, ...]

MOST_VOICES = 2
_NUM_STATES = 8
_BURST = 0.05  # how often several messages arrive at once
_WORDS = ("", "no-such-thing", "..", "/", "%s%n", "ä\u2028ö", "x" * 900, "nan", "1e999", "~nobody")
_NUMBERS = (-1.0, 0.0, 0.5, 3.0, 64.0, 2024.0, 1e9, -1e30, 3e38)
_SELECTORS = (
    *("bang", "list", "symbol", "float", "set", "wobble"),  # none of the instrument's
    *("temperature", "ramp", "freeze", "save_state", "recall_state", "rng", "seed", "heal"),
    *("morph", "note", "release", "write_states", "read_states", "at"),
    *("load", "latency", "gain", "length", "envelope", "generate", "continue", "save"),
    *("models_in", "card", "info", "stop", "poll"),
)


class Performer:
    """A source of random messages for `[samplernn~]`.

    Args:
        models: names or folders to load; most loads take the first.
        folder: for takes that it saves.
        rng: where the randomness comes from.

    Attributes:
        latency_ms: which it has set last, None before.
    """

    def __init__(self, models: Sequence[str | Path], folder: Path, rng: random.Random) -> None:
        self._models = [str(model) for model in models]
        self._folder, self._rng = folder, rng
        self.latency_ms: float | None = None
        self._acts: dict[Callable[[], Message], int] = {
            self._temperature: 14,
            self._ramp: 8,
            self._freeze: 8,
            lambda: ("freeze", 0): 8,
            lambda: ("save_state", rng.randrange(_NUM_STATES)): 8,
            lambda: ("recall_state", rng.randrange(_NUM_STATES)): 8,
            self._of_a_voice: 6,
            self._moment: 8,
            self._seed: 6,
            lambda: ("heal", rng.randrange(2)): 3,
            self._envelope: 4,
            self._latency: 6,
            lambda: ("gain", rng.uniform(-40, 6)): 2,
            lambda: (rng.choice(("info", "models", "card")),): 3,
            self.load: 2,
            lambda: ("unload",): 1,
            lambda: (0,): 3,
            lambda: (1,): 3,
            self._take: 6,
            lambda: ("stop",): 3,
            lambda: ("save", str(folder / "take")): 2,
            self._nonsense: 12,
        }

    def messages(self) -> list[Message]:
        """Return the messages of a moment, mostly one."""
        count = self._rng.randrange(2, 12) if self._rng.random() < _BURST else 1
        return [act() for act in self._rng.choices(*zip(*self._acts.items()), k=count)]

    def load(self) -> Message:
        """Return a message that loads a model."""
        is_first = self._rng.random() < 0.5
        model = self._models[0] if is_first else self._rng.choice(self._models)
        return ("load", model, "voices", self._rng.randint(1, MOST_VOICES))

    def first_load(self) -> Message:
        """Return a message that loads the first model for one voice."""
        return ("load", self._models[0], "voices", 1)

    def _temperature(self) -> Message:
        count = self._rng.choice((1, 1, 1, MOST_VOICES))
        return ("temperature", *(round(self._rng.uniform(0, 1.6), 3) for _ in range(count)))

    def _ramp(self) -> Message:
        return ("ramp", round(self._rng.uniform(0.5, 1.2), 3), round(self._rng.uniform(0, 8), 3))

    def _freeze(self) -> Message:
        return ("freeze", round(self._rng.uniform(0.02, 2), 3))

    def _of_a_voice(self) -> Message:
        voice, slot = self._rng.randint(1, MOST_VOICES), self._rng.randrange(_NUM_STATES)
        return self._rng.choice(
            (
                ("freeze", voice, round(self._rng.uniform(0.02, 2), 3)),
                ("freeze", voice, 0),
                ("gain", voice, round(self._rng.uniform(-40, 6), 1)),
                ("recall_state", slot, voice),
                ("seed", voice, 7),
                ("seed", voice, "take"),
            )
        )

    def _moment(self) -> Message:
        first, second = self._rng.randrange(_NUM_STATES), self._rng.randrange(_NUM_STATES)
        return self._rng.choice(
            (
                ("morph", first, second, round(self._rng.uniform(0, 1), 3)),
                ("morph", first, second, 1, round(self._rng.uniform(0, 3), 3)),
                ("note", first, self._rng.randrange(128)),
                ("note", first, 0),
                ("release", self._rng.randrange(1000)),
                ("write_states", str(self._folder / "set")),
                ("read_states", str(self._folder / "set")),
            )
        )

    def _seed(self) -> Message:
        return self._rng.choice((("seed",), ("seed", "take"), ("rng",), ("seed", 7), ("rng", 99)))

    def _envelope(self) -> Message:
        return self._rng.choice((("envelope",), ("envelope", "curve"), ("envelope", "curve", 2)))

    def _latency(self) -> Message:
        self.latency_ms = self._rng.choice((20, 40, 60, 100, 100, 250, 400, 1000, 2000))
        return ("latency", self.latency_ms)

    def _take(self) -> Message:
        return self._rng.choice(
            (("generate", "take"), ("continue", "take"), ("length", 0.2), ("length", 1))
        )

    def _nonsense(self) -> Message:
        atoms = [
            self._rng.choice(_WORDS if self._rng.random() < 0.5 else _NUMBERS)
            for _ in range(self._rng.randrange(4))
        ]
        return (self._rng.choice(_SELECTORS), *atoms)
