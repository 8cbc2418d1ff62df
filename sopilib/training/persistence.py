"""Persistence of a training: its state and checkpoints, saved and resumed exactly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sopilib.errors import CheckpointError
from sopilib.model.network import RNNState, SampleRNN, named_variables
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.checkpoint_writer import CheckpointWriter, OnChief
from sopilib.training.optimizer import Optimizer
from sopilib.training.plan import Plan
from sopilib.training.position import Position
from sopilib.training.replicas import OneReplica

_MOST_NAMED = 3  # recordings in a line


class TrainingState:
    """All that changes in a training.

    Args:
      model: its variables are trained.
      optimizer: of these variables.
      batch_size: rows of all replicas together.

    Attributes:
      model: see above.
      position: where the training stands.
      rnn_state: what the segment before left, for the rows of this process.
    """

    def __init__(self, model: SampleRNN, optimizer: Optimizer, batch_size: int) -> None:
        self.model, self._optimizer = model, optimizer
        self.position = Position()
        self.rnn_state: RNNState = model.zero_state(batch_size)

    def variables(self) -> dict[str, tf.Variable]:
        """Return the variables by their names in the state's file."""
        weights = {f"weights/{k}": v for k, v in named_variables(self.model).items()}
        slots = {f"optimizer/{k}": v for k, v in self._optimizer.slots.items()}
        return {**weights, **slots, "optimizer/iterations": self._optimizer.iterations}

    def arrays(self, rnn_state: RNNState) -> dict[str, np.ndarray]:
        """Return the values of the variables and of `rnn_state` by their names."""
        arrays = {name: variable.numpy() for name, variable in self.variables().items()}
        parts = {f"state/{name}": np.asarray(part) for name, part in rnn_state._asdict().items()}
        return {**arrays, **parts}

    def assign(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over values that `arrays` returned, an RNN state of all replicas among them.

        Raises:
          KeyError, ValueError: an array is missing or has another shape.
        """
        for name, variable in self.variables().items():
            variable.assign(arrays[name])
        parts = (arrays[f"state/{name}"] for name in RNNState._fields)
        self.rnn_state = RNNState(*map(tf.constant, parts))


class Persistence:
    """Saves and resumes a TrainingState through the chief's checkpoint writer.

    Args:
      state: what is saved, and assigned by `resume`.
      fixed: settings that a resumed training must share, by name, ready for JSON.
      replicas: the replicas that train.
      writer: the chief's, None on other workers.
      on_saved: called whenever the state has been saved.

    Attributes:
      state: see above.
    """

    def __init__(
        self,
        state: TrainingState,
        fixed: dict[str, Any],
        replicas: OneReplica,
        writer: CheckpointWriter | None,
        on_saved: Callable[[], None],
    ) -> None:
        self.state, self._fixed, self._replicas = state, fixed, replicas
        self._on_chief, self._on_saved = OnChief(replicas, writer), on_saved

    def resume(self, batch_size: int) -> None:
        """Load the saved state, if there is one; all workers begin where the chief does.

        Args:
          batch_size: rows of each replica.

        Raises:
          CheckpointError: the state is damaged or of another training.
        """
        state, replicas = self.state, self._replicas
        position = self._on_chief(_load, state, self._fixed)
        state.position = Position(**position)
        if replicas.num_workers > 1:
            state.assign(replicas.chiefs(state.arrays(state.rnn_state)))
        rows = replicas.own_rows(batch_size)
        state.rnn_state = RNNState(*(part[:, :, rows] for part in state.rnn_state))

    def save_first_state(self) -> None:
        """Save the state unless one exists, so that the run can always be resumed."""
        if not self._on_chief(CheckpointWriter.has_state):
            self.save_state()

    def save_state(self) -> None:
        """Save the state.

        Raises:
          CheckpointError: it cannot be written.
        """
        arrays = self.state.arrays(self._replicas.gathered(self.state.rnn_state))
        progress = {"position": vars(self.state.position), "fixed": self._fixed}
        self._on_chief(CheckpointWriter.save_state, progress, arrays)
        self._on_saved()

    def save_checkpoint(self, number: int) -> None:
        """Write the checkpoint of epoch `number`.

        Raises:
          CheckpointError: it cannot be written.
        """
        best_epoch = self.state.position.best_epoch
        self._on_chief(CheckpointWriter.save_checkpoint, number, best_epoch)

    def remove_checkpoint(self, number: int) -> None:
        """Remove the checkpoint of epoch `number`, if there is one."""
        self._on_chief(CheckpointWriter.remove_checkpoint, number)

    def intact_text(self) -> str:
        """Return, for an error text, the newest checkpoint and its folder."""
        return self._on_chief(CheckpointWriter.intact_text)


def _load(writer: CheckpointWriter, state: TrainingState, fixed: dict[str, Any]) -> dict[str, Any]:
    """Assign what is saved, if anything; return the fields of the position it leaves."""
    saved = writer.load_state()
    if saved is None:
        return vars(state.position)
    progress, arrays = saved
    try:
        _check_fixed(writer, progress["fixed"], fixed)
        state.assign(arrays)
        return vars(Position(**progress["position"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"the training state in {writer.path} is of another version: {error!r} (resume from "
            "a checkpoint with --resume_from)"
        ) from error


def _check_fixed(writer: CheckpointWriter, saved: dict[str, Any], fixed: dict[str, Any]) -> None:
    """Raise CheckpointError where the saved training has another of the fixed settings."""
    # an older state lacks settings that did not exist then
    saved = {"num_replicas": 1, **Plan().fixed(), **saved}
    changed = changed_recordings(saved.get("recordings"), fixed["recordings"])
    for name, value in fixed.items():
        if name == "recordings" or saved.get(name) == value:
            continue
        if name == "corpus" or (name == "chunk_length" and changed):
            raise CheckpointError(
                f"{writer.path} was trained on other recordings: "
                f"{changed or 'the sound of some, or how it is cut, is another'} (give the same, "
                "or begin a new run from its last checkpoint with --resume_from)"
            )
        raise CheckpointError(
            f"{writer.path} was trained with another {name}, {saved.get(name)}, not "
            f"{value} (give the same, or begin a new run with --resume False)"
        )


def changed_recordings(before: dict[str, int] | None, now: dict[str, int] | None) -> str:
    """Return which recordings are new, missing or of another length; empty if it is not known.

    Args:
      before, now: samples of each recording by its name; None or empty if not known.
    """
    if not before or not now:
        return ""
    both = before.keys() & now.keys()
    changes = {
        "added": sorted(now.keys() - both),
        "missing": sorted(before.keys() - both),
        "changed": sorted(name for name in both if before[name] != now[name]),
    }
    return "; ".join(f"{what} {_named(names)}" for what, names in changes.items() if names)


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    text = ", ".join(names[:_MOST_NAMED])
    return f"{text} and {more} more" if more > 0 else text
