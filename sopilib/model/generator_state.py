"""The state that every generator carries between samples, besides that of its network.

Each engine's generator owns one `VoiceRandom` and one `Handover`, and saves both with its
network's state as one `SavedState`. So a take has the same random numbers in either engine,
and a take that resumes finds the end of the sound before it in one place.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sopilib.model.noise_shaping import FIRST, shaped

# samples of the past that a take which resumes may need as the context of its resampler
CONTEXT = 4096


class RandomState(NamedTuple):
    """Where the random numbers of all voices stand.

    `bit_states` has one state a voice, that of its numpy generator. With noise shaping its
    `before` is the number drawn last, which is missing in states of before there was any.
    """

    rng_seed: int
    bit_states: tuple[Mapping[str, Any], ...]


class VoiceRandom:
    """The random numbers of each voice, one float32 uniform a sample.

    Voice v draws from `np.random.default_rng([rng_seed, v])`, so its numbers depend neither
    on the number of voices nor on the chunks nor on the engine.

    Args:
      num_seqs: number of voices.
      rng_seed: int >= 0.
      noise_shaping: of the model's config, see `sopilib.model.noise_shaping`.

    Attributes:
      rng_seed: the random seed in use.
    """

    def __init__(self, num_seqs: int, rng_seed: int = 0, noise_shaping: float = 0.0) -> None:
        self._num_seqs, self._noise_shaping = num_seqs, noise_shaping
        self.reseed(rng_seed)

    def reseed(self, rng_seed: int) -> None:
        """Start the random numbers of `rng_seed`, an int >= 0."""
        self.rng_seed = rng_seed
        self._rngs = [np.random.default_rng([rng_seed, v]) for v in range(self._num_seqs)]
        self._before = np.full(self._num_seqs, FIRST)

    def reseed_voice(self, voice: int, rng_seed: int) -> None:
        """Start the random numbers of one voice that it would have alone with `rng_seed`."""
        self._rngs[voice] = np.random.default_rng([rng_seed, 0])
        self._before[voice] = FIRST

    def uniform(self, num_samples: int) -> np.ndarray:
        """Draw the next numbers: float32 (num_seqs, num_samples), 0 <= x < 1."""
        numbers = np.stack([rng.random(num_samples, dtype=np.float32) for rng in self._rngs])
        uniform = shaped(numbers, self._before, self._noise_shaping)
        if num_samples:
            self._before = numbers[:, -1].astype(np.float64)
        return uniform

    def save(self) -> RandomState:
        """Return the state that `restore` takes."""
        return RandomState(self.rng_seed, tuple(map(self._state_of, self._rngs, self._before)))

    def _state_of(self, rng: np.random.Generator, before: float) -> dict[str, Any]:
        state = dict(rng.bit_generator.state)
        return {**state, "before": float(before)} if self._noise_shaping else state

    def restore(self, state: RandomState) -> None:
        """Continue from where `save` was called.

        Raises:
          ValueError, TypeError, KeyError: a voice's state cannot be one.
        """
        self.rng_seed = state.rng_seed
        for voice, (rng, bit_state) in enumerate(zip(self._rngs, state.bit_states)):
            rng.bit_generator.state = bit_state
            before = float(bit_state.get("before", FIRST))
            if not 0 <= before < 1:
                raise ValueError(f"a random number of {before}")
            self._before[voice] = before


class HandoverState(NamedTuple):
    """The two parts of a Handover, each float32 (num_seqs, any)."""

    played: np.ndarray
    unplayed: np.ndarray


class Handover:
    """The sound that a take or stream hands over to the take or stream that resumes it.

    Where a take is resampled, the resampler needs a few milliseconds of sound beyond the
    last sample handed out. Those samples are `unplayed` and come first in the next take;
    the samples before them are `played`, the context of its resampler. So takes join
    without a click.

    Args:
      num_seqs: number of voices.
    """

    def __init__(self, num_seqs: int) -> None:
        self._num_seqs = num_seqs
        self.clear()

    @property
    def played(self) -> np.ndarray:
        """The newest samples handed out, at most CONTEXT: float32 (num_seqs, any)."""
        return self._state.played

    @property
    def unplayed(self) -> np.ndarray:
        """The samples generated and not yet handed out: float32 (num_seqs, any)."""
        return self._state.unplayed

    def clear(self) -> None:
        """Forget everything: silence came before."""
        nothing = np.zeros((self._num_seqs, 0), np.float32)
        self._state = HandoverState(nothing, nothing)

    def replace(self, sound: np.ndarray, num_unplayed: int = 0) -> np.ndarray:
        """Hand over the end of `sound` and nothing else.

        Args:
          sound: float32 (num_seqs, any), newest sample last.
          num_unplayed: how many samples at its end were not yet handed out.

        Returns:
          The part of `sound` that is kept.
        """
        sound = sound[:, max(0, sound.shape[1] - CONTEXT - num_unplayed) :]
        num_played = sound.shape[1] - num_unplayed
        self._state = HandoverState(sound[:, :num_played], sound[:, num_played:])
        return sound

    def append(self, sound: np.ndarray) -> None:
        """Add float32 (num_seqs, any) samples that were handed out after those `played`."""
        self.replace(np.concatenate([self.played, sound], axis=1))

    def save(self) -> HandoverState:
        """Return the state that `restore` takes."""
        return self._state

    def restore(self, state: HandoverState) -> None:
        """Hand over what was handed over where `save` was called."""
        self._state = state


class SavedState(NamedTuple):
    """Where a generator stands; only a generator of the same kind and model can restore it.

    `newest` is what `sopilib.model.sample_codec.SampleCodec.save` returned.
    """

    random: RandomState
    network: Any
    handover: HandoverState
    newest: np.ndarray


# The state of a network is an array or tensor, or nests them in tuples and lists; `axes` has
# the same nesting and says which axis of each counts the voices.


def map_network(function: Callable[..., Any], network: Any, *others: Any) -> Any:
    """Return the results of `function` for the arrays of networks, nested as they are."""
    if not isinstance(network, (tuple, list)):
        return function(network, *others)
    parts = [map_network(function, *parts) for parts in zip(network, *others, strict=True)]
    return type(network)(*parts) if hasattr(network, "_fields") else type(network)(parts)


def network_of_voices(rows: Sequence[tuple[Any, int]], axes: Any) -> Any:
    """Return the network whose voice k is voice `v` of the k-th `(network, v)` in `rows`."""

    def chosen(axis: int, *leaves: Any) -> np.ndarray:
        voices = [np.take(leaf, v, axis) for leaf, (_, v) in zip(leaves, rows, strict=True)]
        return np.stack(voices, axis)

    return map_network(chosen, axes, *(network for network, _ in rows))


def state_of_voices(
    base: SavedState, rows: Mapping[int, tuple[SavedState, int]], axes: Any
) -> SavedState:
    """Return `base` with the voices in `rows` from other states.

    Args:
      base: keeps its random seed and what it hands over.
      rows: for each voice to replace, a state and the voice of it to take.
      axes: see above.
    """
    sources = [rows.get(voice, (base, voice)) for voice in range(len(base.newest))]
    bit_states = tuple(state.random.bit_states[v] for state, v in sources)
    return SavedState(
        base.random._replace(bit_states=bit_states),
        network_of_voices([(state.network, v) for state, v in sources], axes),
        base.handover,
        np.array([state.newest[v] for state, v in sources]),
    )
