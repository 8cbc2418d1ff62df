"""Run `samplernn train` as several processes on this machine, joined by TF_CONFIG."""

import contextlib
import json
import random
import socket
import time

from samplernn_process import start_samplernn


def free_ports(count):
    """Return ports of localhost on which nothing listens.

    They are below the system's range for outgoing connections, so that none is taken
    before its process listens.
    """
    ports = set()
    while len(ports) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("localhost", port))
            ports.add(port)
    return list(ports)


def start_workers(*flags_of_each):
    """Return the processes, one for each list of flags, the chief first."""
    hosts = [f"localhost:{port}" for port in free_ports(len(flags_of_each))]
    return [
        start_worker(flags, {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": k}})
        for k, flags in enumerate(flags_of_each)
    ]


def start_worker(flags, tf_config):
    """Return one process with this TF_CONFIG."""
    variables = {"TF_CONFIG": json.dumps(tf_config)}
    return start_samplernn("train", *flags, variables=variables, text=True)


def end_of(processes, timeout_s=120):
    """Return (exit status, stdout, stderr) of each; kill processes that do not end, and fail."""
    deadline = time.monotonic() + timeout_s
    while any(p.poll() is None for p in processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    late = [process for process in processes if process.poll() is None]
    for process in late:
        process.kill()
    ends = [(p.returncode, *p.communicate()) for p in processes]
    assert not late, f"did not end in {timeout_s} s: {ends}"
    return ends
