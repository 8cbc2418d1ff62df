"""Pack the weights of a checkpoint: the one part of the engine that imports TensorFlow."""

import logging

from sopilib.engine.calibrate import state_moments
from sopilib.engine.fold import fold
from sopilib.engine.pack import PackedModel, pack
from sopilib.model.checkpoint import load_model
from sopilib.model.folder import ModelFiles
from sopilib.model.network import named_variables

log = logging.getLogger(__name__)


def pack_checkpoint(files: ModelFiles, precision: str) -> PackedModel:
    """Return the PackedModel of a checkpoint, read with TensorFlow.

    Args:
      files: ModelFiles of a checkpoint.
      precision: one of `pack.RECIPES`.

    Raises:
      CheckpointError: the checkpoint is damaged or does not fit its config.
    """
    log.info("packing the weights of %s as %s", files.prefix, precision)
    model = load_model(files)
    variables = named_variables(model)
    folded = fold(model.config, lambda name: variables[name].numpy())
    moments = state_moments(model.config, folded) if precision == "int4" else None
    return pack(model.config, folded, precision, moments)
