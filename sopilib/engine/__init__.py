"""Fast generation: folded and packed weights, native kernels, no TensorFlow.

`fold` multiplies together what is linear, `pack` rounds and lays out the result, `cache`
keeps it on disk, `kernels/` holds the sample loop in C++, `engine` is the generator made of
these and `load` finds all that one needs. Importing this package imports neither numpy nor
the kernels.
"""

import importlib.util


def is_built() -> bool:
    """Return whether the kernels were compiled at installation; else TensorFlow generates."""
    return importlib.util.find_spec("sopilib.engine.native") is not None
