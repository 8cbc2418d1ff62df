"""`python -m sopilib.commands.pack_models`: pack the weights of the bundled models.

The installation runs it, so that the first load of a bundled model takes a moment and needs no
TensorFlow. A model that is packed already costs nothing.
"""

import sys
from pathlib import Path

from sopilib import engine
from sopilib.engine.load import checkpoint_packed
from sopilib.engine.pack import RECIPES
from sopilib.errors import SampleRNNError
from sopilib.installation.paths import models_folder
from sopilib.model.folder import find_model


def pack_models(folder: Path) -> None:
    """Pack each model in a folder that has a checkpoint, in all precisions; print its name.

    Args:
      folder: of the models, one folder each.

    Raises:
      SampleRNNError: a checkpoint is damaged.
    """
    for checkpoint in sorted(folder.glob("*/model.ckpt-*.index")):
        files = find_model(checkpoint.parent)
        print(f"Packing the weights of {checkpoint.parent.name}", flush=True)
        for precision in RECIPES:
            checkpoint_packed(files, precision)


def main() -> int:
    """Pack the bundled models; return the exit status."""
    if not engine.is_built():
        return 0
    try:
        pack_models(models_folder())
    except SampleRNNError as error:
        print(f"{error} (without this model the rest works)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
