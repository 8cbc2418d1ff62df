"""The checkpoint writer: what the chief alone reads and writes in the run folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from sopilib.model.network import SampleRNN
from sopilib.training.replicas import OneReplica
from sopilib.training.run_folder import RunFolder
from sopilib.training.state import STATE_NAME, load_state, save_state

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class CheckpointWriter:
    """Saves and loads the state and the checkpoints of one training.

    Args:
      run_folder: of the training.
      model: the model to write into checkpoints.
      max_checkpoints: kept at a time beside the best, or None for all.
    """

    def __init__(
        self, run_folder: RunFolder, model: SampleRNN, max_checkpoints: int | None
    ) -> None:
        self._folder, self._model, self._max_checkpoints = run_folder, model, max_checkpoints

    @property
    def path(self) -> Path:
        """The run folder."""
        return self._folder.path

    def load_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Return the saved progress and arrays, or None; clear what an unfinished save left.

        Raises:
          CheckpointError: the file is damaged.
        """
        saved = load_state(self.path)
        if saved is not None:
            self._folder.remove_unfinished()
        return saved

    def has_state(self) -> bool:
        """Return whether there is a state to resume from."""
        return (self.path / STATE_NAME).exists()

    def save_state(self, progress: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write the state.

        Raises:
          CheckpointError: it cannot be written.
        """
        save_state(self.path, progress, arrays)

    def save_checkpoint(self, number: int, best_epoch: int | None) -> None:
        """Write the checkpoint of an epoch and remove old ones, but never that of `best_epoch`.

        Raises:
          CheckpointError: it cannot be written.
        """
        self._folder.save_model(self._model, number, best_epoch, self._max_checkpoints)

    def remove_checkpoint(self, number: int) -> None:
        """Remove the checkpoint of an epoch, if there is one."""
        self._folder.remove_model(number)

    def intact_text(self) -> str:
        """Return, for an error text, the newest checkpoint and its folder."""
        epochs = self._folder.epochs()
        left = f"model.ckpt-{epochs[-1]} is intact" if epochs else "no checkpoint was written yet"
        return f"{left} in {self.path}"


class OnChief:
    """Calls methods of the checkpoint writer on the chief alone.

    All workers make the same calls in the same order. Each gets the chief's result or error.

    Args:
      replicas: the replicas that train.
      writer: the chief's, None on other workers.
    """

    def __init__(self, replicas: OneReplica, writer: CheckpointWriter | None) -> None:
        self._replicas, self._writer = replicas, writer

    def __call__(
        self,
        method: Callable[Concatenate[CheckpointWriter, _Arguments], _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Return what the method returns on the chief; it must be ready for JSON.

        Raises:
          SampleRNNError: the chief's.
        """

        def call() -> _Result:
            assert self._writer is not None
            return method(self._writer, *args, **kwargs)

        return self._replicas.by_chief(call)
