"""`samplernn models`: list the models that a name can load."""

import argparse
import shutil
import sys
from pathlib import Path

from sopilib.installation.model_card import card_of, description, read_card
from sopilib.installation.models import (
    FoundModel,
    Kind,
    find_models,
    model_places,
    unreadable_folders,
)

_KINDS = {Kind.PATCH: "here"}  # of a command, the "patch" is the current folder
_LEAST_WIDTH = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `samplernn models`: none."""


def run(args: argparse.Namespace) -> int:
    """Run `samplernn models`; return its exit status."""
    places = model_places([Path()])
    for folder in unreadable_folders(places):
        print(f"cannot read the folder {folder} (check who may read it)", file=sys.stderr)
    found = find_models(places)
    if not found:
        print("no models (samplernn install FILE.zip adds one)")
        return 0
    rows = [_row(model) for model in found]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    room = max(_LEAST_WIDTH, shutil.get_terminal_size().columns - sum(widths) - 8)
    for name, rate, size, kind, text in rows:
        cells = (name.ljust(widths[0]), rate.rjust(widths[1]), size.rjust(widths[2]))
        print("  ".join((*cells, kind.ljust(widths[3]), _cut(text, room))).rstrip())
    return 0


def _row(model: FoundModel) -> tuple[str, str, str, str, str]:
    """Return name, rate, size, kind and one line of the card."""
    card = card_of(model.folder)
    return (
        model.name,
        f"{model.sample_rate} Hz" if model.sample_rate else "unknown",
        f"{_size_bytes(model.folder) / 1e6:.1f} MB",
        _KINDS.get(model.kind, model.kind.value),
        description(read_card(card)) if card else "(no card)",
    )


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."
