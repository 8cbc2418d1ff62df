"""The worker process seen from outside: how it starts and every way in which it ends."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest
from places import PROJECT
from processes import is_running, returns, wait_until_ended

from samplernn_pd import process
from samplernn_pd.client import WorkerClient, WorkerGone
from sopilib.protocol import codec as frames
from sopilib.protocol import messages as protocol

TIME_LIMIT_S = 60


def next_event(client, time_limit_s=TIME_LIMIT_S):
    deadline = time.monotonic() + time_limit_s
    while time.monotonic() < deadline:
        event = client.next_event()
        if event is not None:
            return event
        client.wait(0.1)
    raise AssertionError("no event")


@pytest.fixture
def client():
    client = WorkerClient(sys.executable, PROJECT)
    yield client
    client.close()


def test_the_worker_says_hello(client):
    assert next_event(client).protocol == protocol.PROTOCOL_VERSION


def test_a_killed_worker_is_reported_with_its_signal(client):
    next_event(client)
    os.kill(client.pid, signal.SIGKILL)
    assert next_event(client).reason == "the worker was killed by signal 9 (load again)"


def test_close_ends_the_process_and_its_events(client):
    next_event(client)
    pid = client.pid
    client.close()
    wait_until_ended(pid)
    time.sleep(0.2)
    assert client.next_event() is None


@pytest.mark.parametrize(
    "python, quoted",
    [
        ("/no/such/python", "No such file"),
        ("/bin", "Permission denied"),
        ("/bin/false", "status 1"),
    ],
)
def test_a_wrong_python_is_reported_in_one_line(python, quoted):
    client = WorkerClient(python, PROJECT)
    event = next_event(client)
    assert isinstance(event, WorkerGone)
    assert quoted in event.reason
    assert "\n" not in event.reason
    client.close()


def script(path, *lines):
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def test_a_program_that_is_no_worker_is_ended_at_its_first_word(tmp_path):
    client = WorkerClient(script(tmp_path / "python", "echo Welcome", "exec sleep 60"), PROJECT)
    assert "is not a Python that can run the worker" in next_event(client).reason
    wait_until_ended(client.pid)
    client.close()


def test_a_worker_that_cannot_begin_is_reported_with_the_last_line_of_its_log(tmp_path):
    python = script(tmp_path / "python", "echo one >&2", "echo no module two >&2", "exit 3")
    client = WorkerClient(python, PROJECT)
    assert next_event(client).reason == "the worker ended with status 3: no module two"
    client.close()


def test_the_worker_has_no_part_in_the_real_time_of_its_parent(tmp_path):
    """A Pd in real time starts the worker: with or without that right, the worker is ordinary."""
    python = script(
        tmp_path / "python", f'exec chrt --rr 5 {sys.executable} "$@" || exec {sys.executable} "$@"'
    )
    client = WorkerClient(python, PROJECT)
    next_event(client)
    assert os.sched_getscheduler(client.pid) == os.SCHED_OTHER
    client.close()


def test_a_python_home_of_pd_is_not_the_workers(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    client = WorkerClient(sys.executable, PROJECT)
    assert next_event(client).protocol == protocol.PROTOCOL_VERSION
    client.close()


def test_a_large_message_does_not_wait_for_a_worker_that_never_reads(tmp_path):
    client = WorkerClient(script(tmp_path / "python", "exec sleep 600"), PROJECT)
    message = protocol.Generate(1, 1.0, payload=bytes(64 << 20))
    assert returns(lambda: client.send(message))
    client.close()


class CountingPipe(io.RawIOBase):
    """A pipe that counts how often it is read."""

    def __init__(self, pipe):
        self.pipe, self.num_reads = pipe, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        self.num_reads += 1
        return self.pipe.readinto(buffer)


def test_the_log_of_a_worker_is_read_in_large_pieces(tmp_path, monkeypatch):
    """It is read within Pd, where a read for each byte takes much of a processor."""
    popen, pipes = process._popen, []

    def counting(words):
        started = popen(words)
        started.stderr = CountingPipe(started.stderr)
        pipes.append(started.stderr)
        return started

    monkeypatch.setattr(process, "_popen", counting)
    command = "head -c 300000 /dev/zero >&2; echo >&2; echo why >&2; exit 3"
    client = WorkerClient(script(tmp_path / "python", command), PROJECT)
    assert "status 3: why" in next_event(client).reason
    (pipe,) = pipes
    assert pipe.num_reads < 300


def test_the_worker_ends_when_its_parent_is_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(PROJECT)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    wait_until_ended(pid)
    parent.stdout.close()


_PARENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from samplernn_pd.client import WorkerClient
client = WorkerClient(sys.executable, sys.argv[1])
while client.next_event() is None:
    client.wait(0.1)
print(client.pid, flush=True)
time.sleep(60)
"""


def test_bytes_that_are_no_frame_end_the_worker():
    worker = subprocess.Popen(
        [sys.executable, "-m", "sopilib.worker"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _, log = worker.communicate(b"GET / HTTP/1.0\r\n\r\n", timeout=TIME_LIMIT_S)
    assert b"not a frame" in log


def test_the_worker_hangs_up_on_another_protocol():
    worker = subprocess.Popen(
        [sys.executable, "-m", "sopilib.worker"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    worker.stdin.write(frames.encode(protocol.Hello(99, "9.9")))
    worker.stdin.flush()
    *_, failure = frames.Decoder().feed(worker.stdout.read())
    assert "protocol 99" in failure.text
    assert worker.wait(TIME_LIMIT_S) == 1
    worker.stdin.close()
    worker.stdout.close()
