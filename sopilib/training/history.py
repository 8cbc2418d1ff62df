"""`history.jsonl`: what became of a training, line by line; read without TensorFlow."""

import json
import time

from sopilib.errors import CheckpointError
from sopilib.training.state import replacing

HISTORY_NAME = "history.jsonl"


class History:
    """The history of a training that runs, a JSON object a line.

    Args:
      path: of the file; it may be there already.
      last_step: lines of later steps are dropped, as they will be made again.
    """

    def __init__(self, path, last_step):
        self._path = path
        self._began = time.monotonic()
        kept = [line for line in read_history(path) if line["step"] <= last_step]
        self._seconds_before = max((line["seconds"] for line in kept), default=0.0)
        with replacing(path) as file:
            for line in kept:
                file.write(json.dumps(line).encode() + b"\n")

    @property
    def seconds(self):
        """Seconds that the training has taken, in all its stretches."""
        return self._seconds_before + time.monotonic() - self._began

    def add(self, kind, step, **values):
        """Add a line; a full disk costs the line alone."""
        line = {"kind": kind, "step": step, "seconds": round(self.seconds, 2), **values}
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError:
            pass  # the training state tells it where it matters


def read_history(path):
    """Yields the lines of a history that are whole, each a dict; none without the file.

    Each has `kind`, 'steps' for a stretch of steps or 'epoch', the `step` at its end,
    `seconds` of training until then and what `Log` has measured.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue  # the last one of a process that was killed
        if isinstance(values, dict) and {"kind", "step", "seconds"} <= values.keys():
            yield values


def find_run(path):
    """The run folder `path`, or the one in it that was trained last.

    Raises:
      CheckpointError: there is no history of a training.
    """
    histories = [path / HISTORY_NAME] if (path / HISTORY_NAME).is_file() else []
    histories = histories or list(path.glob(f"*/{HISTORY_NAME}"))
    if not histories:
        raise CheckpointError(
            f"no {HISTORY_NAME} in {path} (give a folder that samplernn train has made, "
            "LOGDIR_ROOT/ID/DATE)"
        )
    return max(histories, key=lambda history: history.stat().st_mtime).parent
