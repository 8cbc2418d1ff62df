"""Wait for processes in tests."""

import time
from pathlib import Path


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until_ended(pid, time_limit_s):
    deadline = time.monotonic() + time_limit_s
    while is_running(pid):
        assert time.monotonic() < deadline, f"worker {pid} still runs"
        time.sleep(0.02)
