"""What a search came to: its trials in order, and the best one's config and command line.

tune.md             the table
NAME.config.json    the config of the best trial
"""

import dataclasses
import json
import shlex
from dataclasses import dataclass

from sopilib.training.space import as_text
from sopilib.training.state import replacing

TABLE_NAME = "tune.md"
OUTCOME_NAME = "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """What became of a trial, as its worker writes it into the trial's folder.

    Attributes:
      worker: who ran it.
      run_folder: str, or None where none was made.
      minutes: of training.
      epochs: that were finished.
      reason: of its failure, or None.
    """

    worker: str
    run_folder: str = None
    minutes: float = 0.0
    epochs: int = 0
    reason: str = None

    def write(self, trial_folder):
        """Write it into a trial's folder, a Path.

        Raises:
          CheckpointError: it cannot be written.
        """
        trial_folder.mkdir(exist_ok=True)
        with replacing(trial_folder / OUTCOME_NAME) as file:
            file.write(json.dumps(dataclasses.asdict(self), indent=2).encode() + b"\n")

    @classmethod
    def read(cls, trial_folder):
        """The one in a trial's folder, or None where there is none to read."""
        try:
            return cls(**json.loads((trial_folder / OUTCOME_NAME).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Row:
    """A trial that has ended.

    Attributes:
      trial: its number, a text.
      bits: per sample, held out, the lowest of its epochs; None where it failed.
      values: dict from each searched parameter to its value.
      outcome: Outcome, or None where its worker's files are not seen here.
    """

    trial: str
    bits: float
    values: dict
    outcome: Outcome


def ranked(rows):
    """The rows by bits, those that failed at the end."""
    return sorted(rows, key=lambda row: (row.bits is None, row.bits, row.trial))


def table(rows):
    """A Markdown table of ranked rows, its columns aligned."""
    names = list(rows[0].values)
    has_workers = len({row.outcome.worker for row in rows if row.outcome}) > 1
    head = ["rank", "bits", *names, "epochs", "minutes", *["worker"] * has_workers]
    head.append("run folder, or why it failed")
    lines = [head, *(_cells(k + 1, row, names, has_workers) for k, row in enumerate(rows))]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def _cells(rank, row, names, has_workers):
    outcome = row.outcome or Outcome(worker="-", minutes=float("nan"))
    failed = row.bits is None
    return [
        "-" if failed else str(rank),
        "failed" if failed else f"{row.bits:.4f}",
        *(as_text(row.values[name]) for name in names),
        str(outcome.epochs),
        f"{outcome.minutes:.1f}",
        *[outcome.worker] * has_workers,
        _one_cell(outcome.reason) if failed and outcome.reason else outcome.run_folder or "-",
    ]


def _one_cell(text):
    return " ".join(text.split()).replace("|", "/")


class Ranking:
    """The files that tell a search's results, in its folder.

    Args:
      name: of the search.
      folder: Path of it.
      space: Space.
      data: list of Path of recordings.
    """

    def __init__(self, name, folder, space, data):
        self._name, self._folder, self._space, self._data = name, folder, space, data

    def write(self, rows):
        """Write the table, and the best trial's config where there is one.

        Args:
          rows: ranked, one or more.

        Returns:
          Lines that say where these are and how to train the best one longer.

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
            told = "".join(f"\n    {line}\n" for line in lines[1:])
            file.write(f"# {self._name}\n\n{table(rows)}\n{told}".encode())
        return [f"table: {path}", *lines]

    def train_line(self, values):
        """The command that trains with a trial's values, the best one's config, longer."""
        config = self._folder / f"{self._name}.config.json"
        words = self._space.train_words(values, self._data, config)
        words += ["--id", f"{self._name}_best", "--logdir_root", str(self._folder.parent)]
        return shlex.join(words)
