"""TakeState: where an unfinished take stands, as bytes for a file and back.

The bytes are numpy's `.npz` without pickled objects: arrays by name, and a JSON text for the
numbers, such as the states of the random generators.
"""

import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from sopilib.audio.resample import ResamplerState
from sopilib.model.generator_state import HandoverState, RandomState, SavedState


class OutputState(NamedTuple):
    """Where a `TakeOutput` stands: its counts, and its resampler, None without one."""

    num_needed: int
    num_left: int
    num_in: int
    num_out: int
    resampler: ResamplerState | None


class TakeState(NamedTuple):
    """Where a take stands between two chunks.

    Attributes:
      num_made: samples of each voice generated, at the model's rate.
      num_out: samples of each voice handed out.
      generator: its SavedState.
      output: of the take's TakeOutput.
      sha256: of the samples handed out, as in a TakeRecord.
    """

    num_made: int
    num_out: int
    generator: SavedState
    output: OutputState
    sha256: str


def state_bytes(state: TakeState) -> bytes:
    """Return the content of a file that `read_state` reads."""
    random, _, handover, newest = state.generator
    *counts, resampler = state.output
    numbers = {
        "take": [state.num_made, state.num_out],
        "sha256": state.sha256,
        "rng_seed": random.rng_seed,
        "bit_states": list(random.bit_states),
        "output": counts,
        "resampler": None if resampler is None else list(resampler[1:]),
    }
    arrays = {f"network_{k}": leaf for k, leaf in enumerate(_leaves(state.generator.network))}
    arrays |= {"played": handover.played, "unplayed": handover.unplayed, "newest": newest}
    if resampler is not None:
        arrays["buffer"] = resampler.buffer
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, numbers=np.array(json.dumps(numbers)), **arrays)
    return file.getvalue()


def read_state(content: bytes, like: SavedState) -> TakeState | None:
    """Return the TakeState in the bytes of `state_bytes`; None if they are damaged.

    Args:
      content: of the file.
      like: any state of the generator that is to restore it.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return _state(arrays, like)
    except Exception:  # numpy and zipfile have many for damaged bytes
        return None


def _state(arrays: Any, like: SavedState) -> TakeState:
    numbers = json.loads(str(arrays["numbers"]))
    names = (f"network_{k}" for k in range(len(_leaves(like.network))))
    generator = SavedState(
        RandomState(numbers["rng_seed"], tuple(numbers["bit_states"])),
        _filled(like.network, (arrays[name] for name in names)),
        HandoverState(arrays["played"], arrays["unplayed"]),
        arrays["newest"],
    )
    resampler = numbers["resampler"]
    if resampler is not None:
        resampler = ResamplerState(arrays["buffer"], *resampler)
    num_made, num_out = numbers["take"]
    num_needed, num_left, output_in, output_out = numbers["output"]
    output = OutputState(num_needed, num_left, output_in, output_out, resampler)
    return TakeState(num_made, num_out, generator, output, numbers["sha256"])


def _leaves(network: Any) -> list[np.ndarray]:
    """Return the arrays in the state of a network, which nests tuples and lists."""
    if isinstance(network, (tuple, list)):
        return [leaf for part in network for leaf in _leaves(part)]
    return [np.asarray(network)]


def _filled(network: Any, leaves: Iterator[np.ndarray]) -> Any:
    """Return the state of a network with the same nesting and other arrays."""
    if not isinstance(network, (tuple, list)):
        return next(leaves)
    parts = [_filled(part, leaves) for part in network]
    if hasattr(network, "_fields"):
        return type(network)(*parts)
    return type(network)(parts)
