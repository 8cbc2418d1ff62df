"""Run folders: LOGDIR_ROOT/ID/DD.MM.YYYY_HH.MM.SS, with PRiSM's names and contents.

model.ckpt-EPOCH.index, .data-*   checkpoints, EPOCH counts finished epochs
checkpoint                        names the newest
NAME.config.json, args.txt        with which the folder loads without flags
history.jsonl                     a line for each stretch of steps and each epoch
training_state.npz                what a training resumes from
previews/                         takes of each checkpoint
training.lock                     while a process trains in the folder
train/, validation/               for TensorBoard
"""

import json
import shlex
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

from sopilib.errors import CheckpointError
from sopilib.lock_file import locked
from sopilib.model.checkpoint import save_checkpoint
from sopilib.model.config import ModelConfig
from sopilib.model.folder import checkpoint_number, prefix_of
from sopilib.model.network import SampleRNN
from sopilib.model_texts import ARGUMENTS
from sopilib.training.state import STATE_NAME, replacing

_LOCK_NAME = "training.lock"
_TIME_FORMAT = "%d.%m.%Y_%H.%M.%S"


class RunFolder:
    """The folder of one training, which exists.

    Attributes:
      path: of the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(
        cls, root: Path, config_name: str, config: ModelConfig, arguments: Sequence[str]
    ) -> "RunFolder":
        """Make a new folder in `root`, named by the time, with config and arguments.

        Args:
          root: LOGDIR_ROOT/ID.
          config_name: of the file, `NAME.config.json`.
          config: its content.
          arguments: the words of the command line.

        Raises:
          CheckpointError: the folder cannot be made.
        """
        now = datetime.now()
        while (root / now.strftime(_TIME_FORMAT)).exists():
            now += timedelta(seconds=1)
        path = root / now.strftime(_TIME_FORMAT)
        try:
            path.mkdir(parents=True)
            text = json.dumps(config.to_dict(), indent=2)
            (path / config_name).write_text(text + "\n", encoding="utf-8")
            line = shlex.join([*arguments, "--sample_rate", str(config.sample_rate)])
            # names of files in it may be bytes that are not UTF-8
            (path / ARGUMENTS).write_text(line + "\n", encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise CheckpointError(
                f"cannot make the run folder {path}: {error.strerror} (choose another "
                "--logdir_root)"
            ) from error
        return cls(path)

    @classmethod
    def latest(cls, root: Path) -> "RunFolder | None":
        """Return the newest folder in `root` that a training can resume, or None."""
        dated = []
        for path in root.glob("*"):
            try:
                date = datetime.strptime(path.name, _TIME_FORMAT)
            except ValueError:
                continue
            if (path / STATE_NAME).is_file() or any(path.glob("model.ckpt-*.index")):
                dated.append((date, path))
        return cls(max(dated)[1]) if dated else None

    def locked(self) -> AbstractContextManager[None]:
        """Return a with block in which no other process trains in this folder.

        Raises:
          CheckpointError: another one does, or the lock file cannot be made.
        """
        busy = f"another process trains in {self.path} (wait for it, or give another --id)"
        return locked(self.path / _LOCK_NAME, CheckpointError(busy))

    def checkpoint_path(self, epoch: int) -> Path:
        """Return the prefix of an epoch's checkpoint."""
        return self.path / f"model.ckpt-{epoch}"

    def epochs(self) -> list[int]:
        """Return the epochs that have checkpoints, ascending."""
        prefixes = map(prefix_of, self.path.glob("model.ckpt-*.index"))
        numbered = ((checkpoint_number(prefix), prefix) for prefix in prefixes)
        return sorted(
            n for n, path in numbered if n is not None and path == self.checkpoint_path(n)
        )

    def save_model(
        self,
        model: SampleRNN,
        epoch: int,
        best_epoch: int | None,
        max_checkpoints: int | None,
    ) -> None:
        """Write a checkpoint, then remove the oldest beyond `max_checkpoints`.

        Args:
          model: what to write.
          epoch: its number.
          best_epoch: the epoch whose checkpoint is never removed, or None.
          max_checkpoints: how many to keep, or None for all.

        Raises:
          CheckpointError: it cannot be written; incomplete files are removed.
        """
        try:
            save_checkpoint(model, str(self.checkpoint_path(epoch)))
        except CheckpointError:
            self.remove_unfinished()
            raise
        others = [e for e in self.epochs() if e not in (epoch, best_epoch)]
        num_too_many = 0 if max_checkpoints is None else len(others) - (max_checkpoints - 1)
        for old in others[: max(0, num_too_many)]:
            self._remove(old)
        self._name_checkpoints()

    def remove_model(self, epoch: int) -> None:
        """Remove an epoch's checkpoint, if there is one."""
        if epoch in self.epochs():
            self._remove(epoch)
            self._name_checkpoints()

    def _name_checkpoints(self) -> None:
        epochs = self.epochs()
        lines = [f'model_checkpoint_path: "model.ckpt-{epochs[-1]}"'] if epochs else []
        lines += [f'all_model_checkpoint_paths: "model.ckpt-{epoch}"' for epoch in epochs]
        with replacing(self.path / "checkpoint") as file:
            file.write(("\n".join(lines) + "\n").encode())

    def _remove(self, epoch: int) -> None:
        for path in self.path.glob(f"model.ckpt-{epoch}.*"):
            path.unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Remove the files of a save that did not finish."""
        for path in self.path.glob("model.ckpt-*_temp"):
            shutil.rmtree(path, ignore_errors=True)
        whole = set(self.epochs())
        for path in self.path.glob("model.ckpt-*.data-*"):
            if checkpoint_number(prefix_of(path)) not in whole:
                path.unlink(missing_ok=True)
