"""`history.jsonl`: the course of a training, line by line; reading it needs no TensorFlow."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sopilib.errors import CheckpointError
from sopilib.small_files import RECORD_BYTES, parse_json, read_text
from sopilib.training.state import replacing

HISTORY_NAME = "history.jsonl"

_ABSURD = 1e15  # of any number in a line
# what a line of a kind has beside `step` and `seconds`
_NUMBERS = {
    "steps": ("epoch", "bits_per_sample", "learning_rate", "samples_per_s"),
    "epoch": ("epoch", "val_bits_per_sample"),
}


class History:
    """The history of a running training, a JSON object a line.

    Args:
      path: of the file, which may exist already.
      last_step: lines of later steps are dropped, as these steps are taken again.
    """

    def __init__(self, path: Path, last_step: int) -> None:
        self._path = path
        self._began = time.monotonic()
        kept = [line for line in read_history(path) if line["step"] <= last_step]
        self._seconds_before = max((line["seconds"] for line in kept), default=0.0)
        with replacing(path) as file:
            for line in kept:
                file.write(json.dumps(line).encode() + b"\n")

    @property
    def seconds(self) -> float:
        """Seconds of training, earlier parts of a resumed run included."""
        return self._seconds_before + time.monotonic() - self._began

    def add(self, kind: str, step: int, **values: float) -> None:
        """Add a line; if the disk is full, only the line is lost."""
        line = {"kind": kind, "step": step, "seconds": round(self.seconds, 2), **values}
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError:
            pass  # saving the training state fails too, and says so


def read_history(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the complete lines of a history; none without the file.

    Each has `kind`, 'steps' for a stretch of steps or 'epoch', the `step` at its end, the
    `seconds` of training until then, and what `sopilib.training.log` adds. A line without one of
    its numbers is left out.
    """
    try:
        text = read_text(path, RECORD_BYTES, errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            values = parse_json(line)
        except ValueError:
            continue  # the last line of a killed process
        if isinstance(values, dict) and _is_line(values):
            yield values


def _is_line(values: dict[str, Any]) -> bool:
    kind = values.get("kind")
    if not isinstance(kind, str):
        return False
    numbers = (values.get(name) for name in ("step", "seconds", *_NUMBERS.get(kind, ())))
    return all(isinstance(value, (int, float)) and abs(value) < _ABSURD for value in numbers)


def find_run(path: Path) -> Path:
    """Return the run folder `path`, or the one in it that was trained last.

    Raises:
      CheckpointError: there is no history of a training.
    """
    histories = [path / HISTORY_NAME] if (path / HISTORY_NAME).is_file() else []
    histories = histories or list(path.glob(f"*/{HISTORY_NAME}"))
    if not histories:
        raise CheckpointError(
            f"no {HISTORY_NAME} in {path} (give a run folder of samplernn train, "
            "LOGDIR_ROOT/ID/DATE)"
        )
    return max(histories, key=lambda history: history.stat().st_mtime).parent
