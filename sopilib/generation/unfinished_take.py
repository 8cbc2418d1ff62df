"""UnfinishedTake: a long take on disk while it is generated, from which it resumes after a kill.

Beside the sound NAME.wav that it will be, it consists of

    NAME.part.wav     the samples so far, float32, a channel for each voice; valid at any moment.
    NAME.part.json    what the take is made from, written once: the values of a record.
    NAME.part.seed.wav, ...    its seeds, as beside a record.
    NAME.part.state   where the generator stands, rewritten each STATE_S.

The samples after the last state are generated again, to the same values. Where a power cut left
a state and samples that do not belong together, which the digest in the state shows, the take
begins again with its own random seed, which gives the same samples, too.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sopilib import __version__
from sopilib.audio.growing_wav import GrowingWav
from sopilib.errors import AudioError, RecordError, SampleRNNError
from sopilib.generation.record import ModelRecord
from sopilib.generation.record_fields import FLAG, OBJECT, TEXT, check_fields
from sopilib.generation.record_file import write_seeds, write_values
from sopilib.generation.record_values import SavedTake, record_values, saved_take, seed_name
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take import Take, new_request, request_again, take_again
from sopilib.generation.take_files import seeds_of
from sopilib.generation.take_state import TakeState, read_state, state_bytes
from sopilib.new_files import NewFiles
from sopilib.small_files import RECORD_BYTES, read_bytes, read_json

STATE_S = 1.0  # of time between two states
_SYNC_S = 30.0  # of time until the sound is on the disk, for which busy disks need long
_VERSION = 1
_STATE_BYTES = 1 << 30


def part_path(path: Path, suffix: str = ".wav") -> Path:
    """Return the path of a part with this suffix of the take that the user names `path`."""
    return path.with_name(f"{path.stem}.part{suffix}")


def command_of(path: Path) -> dict[str, str] | None:
    """Return the flags with which the unfinished take of `path` was begun; None if there is none.

    Raises:
      AudioError: a file has the name of a part and is none.
    """
    try:
        command: dict[str, str] = _values(path)["command"]
        return command
    except RecordError:
        for suffix in (".json", ".wav", ".state"):
            if os.path.lexists(part_path(path, suffix)):
                raise AudioError(
                    f"{part_path(path, suffix)} exists and is no part of an unfinished take "
                    "(choose another --output_path, or give --overwrite)"
                ) from None
        return None


class UnfinishedTake:
    """The files of an unfinished take, locked until the end of the `with` block.

    `UnfinishedTake.begin` and `UnfinishedTake.resume` make one.

    Attributes:
      path: what the user named the take, with the suffix of its sound.
      saved: SavedTake, what it is made from.
      again: whether `saved.take` is a complete take to repeat.
      sound: GrowingWav of the samples so far.
    """

    def __init__(self, path: Path, saved: SavedTake, again: bool) -> None:
        self.path, self.saved, self.again = path, saved, again
        model, take = saved.model, saved.take
        self.sound = GrowingWav(part_path(path), take.out_rate, model.num_seqs)
        self._state_path = part_path(path, ".state")
        self._next_state = time.monotonic() + STATE_S
        self._next_sync = time.monotonic() + _SYNC_S

    @classmethod
    def begin(
        cls, path: Path, saved: SavedTake, again: bool, command: Mapping[str, str]
    ) -> "UnfinishedTake":
        """Return a new one, in place of an older one.

        Args:
          path, saved, again: see the attributes.
          command: the flags with which it was begun, for `command_of`.

        Raises:
          OSError: the files cannot be written.
          AudioError, RecordError: likewise, or another process writes them.
        """
        part = cls(path, saved, again)
        try:
            part.sound.cut(0)
            part._state_path.unlink(missing_ok=True)
            part._write_values(command)
        except BaseException:
            part.__exit__()
            raise
        return part

    @classmethod
    def resume(cls, path: Path) -> "UnfinishedTake":
        """Return the unfinished take of `path`, which is its name or that of one of its parts.

        Raises:
          OSError: the files cannot be written.
          RecordError: there is none, or it is damaged.
          AudioError: another process writes it.
        """
        stem = path.stem.removesuffix(".part")
        values = _values(path.with_name(f"{stem}.wav"))
        try:
            saved = saved_take(values, path.parent)
        except SampleRNNError as error:
            raise RecordError(f"{part_path(path.with_name(stem), '.json')}: {error}") from error
        return cls(path.with_name(Path(values["path"]).name), saved, values["again"])

    def __enter__(self) -> "UnfinishedTake":
        return self

    def __exit__(self, *_: object) -> None:
        self.sound.__exit__()

    def take(self, generator: SampleGenerator) -> Take:
        """Return the Take, which continues after the samples in `sound`."""
        record, state = self.saved.take, self._read_state(generator)
        if state is not None:
            make_request = request_again if self.again else new_request
            take = Take(generator, make_request(record, in_memory=False))
            self.sound.cut(state.num_out)
            take.restore_state(state, self.sound.blocks())
            if take.record.sha256 == state.sha256:
                return take
        self.sound.cut(0)
        if self.again:
            return take_again(generator, record, in_memory=False)
        return Take(generator, new_request(record, in_memory=False))

    def append(self, chunk: np.ndarray, take: Take) -> None:
        """Keep the newest chunk of the take, float32 (num_seqs, any), and at times its state.

        Raises:
          OSError: the disk refuses; what was kept before stays.
        """
        self.sound.append(chunk)
        if time.monotonic() >= self._next_state:
            self.save_state(take)

    def save_state(self, take: Take) -> None:
        """Write where the take stands.

        Raises:
          OSError: the disk refuses.
        """
        state = take.save_state()
        if state is not None:
            new = self._state_path.with_suffix(".new")
            new.write_bytes(state_bytes(state))
            os.replace(new, self._state_path)
        if time.monotonic() >= self._next_sync:
            self.sound.sync()
            self._next_sync = time.monotonic() + _SYNC_S
        self._next_state = time.monotonic() + STATE_S

    def delete(self) -> None:
        """Delete all parts: the take is finished."""
        record = part_path(self.path, ".json")
        seeds = [seed_name(record.stem, k) for k in seeds_of(self.saved.take)]
        states = self._state_path, self._state_path.with_suffix(".new")
        for part in (*states, self.sound.path, *map(record.with_name, seeds), record):
            part.unlink(missing_ok=True)

    def _read_state(self, generator: SampleGenerator) -> TakeState | None:
        try:
            content = read_bytes(self._state_path, _STATE_BYTES)
        except (OSError, ValueError):
            return None
        state = read_state(content, generator.save_state())
        is_usable = state is not None and state.num_out <= self.sound.num_samples
        return state if is_usable else None

    def _write_values(self, command: Mapping[str, str]) -> None:
        path, (model, take, num_files) = part_path(self.path, ".json"), self.saved
        values = {
            "samplernn_part": _VERSION,
            "version": __version__,
            "path": self.path.name,
            "command": dict(command),
            "again": self.again,
            "sound": [self.path.name] * num_files,
            **record_values(path.stem, model, take),
        }
        with NewFiles() as new:
            write_seeds(new, path, model, take)
            write_values(new, path, values)


def planned(take: Take, model: ModelRecord, num_files: int) -> SavedTake:
    """Return what a take that has not begun is made from."""
    return SavedTake(model, take.plan, num_files)


def _values(path: Path) -> dict[str, Any]:
    """Return the values in the .part.json of the take that the user names `path`."""
    record = part_path(path, ".json")
    try:
        values = read_json(record, RECORD_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordError(
            f"no unfinished take {record}: {reason} (give the name of one)"
        ) from error
    if not isinstance(values, dict) or values.get("samplernn_part") != _VERSION:
        raise RecordError(f"{record} is no unfinished take of this version (give the name of one)")
    return {**values, **check_fields(values, path=TEXT, command=OBJECT, again=FLAG)}
