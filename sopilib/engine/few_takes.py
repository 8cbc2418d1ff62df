"""Choose the precision for a few takes with weights that are not packed yet."""

from sopilib.engine.measure import choose_precision
from sopilib.model.config import ModelConfig


def precision_for_few_takes(config: ModelConfig, num_seqs: int) -> str:
    """Return the precision that plays live here, but 'int8' instead of 'int4'.

    Calibrating and packing int4 weights takes longer than it saves in a few takes.
    """
    precision = choose_precision(config, num_seqs)
    return "int8" if precision == "int4" else precision
