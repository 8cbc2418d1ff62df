"""TensorFlow, imported without its notes: `from sopilib.model.quiet_tensorflow import tf`.

TensorFlow's native code prints notes on CPUs and missing GPUs on stderr during its import,
some of them before any log level is in force. This is the only module that imports it. It
drops the notes and passes on everything else on stderr. Set `TF_CPP_MIN_LOG_LEVEL` yourself
to see the notes. Where TF_CONFIG names other machines to train with, the runtime does not
start here: `sopilib.training.cluster` starts it and reports a lost machine in one line.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

_NOTE = re.compile(rb"WARNING: All log messages before absl::|[IWE]\d{4} \d\d:")


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Hold back the output to file descriptor 2, then pass on all but notes."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held:
                if not _NOTE.match(line):
                    os.write(2, line)


if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
    import tensorflow as tf
else:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3" if "TF_CONFIG" in os.environ else "2"
    with without_notes():
        import tensorflow as tf

        if "TF_CONFIG" not in os.environ:
            tf.constant(0)  # starts the runtime, which has notes of its own

__all__ = ["tf", "without_notes"]
