"""`samplernn train` as several processes on this machine, which TF_CONFIG makes one training."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-c", "import sys; from sopilib.cli import main; sys.exit(main())"]


def free_ports(count):
    """Ports of localhost on which nothing listens."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_workers(*flags_of_each):
    """The processes, one for each list of flags, the chief first."""
    hosts = [f"localhost:{port}" for port in free_ports(len(flags_of_each))]
    return [
        start_worker(flags, {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": k}})
        for k, flags in enumerate(flags_of_each)
    ]


def start_worker(flags, tf_config):
    """One process with such a TF_CONFIG."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "TF_CONFIG": json.dumps(tf_config)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # a test's own, which would show TensorFlow's notes
    return subprocess.Popen(
        [*COMMAND, "train", *map(str, flags)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a test run in the background ignores Ctrl-C, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def end_of(processes, timeout_s=120):
    """(exit status, stdout, stderr) of each; those that do not end are killed."""
    ends = []
    try:
        for process in processes:
            output, errors = process.communicate(timeout=timeout_s)
            ends.append((process.returncode, output, errors))
    finally:
        for process in processes:
            process.kill()
    return ends
