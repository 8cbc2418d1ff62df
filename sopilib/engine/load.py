"""Load a generator from a model folder: from packed weights if any, else the checkpoint.

Only a checkpoint that is loaded for the first time needs TensorFlow.
"""

from sopilib.engine.cache import load_packed
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.measure import choose_precision
from sopilib.engine.pack import RECIPES, PackedModel, config_of_packed
from sopilib.engine.packed_file import packed_paths
from sopilib.engine.provenance import first_own_packed
from sopilib.errors import RequestError
from sopilib.model.fit import check_index_fits
from sopilib.model.folder import ModelFiles

PRECISIONS = ("auto", *RECIPES)


def load_generator(
    files: ModelFiles,
    num_seqs: int,
    precision: str = "auto",
    threads: int | None = None,
    isa: str = "",
) -> EngineGenerator:
    """Return an EngineGenerator for a model folder.

    Args:
      files: ModelFiles of a checkpoint or, its prefix None, of an exported model.
      num_seqs: number of voices, at least 1.
      precision: one of PRECISIONS; 'auto' is the most exact that plays live here, of
        those that an exported model has.
      threads, isa: see EngineGenerator.

    Raises:
      RequestError: no such precision, or see EngineGenerator.
      CheckpointError: the checkpoint is damaged or does not fit its config, or the
        exported model lacks the precision.
    """
    packed = load_weights(files, num_seqs, precision, threads)
    config = config_of_packed(files.config, packed)
    return EngineGenerator(config, packed, num_seqs, threads, isa)


def load_weights(
    files: ModelFiles, num_seqs: int, precision: str = "auto", threads: int | None = None
) -> PackedModel:
    """Return the weights of a model folder; arguments and errors as of `load_generator`."""
    if precision not in PRECISIONS:
        raise RequestError(f"no precision {precision!r} (choose from {', '.join(PRECISIONS)})")
    if files.prefix is None:
        return _exported_packed(files, precision, num_seqs, threads)
    if precision == "auto":
        check_weights_fit(files)
        precision = choose_precision(files.config, num_seqs, threads)
    return checkpoint_packed(files, precision)


def loadable_precisions(files: ModelFiles) -> tuple[str, ...]:
    """Return the precisions that `load_generator` has for a model, the most exact first.

    An exported model has only those in its folder.
    """
    if files.prefix is not None:
        return tuple(RECIPES)
    return tuple(precision for precision in RECIPES if packed_paths(files.folder, precision))


def check_weights_fit(files: ModelFiles) -> None:
    """Raise unless the weights of a model are those of its config.

    It takes a moment and allocates nothing, and so comes before anything that allocates what
    the config says, such as `choose_precision`.

    Raises:
      CheckpointError: no weights fit the config.
    """
    if files.prefix is None:
        first_own_packed(files, list(RECIPES))
    else:
        check_index_fits(files)


def checkpoint_packed(files: ModelFiles, precision: str) -> PackedModel:
    """Return the PackedModel of a checkpoint, from the cache, else read with TensorFlow.

    Args:
      files: ModelFiles of a checkpoint.
      precision: one of RECIPES.

    Raises:
      CheckpointError: the checkpoint is damaged or does not fit its config.
    """
    return load_packed(files, precision, lambda: _packed_checkpoint(files, precision))


def _packed_checkpoint(files: ModelFiles, precision: str) -> PackedModel:
    # the import takes seconds, and TensorFlow may be missing
    from sopilib.engine.pack_checkpoint import pack_checkpoint

    return pack_checkpoint(files, precision)


def _exported_packed(
    files: ModelFiles, precision: str, num_seqs: int, threads: int | None
) -> PackedModel:
    """Return the folder's weights in this precision; of 'auto', in that or in the next best one."""
    if precision != "auto":
        return first_own_packed(files, [precision])[1]
    # weights that exist justify what measuring allocates
    packed = first_own_packed(files, list(RECIPES))[1]
    if len(loadable_precisions(files)) == 1:
        return packed
    chosen = choose_precision(files.config, num_seqs, threads)
    if packed.precision == chosen:
        return packed
    order = list(RECIPES)  # the most exact first
    wanted = order.index(chosen)
    return first_own_packed(files, [*order[wanted:], *reversed(order[:wanted])])[1]
