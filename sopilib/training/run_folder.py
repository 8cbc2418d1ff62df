"""Run folders: LOGDIR_ROOT/ID/DD.MM.YYYY_HH.MM.SS, as PRiSM names and fills them.

model.ckpt-EPOCH.index, .data-*   checkpoints, EPOCH counts those finished
checkpoint                        names the newest
NAME.config.json, args.txt        what loads them without flags
history.jsonl                     a line for each stretch of steps and each epoch
training_state.npz                what the training goes on from
previews/                         takes of each checkpoint
train/, validation/               for TensorBoard
"""

import json
import re
import shlex
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from sopilib.errors import CheckpointError
from sopilib.model.checkpoint import save_checkpoint
from sopilib.training.state import STATE_NAME, replacing

_TIME_FORMAT = "%d.%m.%Y_%H.%M.%S"
_CHECKPOINT = re.compile(r"model\.ckpt-(\d+)\.index")


class RunFolder:
    """A training's folder.

    Attributes:
      path: Path, exists.
    """

    def __init__(self, path):
        self.path = Path(path)

    @classmethod
    def create(cls, root, config_name, config, arguments):
        """A new folder in `root` (Path), named by the time, with config and arguments.

        Args:
          root: Path of LOGDIR_ROOT/ID.
          config_name: of the file, `NAME.config.json`.
          config: ModelConfig.
          arguments: list of str, the command line.

        Raises:
          CheckpointError: it cannot be made.
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
            (path / "args.txt").write_text(line + "\n", encoding="utf-8")
        except OSError as error:
            raise CheckpointError(
                f"cannot make the run folder {path}: {error.strerror} (choose another "
                "--logdir_root)"
            ) from error
        return cls(path)

    @classmethod
    def latest(cls, root):
        """The newest folder in `root` that a training can go on from, or None."""
        dated = []
        for path in root.glob("*"):
            try:
                date = datetime.strptime(path.name, _TIME_FORMAT)
            except ValueError:
                continue
            if (path / STATE_NAME).is_file() or any(path.glob("model.ckpt-*.index")):
                dated.append((date, path))
        return cls(max(dated)[1]) if dated else None

    def checkpoint_path(self, epoch):
        """The prefix of an epoch's checkpoint, a Path."""
        return self.path / f"model.ckpt-{epoch}"

    def epochs(self):
        """The epochs whose checkpoints are there, ascending."""
        matches = (_CHECKPOINT.fullmatch(path.name) for path in self.path.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def save_model(self, model, epoch, best_epoch, max_checkpoints):
        """Write a checkpoint, then remove the oldest beyond `max_checkpoints`.

        Args:
          model: SampleRNN.
          epoch: its number.
          best_epoch: whose checkpoint is never removed, or None.
          max_checkpoints: or None to keep all.

        Raises:
          CheckpointError: it cannot be written; what is left of it is removed.
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

    def remove_model(self, epoch):
        """Remove an epoch's checkpoint, if it is there."""
        if epoch in self.epochs():
            self._remove(epoch)
            self._name_checkpoints()

    def _name_checkpoints(self):
        epochs = self.epochs()
        lines = [f'model_checkpoint_path: "model.ckpt-{epochs[-1]}"'] if epochs else []
        lines += [f'all_model_checkpoint_paths: "model.ckpt-{epoch}"' for epoch in epochs]
        with replacing(self.path / "checkpoint") as file:
            file.write(("\n".join(lines) + "\n").encode())

    def _remove(self, epoch):
        for path in self.path.glob(f"model.ckpt-{epoch}.*"):
            path.unlink(missing_ok=True)

    def remove_unfinished(self):
        """Remove what a save that did not end has left."""
        for path in self.path.glob("model.ckpt-*_temp"):
            shutil.rmtree(path, ignore_errors=True)
        whole = set(self.epochs())
        for path in self.path.glob("model.ckpt-*.data-*"):
            if int(re.match(r"model\.ckpt-(\d+)", path.name)[1]) not in whole:
                path.unlink(missing_ok=True)
