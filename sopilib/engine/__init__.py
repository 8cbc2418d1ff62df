"""Fast generation: folded and packed weights, native kernels, no TensorFlow.

`fold` multiplies linear layers together, `pack` rounds the result and lays it out, `cache`
keeps it on disk, `kernels/` holds the sample loop in C++, `engine` is the generator built
from these, and `load` finds the files that it needs. Importing this package imports neither
numpy nor the kernels.
"""

import importlib.util


def is_built() -> bool:
    """Return whether the kernels were compiled at installation; else TensorFlow generates."""
    return importlib.util.find_spec("sopilib.engine.native") is not None
