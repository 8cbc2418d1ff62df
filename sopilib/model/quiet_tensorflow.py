"""TensorFlow, imported without its notes: `from sopilib.model.quiet_tensorflow import tf`.

TensorFlow's native code prints notes on CPUs and missing GPUs on stderr during its import,
some of them before any log level is in force. This is the only module that imports it. It
drops the notes and passes on everything else on stderr. Set `TF_CPP_MIN_LOG_LEVEL` yourself
to see the notes. Where TF_CONFIG names other machines to train with, the runtime does not
start here: `sopilib.training.cluster` starts it and reports a lost machine in one line.

TensorFlow's import also imports Keras and all that Keras finds, almost half of the time that
it takes. Nothing here needs Keras but Keras Tuner, which imports it itself.

On a CPU, TensorFlow takes memory from an allocator of its own, unless TF_CPU_ALLOCATOR_USE_BFC
is set to 0.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

_NOTE = "WARNING: All log messages before absl::|[IWE][0-9]{4} [0-9][0-9]:"
_PASS_ON = ("grep", "-a", "-v", "-E", f"^({_NOTE})")


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Pass on the output to file descriptor 2 without notes.

    Another process does it, so that the last words of native code that aborts are not lost.
    """
    sys.stderr.flush()
    try:
        grep = subprocess.Popen(
            _PASS_ON, stdin=subprocess.PIPE, stdout=2, env={**os.environ, "LC_ALL": "C"}
        )
    except OSError:  # there is no grep: the notes are shown
        yield
        return
    assert grep.stdin is not None
    saved = os.dup(2)
    os.dup2(grep.stdin.fileno(), 2)
    grep.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        grep.wait()


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    """Let imports of Keras fail, which TensorFlow expects, unless it is there already."""
    if "keras" in sys.modules:
        yield
        return
    sys.modules["keras"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["keras"]


# TensorFlow keeps its memory: to get large blocks anew from the system costs a training 5 %
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(1 << 30))  # by default 64 GB
if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
    with _without_keras():
        import tensorflow as tf
else:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3" if "TF_CONFIG" in os.environ else "2"
    with without_notes(), _without_keras():
        import tensorflow as tf

        if "TF_CONFIG" not in os.environ:
            tf.constant(0)  # starts the runtime, which has notes of its own

__all__ = ["tf", "without_notes"]
