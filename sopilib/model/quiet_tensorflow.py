"""TensorFlow, imported without its greetings: `from sopilib.model.quiet_tensorflow import tf`.

TensorFlow's native code prints notes on CPUs and missing GPUs on stderr as it is
imported, some of them before any log level is in force. This is the one place
that imports it: notes are held back, everything else on stderr is passed on.
Set `TF_CPP_MIN_LOG_LEVEL` yourself to see them. Where TF_CONFIG names other machines to
train with, the runtime waits for `sopilib.training.cluster`, which tells in one line what
TensorFlow tells of a lost one in ten.
"""

import contextlib
import os
import re
import sys
import tempfile

_NOTE = re.compile(rb"WARNING: All log messages before absl::|[IWE]\d{4} \d\d:")


@contextlib.contextmanager
def without_notes():
    """Hold back what is written to file descriptor 2, then pass on all but notes."""
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
