"""Groups of a batch's rows that processor cores compute side by side.

Sequences do not depend on each other until their gradients are added, so each core can take
some of them from the first layer to the last and back: it then waits for the others once a
step, where cores that share every operation wait after each of them.
"""

from collections.abc import Callable
from typing import Any

from sopilib.engine.thread_count import num_processors
from sopilib.model.quiet_tensorflow import tf

# fewer rows make products inefficient, more groups make the first step long
_LEAST_ROWS = 8
MOST_GROUPS = 4


def row_groups(num_rows: int) -> list[slice]:
    """Return the rows of a batch in groups, as equal as can be; on a GPU a single one."""
    num_groups = 1 if tf.config.list_logical_devices("GPU") else num_processors()
    num_groups = max(1, min(num_groups, num_rows // _LEAST_ROWS, MOST_GROUPS))
    ends = [num_rows * (k + 1) // num_groups for k in range(num_groups)]
    return [slice(begin, end) for begin, end in zip([0, *ends], ends)]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` compiled by XLA, with an executable that it shares with no other.

    Row groups must not share one: XLA of TensorFlow 2.21 builds a reduction at an executable's
    first run, and where two threads run it at once, builds it twice at once and crashes.
    Replicas may call the same function: TensorFlow compiles it for each device.
    """
    return tf.function(function, jit_compile=True, autograph=False)
