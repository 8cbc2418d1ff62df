"""Pack the weights of a checkpoint: the one part of the engine that imports TensorFlow."""

import dataclasses
import logging

import numpy as np

from sopilib.engine.calibrate import state_moments
from sopilib.engine.fold import fold
from sopilib.engine.pack import PackedModel, pack
from sopilib.model.checkpoint import load_model
from sopilib.model.folder import ModelFiles
from sopilib.model.network import named_variables

log = logging.getLogger(__name__)


def pack_checkpoint(files: ModelFiles, precision: str, temperature: float = 1.0) -> PackedModel:
    """Return the PackedModel of a checkpoint, read with TensorFlow.

    Args:
      files: ModelFiles of a checkpoint.
      precision: one of `pack.RECIPES`.
      temperature: of the checkpoint that is temperature 1 of the packed model, > 0. A model
        that is too sure of itself plays best above 1 (Guo et al. 2017, section 4.2).

    Raises:
      CheckpointError: the checkpoint is damaged or does not fit its config.
    """
    log.info("packing the weights of %s as %s", files.prefix, precision)
    model = load_model(files)
    variables = named_variables(model)
    folded = fold(model.config, lambda name: variables[name].numpy())
    if temperature != 1.0:
        folded = dataclasses.replace(
            folded,
            outputs=folded.outputs / np.float32(temperature),
            outputs_bias=folded.outputs_bias / np.float32(temperature),
        )
    moments = state_moments(model.config, folded) if precision == "int4" else None
    return pack(model.config, folded, precision, moments)
