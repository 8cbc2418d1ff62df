"""Start the `samplernn` command of this checkout as a process of its own."""

import os
import subprocess
import sys

from places import PROJECT

# a test run in the background ignores Ctrl-C, and so would its children
_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from sopilib.commands.main import main; sys.exit(main())"
)


def start_samplernn(*words, variables=(), **options):
    """Return the process, its output to be read.

    Args:
        *words: the subcommand and its arguments.
        variables: of the environment besides those of the test, a dict.
        **options: of `Popen`.
    """
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), **dict(variables)}
    # this process sets it once it has imported TensorFlow, and then notes are not held back
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", _PROGRAM, *map(str, words)]
    return subprocess.Popen(command, **{"env": environment, **pipes, **options})
