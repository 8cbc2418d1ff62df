"""The worker's place among the programs of the machine, seen from outside."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from places import GRU, PROJECT

from sopilib.worker import priority
from sopilib.worker.priority import RealTime, can_be_real_time, leaves_processors

TIME_LIMIT_S = 60
PD_PRIORITY = 40
WITHOUT_RIGHT = ["setpriv", "--inh-caps=-sys_nice", "--bounding-set=-sys_nice"]

# Stands for Pd: it has a real-time class if it may, starts a worker, and prints the classes
# and nicenesses of the worker's threads before, in and after a stream.
_PD = """
import json, os, sys, time
from pathlib import Path
project, model, priority = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.path.insert(0, project)
from samplernn_pd.client import WorkerClient
from sopilib.protocol import messages

if priority:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
client = WorkerClient(sys.executable, project)

def wait_for(kind):
    while True:
        event = client.next_event()
        if isinstance(event, kind):
            return
        assert not isinstance(event, messages.Failure), event.text
        client.wait(0.1)

def classes():
    tasks = [int(task.name) for task in Path(f"/proc/{client.pid}/task").iterdir()]
    return sorted({(os.sched_getscheduler(task), os.sched_getparam(task).sched_priority,
                    os.getpriority(os.PRIO_PROCESS, task)) for task in tasks})

client.send(messages.Load(model))
wait_for(messages.Loaded)
found = [classes()]
client.send(messages.Generate(1, latency_s=0.1))
wait_for(messages.Chunk)
found.append(classes())
client.send(messages.Stop())
wait_for(messages.Stopped)
client.send(messages.SaveState(0))  # answered once the stream is over
wait_for(messages.State)
found.append(classes())
print(json.dumps(found), flush=True)
client.close()
"""


def classes_of_worker(pd_priority, *before):
    """Return the (class, priority, niceness) of its threads before, in and after a stream."""
    command = [*before, sys.executable, "-c", _PD, str(PROJECT), str(GRU), str(pd_priority)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    assert run.returncode == 0, run.stderr
    return [[tuple(one) for one in found] for found in json.loads(run.stdout)]


@pytest.mark.skipif(not can_be_real_time(), reason="this user has no right to real time")
def test_a_stream_runs_just_below_a_pd_in_real_time_and_ordinarily_before_and_after():
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    ordinary = [(os.SCHED_OTHER, 0, niceness)]
    expected = [ordinary, [(os.SCHED_RR, PD_PRIORITY - 1, niceness)], ordinary]
    assert classes_of_worker(PD_PRIORITY) == expected


def test_a_stream_of_an_ordinary_pd_is_as_nice_as_pd():
    ordinary = [(os.SCHED_OTHER, 0, os.getpriority(os.PRIO_PROCESS, 0))]
    without = WITHOUT_RIGHT if os.geteuid() == 0 and shutil.which("setpriv") else []
    assert classes_of_worker(0, *without) == [ordinary] * 3


@pytest.mark.parametrize(
    "num_processors, threads, expected", [(2, 2, False), (2, 1, True), (8, 7, False), (8, 4, True)]
)
def test_a_take_may_be_in_real_time_where_half_of_the_processors_stay_free(
    monkeypatch, num_processors, threads, expected
):
    monkeypatch.setattr(priority.os, "sched_getaffinity", lambda pid: set(range(num_processors)))
    assert leaves_processors(threads) == expected


def test_a_stream_that_becomes_too_slow_to_pause_is_ordinary_again(monkeypatch):
    scheduled = []
    monkeypatch.setattr(priority, "_lowest_real_time", lambda pid: 6)
    monkeypatch.setattr(priority, "_schedule", lambda *claim: scheduled.append(claim))
    with RealTime() as real_time:
        real_time.keep(1.11)
        assert scheduled == [(os.SCHED_RR, 5)]
        real_time.keep(1.09)
        real_time.keep(1.09)
        assert scheduled == [(os.SCHED_RR, 5), (os.SCHED_OTHER, 0)]
    assert len(scheduled) == 2
    with RealTime(is_wanted=False):
        assert len(scheduled) == 2


def test_a_stream_that_was_too_slow_tries_again_for_a_second_ever_more_seldom(monkeypatch):
    scheduled, now = [], [0.0]
    monkeypatch.setattr(priority, "_lowest_real_time", lambda pid: 6)
    monkeypatch.setattr(priority, "_schedule", lambda *claim: scheduled.append(claim))
    with RealTime(clock=lambda: now[0]) as real_time:
        changes = []
        for now[0] in np.arange(0, 40, 0.5):
            if real_time.keep(0.3 if now[0] < 30 else 1.5):
                changes.append(now[0])
        assert changes == [0, 2, 3, 7, 8, 16, 17, 33]  # left, in for 1 s, 2, 4, 8, 16 s of rest
        assert scheduled == [(os.SCHED_RR, 5), (os.SCHED_OTHER, 0)] * 4 + [(os.SCHED_RR, 5)]
