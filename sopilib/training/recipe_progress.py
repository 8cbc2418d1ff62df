"""How far a training by a recipe has come: `recipe.json` in LOGDIR_ROOT/ID.

It holds facts of each stage, so that the same command resumes in the right one, with names
relative to its folder, so that the folder may move. The file is replaced as a whole; a crash
loses the time since the last save.
"""

import dataclasses
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from sopilib.errors import CheckpointError, RequestError
from sopilib.lock_file import locked
from sopilib.small_files import read_json
from sopilib.training.json_fields import from_json
from sopilib.training.state import STATE_NAME, replacing

FILE_NAME = "recipe.json"
_LOCK_NAME = "recipe.lock"
_FRESH = "give another --id, or begin anew with --resume False"


@dataclass
class StageProgress:
    """A stage that has begun or not.

    Attributes:
      name: of the stage.
      seconds: that it has taken.
      run: name of its run folder, or None before it begins.
      best: its checkpoint with the fewest held-out bits, `RUN/model.ckpt-N`; None until it is
        done.
    """

    name: str
    seconds: float = 0.0
    run: str | None = None
    best: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether the stage has ended."""
        return self.best is not None

    def resumable_run(self, logdir: Path) -> Path | None:
        """Return the run folder in `logdir` if a training can resume from it, else None."""
        if self.run is None or not (logdir / self.run / STATE_NAME).is_file():
            return None
        return logdir / self.run


@dataclass
class Result:
    """What a finished training left.

    Attributes:
      folder: name of the playable folder.
      checkpoint: that it holds, `RUN/model.ckpt-N`.
      temperature: recommended.
    """

    folder: str
    checkpoint: str
    temperature: float


@dataclass
class RecipeProgress:
    """Where a training by a recipe stands.

    Attributes:
      preset: its name.
      data: absolute paths of the recordings.
      stages: in their order.
      used_s: seconds used by all runs of the command.
      result: what the finished training left, or None.
      pre_emphasis: of the config; 0 in what older versions began.
    """

    preset: str
    data: list[str]
    stages: list[StageProgress]
    used_s: float = 0.0
    result: Result | None = field(default=None)
    pre_emphasis: float = 0.0

    def save(self, logdir: Path) -> None:
        """Write the file; make the folder if it is missing.

        Raises:
          CheckpointError: it cannot be written.
        """
        try:
            logdir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"cannot make the folder {logdir}: {error.strerror} (choose another --logdir_root)"
            ) from error
        with replacing(logdir / FILE_NAME) as file:
            file.write((json.dumps(dataclasses.asdict(self), indent=2) + "\n").encode())


def locked_training(logdir: Path) -> AbstractContextManager[None]:
    """Return a with block in which no other process trains by a recipe in `logdir`.

    Raises:
      CheckpointError: another one does, or the lock file cannot be made.
    """
    busy = f"another process trains in {logdir} (wait for it, or give another --id)"
    return locked(logdir / _LOCK_NAME, CheckpointError(busy))


def load_progress(logdir: Path, preset: str, data: Sequence[Path]) -> RecipeProgress | None:
    """Return the progress of a training in `logdir`, or None if none has begun there.

    Args:
      logdir: LOGDIR_ROOT/ID.
      preset: its name.
      data: absolute paths of the recordings.

    Raises:
      RequestError: the training has another preset or other recordings.
      CheckpointError: the file is damaged.
    """
    path = logdir / FILE_NAME
    if not path.is_file():
        return None
    try:
        progress = from_json(RecipeProgress, read_json(path))
    except (OSError, ValueError) as error:
        reason = str(error).partition(" (")[0]
        raise CheckpointError(f"{path} is damaged: {reason} ({_FRESH})") from error
    for name, before, now in (
        ("--preset", progress.preset, preset),
        ("--data_dir", " ".join(progress.data), " ".join(map(str, data))),
    ):
        if before != now:
            raise RequestError(f"{logdir} was trained with {name} {before}, not {now} ({_FRESH})")
    return progress


def check_stages(progress: RecipeProgress, names: Sequence[str], logdir: Path) -> None:
    """Raise RequestError unless a training has the stages that its preset has now."""
    before = [stage.name for stage in progress.stages]
    if before != list(names):
        raise RequestError(
            f"{logdir} was trained in the stages {', '.join(before)}, not {', '.join(names)} "
            f"({_FRESH})"
        )


def check_pre_emphasis(progress: RecipeProgress, stated: float | None, logdir: Path) -> None:
    """Raise RequestError if a training has another pre-emphasis than is stated, None for any."""
    if stated is not None and stated != progress.pre_emphasis:
        raise RequestError(
            f"{logdir} was trained with --pre_emphasis {progress.pre_emphasis:g}, not {stated:g} "
            f"({_FRESH})"
        )
