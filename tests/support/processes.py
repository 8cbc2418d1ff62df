"""Wait for processes in tests."""

import threading
import time
from pathlib import Path

LIMIT_S = 30  # of whatever is done at once on a machine that is not busy


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until_ended(pid):
    """Wait for a process to end; the limit is for one that never does, not for a slow machine."""
    deadline = time.monotonic() + LIMIT_S
    while is_running(pid):
        assert time.monotonic() < deadline, f"worker {pid} still runs"
        time.sleep(0.02)


def returns(call):
    """Return whether `call` returns, in a thread of its own, within the limit of a slow machine."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    return not thread.is_alive()
