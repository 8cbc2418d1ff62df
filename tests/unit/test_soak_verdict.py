"""What `make soak` finds wrong in what Pd printed and in the record of each second."""

import subprocess
import sys

import pytest

from bench.soak.verdict import Second, console_faults, growth_faults, growths
from bench.soak.watch import ConsoleWatch, WorkerWatch


def second(at_s, pd_mb=30.0, worker_mb=100.0, model="preludes, voices: 1", has_tensorflow=False):
    return Second(
        float(at_s), pd_mb, worker_mb, has_tensorflow, 1.0, model, True, 90.0, 100.0, 0, 0, 1
    )


@pytest.mark.parametrize(
    "line, fault",
    [
        ("Traceback (most recent call last):", "traceback"),
        ("status: error the worker was killed by signal 11 (load again)", "crashed"),
        ("status: error the worker ended with status 1: no memory", "crashed"),
        ("status: error the worker does not answer (unload \\, then load)", "hangs"),
        ("status: error the worker sent a wrong event: ...", "protocol"),
        ("status: error generate: KeyError in the worker: 7", "exception"),
    ],
)
def test_a_line_that_no_healthy_run_prints_is_a_fault(line, fault):
    (found,) = console_faults(line)
    assert fault in found
    assert line in found


@pytest.mark.parametrize(
    "line", ["status: error no model 'nan' (...)", "status: underrun 3", "samplernn: Errors"]
)
def test_errors_that_answer_a_message_are_no_faults(line):
    assert console_faults(line) == []


def test_memory_that_grows_is_a_fault_with_the_process_in_it():
    pd = [second(k, pd_mb=30 + k) for k in range(60)]
    worker = [second(k, worker_mb=100 + 4 * k) for k in range(60)]
    assert growth_faults(pd) == ["memory of pd has grown by 40 MB (at most 24)"]
    assert growth_faults(worker) == ["memory of worker has grown by 160 MB (at most 96)"]


def test_another_model_or_tensorflow_in_the_worker_is_no_growth():
    models = [second(k) for k in range(30)] + [
        second(k, worker_mb=500.0, model="large, voices: 2") for k in range(30, 60)
    ]
    packed = [second(k, worker_mb=700.0 * (k >= 30), has_tensorflow=k >= 30) for k in range(60)]
    assert growths(models) == growths(packed) == {"pd": 0.0, "worker": 0.0}


def test_the_console_tells_the_state_and_the_figures_of_a_second():
    watch = ConsoleWatch()
    text = "status: worker on\nstatus: loaded preludes 16000 2\nstatus: stream on\n"
    text += "status: streaming 90.5 2.1 0\nstatus: streaming 12 2.1 1\nstatus: underrun 1\n"
    watch.read(text + "status: error no suc", 1.0)
    assert (watch.is_streaming, watch.has_worker) == (True, True)
    assert watch.model == "preludes, voices: 2"
    assert watch.take_figures() == (12.0, 1, 0)
    watch.read(text + "status: error no such model\nstatus: stream off\n", 2.0)
    assert watch.take_figures() == (None, 0, 1)
    assert not watch.is_streaming


def test_a_stream_without_a_status_hangs():
    watch = ConsoleWatch()
    watch.read("status: stream on\n", 100.0)
    assert watch.hang_faults(114.0) == []
    assert watch.hang_faults(116.0) == ["a stream plays, and no status came for 15 s"]


def test_a_stream_that_never_begins_hangs():
    watch = ConsoleWatch()
    watch.read("status: stream on\nstatus: stream off\n", 10.0)
    for now_s in range(11, 102):
        watch.read(watch_text(now_s), float(now_s))
    (fault,) = watch.hang_faults(102.0)
    assert "none came within 90 s" in fault


def test_a_machine_that_is_too_slow_for_a_stream_is_no_hang():
    watch = ConsoleWatch()
    refusal = "status: error preludes generates at 0.7 times real time here\\, too slow to stream\n"
    watch.read(refusal, 100.0)
    assert watch.hang_faults(180.0) == []
    assert list(watch.answers.values()) == [1]


def watch_text(now_s):
    waiting = "status: stream waiting\n" * now_s
    return f"status: stream on\nstatus: stream off\n{waiting}"


def test_a_worker_that_outlives_its_replacement_is_left_over():
    program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    workers = WorkerWatch()
    assert workers.see([program.pid], 0.0) == program.pid
    assert workers.see([], 1.0) is None
    assert workers.orphan_faults(20.0) == []
    (fault,) = workers.orphan_faults(40.0)
    assert str(program.pid) in fault
    assert workers.left() == [program.pid]
    program.communicate(b"\n")
    assert workers.orphan_faults(50.0) == workers.left() == []
