"""From a model folder to a generator: packed weights if there are any, else the checkpoint.

TensorFlow is imported only to read a checkpoint that was not played before.
"""

import logging

from sopilib.engine.cache import load_packed
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.fold import fold
from sopilib.engine.measure import choose_precision
from sopilib.engine.pack import RECIPES, config_of_packed, pack
from sopilib.engine.packed_file import read_packed
from sopilib.errors import CheckpointError, RequestError

log = logging.getLogger(__name__)

PRECISIONS = ("auto", *RECIPES)


def load_generator(files, num_seqs, precision="auto", threads=None, isa=""):
    """An EngineGenerator for a model folder.

    Args:
      files: ModelFiles of a checkpoint or, its prefix None, of an exported model.
      num_seqs: number of voices, 1 or more.
      precision: one of PRECISIONS; 'auto' is the most exact that plays live here, of
        those that an exported model has.
      threads, isa: see EngineGenerator.

    Raises:
      RequestError: no such precision, or see EngineGenerator.
      CheckpointError: the checkpoint is damaged or does not fit its config, or the
        exported model lacks the precision.
    """
    if precision not in PRECISIONS:
        raise RequestError(f"no precision {precision!r} (choose of {', '.join(PRECISIONS)})")
    is_free = precision == "auto"
    if is_free:
        precision = choose_precision(files.config, num_seqs, threads)
    if files.prefix is None:
        packed = _exported_packed(files, precision, is_free)
    else:
        packed = checkpoint_packed(files, precision)
    config = config_of_packed(files.config, packed)
    return EngineGenerator(config, packed, num_seqs, threads, isa)


def checkpoint_packed(files, precision):
    """The PackedModel of a checkpoint, from the cache, else read with TensorFlow.

    Args:
      files: ModelFiles.
      precision: one of RECIPES.

    Raises:
      CheckpointError: the checkpoint is damaged or does not fit its config.
    """
    return load_packed(files, precision, lambda: _pack_checkpoint(files, precision))


def _pack_checkpoint(files, precision):
    from sopilib.model.checkpoint import load_model
    from sopilib.model.network import named_variables

    log.info("packing the weights of %s as %s", files.prefix, precision)
    model = load_model(files)
    variables = named_variables(model)
    folded = fold(model.config, lambda name: variables[name].numpy())
    moments = None
    if precision == "int4":
        from sopilib.engine.calibrate import state_moments

        moments = state_moments(model.config, folded)
    return pack(model.config, folded, precision, moments)


def _exported_packed(files, precision, is_free):
    """What the folder has in this precision, or if `is_free` in the next faster, or slower."""
    order = list(RECIPES)  # the most exact first
    wanted = order.index(precision)
    choice = [*order[wanted:], *reversed(order[:wanted])] if is_free else [precision]
    paths = [path for name in choice for path in packed_paths(files.folder, name)]
    if not paths:
        raise CheckpointError(
            f"{files.folder} holds no {' or '.join(choice)} weights (export the model anew)"
        )
    return read_packed(paths[0])[1]


def packed_paths(folder, precision):
    """The packed files of an exported model in this precision, the one that plays first."""
    return sorted(folder.glob(f"*.{precision}.pack"))
