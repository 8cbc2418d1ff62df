"""A file of kept states: which model they are of, and what `restore_state` takes.

A line that says what the file is, a line of JSON, then the arrays of each state one after the
other, little-endian. Their types and shapes are those of the generator that reads them, except
for the sound that was handed out last, whose length the JSON has. So nothing in the file
decides how much memory is needed, and nothing in it is executed.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sopilib.errors import RequestError
from sopilib.generation.record import ModelRecord
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.model.generator_state import (
    CONTEXT,
    HandoverState,
    RandomState,
    SavedState,
    map_network,
)
from sopilib.new_files import check_writable, unwritable, write_whole
from sopilib.small_files import SMALL_BYTES, open_regular, parse_json, read_bytes

_MAGIC = b"samplernn states 1\n"
_MOST_BYTES = 1 << 30


def write_states(path: str, states: Mapping[int, SavedState], model: ModelRecord) -> None:
    """Write states by number, whole or not at all.

    Args:
      path: of the file; an older file of states there is replaced, any other is not.
      states: of one generator.
      model: of that generator.

    Raises:
      RequestError: there is another file, or it cannot be written.
    """
    try:
        check_writable(Path(path))
        if Path(path).exists() and not _is_states_file(path):
            raise RequestError(f"{path} is another file (choose a free name)")
        write_whole(path, states_bytes(states, model))
    except OSError as error:
        raise RequestError(unwritable(path, error)) from None


def states_bytes(states: Mapping[int, SavedState], model: ModelRecord) -> bytes:
    """Return the content of a file that `read_states` reads."""
    payload = b"".join(_payload_of(state) for state in states.values())
    header = {
        **_identity(model),
        "states": [_numbers_of(slot, state) for slot, state in states.items()],
        "payload_sha256": hashlib.sha256(payload).hexdigest(),
    }
    return _MAGIC + json.dumps(header).encode() + b"\n" + payload


def read_states(path: str, generator: SampleGenerator, model: ModelRecord) -> dict[int, SavedState]:
    """Return the states in a file, by number; the generator stays where it is.

    Args:
      path: of the file.
      generator: that is to restore them.
      model: of the generator.

    Raises:
      RequestError: it cannot be read, is damaged, or is of another model, number of voices or
        engine; a line.
    """
    try:
        content = read_bytes(path, _MOST_BYTES)
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror} (check the name)") from None
    return _parsed(path, content, generator, model)


def _parsed(
    path: str, content: bytes, generator: SampleGenerator, model: ModelRecord
) -> dict[int, SavedState]:
    try:
        header, payload = _split(content)
        differences = _differences(header, _identity(model))
        if not differences:
            states = dict(_states(header, payload, generator.save_state()))
            _check_states(states, generator)
            return states
    except (ValueError, KeyError, TypeError, OverflowError, RequestError):
        raise RequestError(f"{path} is no file of states, or damaged (write it again)") from None
    raise RequestError(f"{path} is of {differences[0]}")


def _is_states_file(path: str) -> bool:
    with open_regular(path) as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _identity(model: ModelRecord) -> dict[str, Any]:
    return {
        "model": model.name,
        "sha256": model.sha256,
        "voices": model.num_seqs,
        "engine": model.engine.partition("-")[0],
    }


def _differences(header: Any, wanted: dict[str, Any]) -> list[str]:
    """Return what the file is of instead, with what to do."""
    told = []
    if header["sha256"] != wanted["sha256"]:
        told.append(f"another model, {header['model']} (load that one)")
    if header["voices"] != wanted["voices"]:
        told.append(f"{header['voices']} voice(s) (load the model with as many)")
    if header["engine"] != wanted["engine"]:
        told.append(f"the engine {header['engine']} (load the model with that one)")
    return told


def _numbers_of(slot: int, state: SavedState) -> dict[str, Any]:
    return {
        "slot": slot,
        "rng_seed": state.random.rng_seed,
        "bit_states": list(state.random.bit_states),
        "num_played": state.handover.played.shape[1],
    }


def _payload_of(state: SavedState) -> bytes:
    leaves: list[bytes] = []
    map_network(lambda leaf: leaves.append(_little_endian(np.asarray(leaf))), state.network)
    leaves.append(_little_endian(state.newest))
    leaves.append(_little_endian(state.handover.played))
    return b"".join(leaves)


def _little_endian(values: np.ndarray) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()


def _split(content: bytes) -> tuple[Any, bytes]:
    """Return the JSON and the payload; ValueError if they are none."""
    end = content.find(b"\n", len(_MAGIC), len(_MAGIC) + SMALL_BYTES)
    if not content.startswith(_MAGIC) or end < 0:
        raise ValueError("no header")
    header, payload = parse_json(content[len(_MAGIC) : end]), content[end + 1 :]
    if header["payload_sha256"] != hashlib.sha256(payload).hexdigest():
        raise ValueError("another payload")
    return header, payload


def _states(header: Any, payload: bytes, like: SavedState) -> Iterator[tuple[int, SavedState]]:
    place = 0

    def take(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        nonlocal place
        stored = dtype.newbyteorder("<")
        values = np.frombuffer(payload, stored, int(np.prod(shape)), place)
        place += values.nbytes
        return values.reshape(shape).astype(dtype)

    def take_like(leaf: Any) -> np.ndarray:
        return take(np.shape(leaf), np.asarray(leaf).dtype)

    for numbers in header["states"]:
        network, newest = map_network(take_like, like.network), take_like(like.newest)
        num_seqs, num_played = len(newest), numbers["num_played"]
        if not 0 <= num_played <= CONTEXT:
            raise ValueError("too much sound")
        played = take((num_seqs, num_played), np.dtype(np.float32))
        random = RandomState(int(numbers["rng_seed"]), tuple(numbers["bit_states"]))
        handover = HandoverState(played, np.zeros((num_seqs, 0), np.float32))
        yield int(numbers["slot"]), SavedState(random, network, handover, newest)
    if place != len(payload):
        raise ValueError("more than the states")


def _check_states(states: Mapping[int, SavedState], generator: SampleGenerator) -> None:
    """Raise ValueError, TypeError or RequestError unless each can be restored."""
    present = generator.save_state()
    try:
        for slot, state in states.items():
            map_network(_check_values, state.network)
            _check_values(state.newest)
            _check_values(state.handover.played)
            if slot < 0 or len(state.random.bit_states) != generator.num_seqs:
                raise ValueError("a slot or number of voices that cannot be")
            positions = generator.positions(state)
            if np.any((positions < 0) | (positions >= generator.config.big_frame_size)):
                raise ValueError("a position outside the frame")
            generator.restore_state(state)
    finally:
        generator.restore_state(present)


def _check_values(values: np.ndarray) -> None:
    """Raise ValueError unless all are finite and whole ones are no level below 0."""
    if not np.all(np.isfinite(values)):
        raise ValueError("not finite")
    if np.issubdtype(values.dtype, np.integer) and np.any((values < 0) | (values > 1 << 16)):
        raise ValueError("not a level")
