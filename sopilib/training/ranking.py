"""The results of a search: its trials in order, and the best one's config and command line.

tune.md             the table
NAME.config.json    the config of the best trial
"""

import dataclasses
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sopilib.small_files import read_json
from sopilib.training.json_fields import from_json
from sopilib.training.space import Space, as_text
from sopilib.training.state import replacing

TABLE_NAME = "tune.md"
OUTCOME_NAME = "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a trial, as its worker writes it into the trial's folder.

    Attributes:
      worker: its name.
      run_folder: path of the run, or None where none was made.
      minutes: of training.
      epochs: finished epochs.
      reason: why the trial failed, or None.
    """

    worker: str
    run_folder: str | None = None
    minutes: float = 0.0
    epochs: int = 0
    reason: str | None = None

    def write(self, trial_folder: Path) -> None:
        """Write it into a trial's folder.

        Raises:
          CheckpointError: it cannot be written.
        """
        trial_folder.mkdir(exist_ok=True)
        with replacing(trial_folder / OUTCOME_NAME) as file:
            file.write(json.dumps(dataclasses.asdict(self), indent=2).encode() + b"\n")

    @classmethod
    def read(cls, trial_folder: Path) -> "Outcome | None":
        """Return the outcome in a trial's folder, or None where there is none to read."""
        try:
            return from_json(cls, read_json(trial_folder / OUTCOME_NAME))
        except (OSError, ValueError):
            return None


@dataclass(frozen=True)
class Row:
    """A finished trial.

    Attributes:
      trial: its number as a text.
      bits: held-out bits per sample, the lowest of its epochs; None where it failed.
      values: the value of each searched parameter.
      outcome: None where its worker's files are not on this machine.
    """

    trial: str
    bits: float | None
    values: dict[str, Any]
    outcome: Outcome | None


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Return the rows by bits, failed trials last."""
    return sorted(rows, key=lambda row: (row.bits is None, row.bits or 0.0, row.trial))


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table of ranked rows, one or more, with aligned columns."""
    names = list(rows[0].values)
    has_workers = len({row.outcome.worker for row in rows if row.outcome}) > 1
    head = ["rank", "bits", *names, "epochs", "minutes", *["worker"] * has_workers]
    head.append("run folder, or why it failed")
    lines = [head, *(_cells(k + 1, row, names, has_workers) for k, row in enumerate(rows))]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def _cells(rank: int, row: Row, names: Sequence[str], has_workers: bool) -> list[str]:
    outcome = row.outcome or Outcome(worker="-", minutes=float("nan"))
    place = ["-", "failed"] if row.bits is None else [str(rank), f"{row.bits:.4f}"]
    is_explained = row.bits is None and outcome.reason
    return [
        *place,
        *(as_text(row.values[name]) for name in names),
        str(outcome.epochs),
        f"{outcome.minutes:.1f}",
        *[outcome.worker] * has_workers,
        _one_cell(outcome.reason or "") if is_explained else outcome.run_folder or "-",
    ]


def _one_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


class Ranking:
    """The files with the results of a search, in its folder.

    Args:
      name: of the search.
      folder: of the search.
      space: what it chooses from.
      data: folders or files of recordings.
    """

    def __init__(self, name: str, folder: Path, space: Space, data: Sequence[Path]) -> None:
        self._name, self._folder, self._space, self._data = name, folder, space, data

    def write(self, rows: Sequence[Row]) -> list[str]:
        """Write the table, and the best trial's config where there is one.

        Args:
          rows: ranked, one or more.

        Returns:
          Lines that say where these are and how to train with the best settings for longer.

        Raises:
          CheckpointError: a file cannot be written.
        """
        lines = []
        if rows[0].bits is not None:
            path = self._folder / f"{self._name}.config.json"
            config = self._space.config_with(rows[0].values)
            with replacing(path) as file:
                file.write(json.dumps(config.to_dict(), indent=2).encode() + b"\n")
            lines = [f"best: {path}", self.train_line(rows[0].values)]
        path = self._folder / TABLE_NAME
        with replacing(path) as file:
            advice = "".join(f"\n    {line}\n" for line in lines[1:])
            file.write(
                f"# {self._name}\n\n{table(rows)}\n{advice}".encode(errors="surrogateescape")
            )
        return [f"table: {path}", *lines]

    def train_line(self, values: Mapping[str, Any]) -> str:
        """Return the command that trains with the best trial's config and `values`, for longer."""
        config = self._folder / f"{self._name}.config.json"
        words = self._space.train_words(values, self._data, config)
        words += ["--id", f"{self._name}_best", "--logdir_root", str(self._folder.parent)]
        return shlex.join(words)
