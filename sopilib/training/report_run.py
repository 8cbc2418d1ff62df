"""Read a run folder for its report: history, settings, command line and previews.

Only texts and previews are read, so that a training that still runs can be reported too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sopilib.errors import CheckpointError
from sopilib.model.config import load_config
from sopilib.model.folder import find_config
from sopilib.model_texts import ARGUMENTS
from sopilib.small_files import text_if_readable
from sopilib.training.history import HISTORY_NAME, find_run, read_history

# file names of previews: ours, and PRiSM's, which previews have with --output_dir
_PREVIEWS = (
    re.compile(r"epoch_(?P<epoch>\d+)_t(?P<t>[\d.e+-]+?)(?:_(?P<number>\d+))?\.wav"),
    re.compile(r".*_e=(?P<epoch>\d+)(?:\((?P<number>\d+)\))?_t=(?P<t>[\d.e+-]+)\.wav"),
)
_PNG_END = b"IEND\xaeB`\x82"


@dataclass(frozen=True)
class Preview:
    """A take of a checkpoint.

    Attributes:
      epoch: of the checkpoint.
      temperature: of the take.
      number: of the take among those of equal epoch and temperature.
      path: of the sound; its spectrogram has the same name with `.png`.
    """

    epoch: int
    temperature: float
    number: int
    path: Path


@dataclass(frozen=True)
class Run:
    """The contents of a run folder.

    Attributes:
      folder: the run folder.
      steps: lines of the history for stretches of steps, one or more.
      epochs: lines of the history for epochs.
      settings: the config.
      command: the command line, empty where it is not known.
      previews: by epoch, temperature and number.
    """

    folder: Path
    steps: Sequence[dict[str, Any]]
    epochs: Sequence[dict[str, Any]]
    settings: dict[str, Any]
    command: str
    previews: Sequence[Preview]

    @property
    def title(self) -> str:
        """Title of the report."""
        return f"Training {self.folder.parent.name}, {self.folder.name}"

    @property
    def best(self) -> dict[str, Any] | None:
        """The line of the epoch with the lowest held-out bits, or None."""
        return min(self.epochs, key=lambda line: line["val_bits_per_sample"], default=None)

    def previews_of(self, epoch: int) -> list[Preview]:
        """Return the previews of an epoch."""
        return [preview for preview in self.previews if preview.epoch == epoch]


def read_run(path: Path, previews: Path | None = None) -> Run:
    """Return the Run in a folder.

    Args:
      path: a run folder, or a folder of several, of which the newest counts.
      previews: folder of the previews, None for that in the run folder.

    Raises:
      CheckpointError: there is no history, or no step in it.
      ConfigError: there is no config.
    """
    folder = find_run(path)
    lines = list(read_history(folder / HISTORY_NAME))
    steps = [line for line in lines if line["kind"] == "steps"]
    if not steps:
        raise CheckpointError(f"no step yet in {folder / HISTORY_NAME} (wait for some training)")
    return Run(
        folder=folder,
        steps=steps,
        epochs=[line for line in lines if line["kind"] == "epoch"],
        settings=load_config(find_config(folder)).to_dict(),
        command=text_if_readable(folder / ARGUMENTS).strip(),
        previews=_find_previews(previews or folder / "previews"),
    )


def _find_previews(folder: Path) -> list[Preview]:
    matches = [(form.fullmatch(p.name), p) for p in folder.glob("*.wav") for form in _PREVIEWS]
    previews = [
        Preview(int(match["epoch"]), float(match["t"]), int(match["number"] or 0), path)
        for match, path in matches
        if match and _is_whole_png(path.with_suffix(".png"))
    ]
    return sorted(previews, key=lambda p: (p.epoch, p.temperature, p.number))


def _is_whole_png(path: Path) -> bool:
    """Return False for a missing file, or one that the training is still writing."""
    return path.is_file() and path.read_bytes().endswith(_PNG_END)


def shown_epochs(run: Run, limit: int) -> list[int]:
    """Return at most `limit` epochs with previews, ascending: first, best, last, between."""
    epochs = sorted({preview.epoch for preview in run.previews})
    if len(epochs) <= limit:
        return epochs
    shown = {epochs[0], epochs[-1]}
    if run.best and run.best["epoch"] in epochs:
        shown.add(run.best["epoch"])
    while len(shown) < limit:  # add the one that is furthest from all shown
        rest = (epoch for epoch in epochs if epoch not in shown)
        shown.add(max(rest, key=lambda epoch: min(abs(epoch - other) for other in shown)))
    return sorted(shown)


def facts(run: Run) -> dict[str, str]:
    """Return the results of a training by name, as texts with units."""
    last = max([*run.steps, *run.epochs], key=lambda line: line["step"])
    speeds = sorted(line["samples_per_s"] for line in run.steps)
    found = {
        "steps": f"{last['step']}, in epoch {last['epoch']}",
        "time": f"{last['seconds'] / 3600:.2f} h",
        "speed": f"{speeds[len(speeds) // 2]:,.0f} samples per second (median)",
        "loss": f"{run.steps[-1]['bits_per_sample']:.4f} bits per sample, in training, at the end",
    }
    if run.best:
        found["held out"] = (
            f"{run.epochs[-1]['val_bits_per_sample']:.4f} bits per sample; the best, "
            f"{run.best['val_bits_per_sample']:.4f}, after epoch {run.best['epoch']}"
        )
    return found
