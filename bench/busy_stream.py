"""Count the underruns of a stream while other programs keep the processors busy.

    python bench/busy_stream.py [--dur 120] [--latency 100] [--others 2]

A real Pd without a window or sound card plays `[samplernn~ preludes]` beside spinning
programs of ordinary priority. A row for each way in which the worker can claim a
processor: as until version 0.1 (niceness 5), as nice as Pd, and as the system allows
(`sopilib.worker.priority`: just below Pd's real time, where Pd has it).
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
_SPIN = [sys.executable, "-c", "while True: pass"]
_LEFT_ALONE = None
_CLAIMS = {"niceness 5": 5, "niceness 0": 0, "as the system allows": _LEFT_ALONE}


def main():
    args = _arguments()
    print(f"{args.others} others, {args.dur:g} s at {args.latency:g} ms")
    print("| claim | class of the worker | underruns |\n|---|---|---|")
    for claim, niceness in _CLAIMS.items():
        found, underruns = _play(args, niceness)
        print(f"| {claim} | {found} | {underruns} |", flush=True)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dur", type=float, default=120.0, help="seconds of each stream")
    parser.add_argument("--latency", type=float, default=100.0, help="in ms")
    parser.add_argument("--others", type=int, default=2, help="spinning programs")
    return parser.parse_args()


def _play(args, niceness):
    """Return the class of the worker in a stream and how often the stream ran out of sound."""
    score = [
        f"0 live-stream latency {args.latency}",
        "0 pd dsp 1",
        "0 live-stream 1",
        f"{1e3 * args.dur} live-stream 0",
        "500 pd quit",
    ]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as others:
        file = Path(folder, "score.txt")
        file.write_text(";\n".join(score) + ";\n")
        with _pd(file) as pd:
            _wait_for(pd, "live: stream on")
            worker = _worker_of(pd.pid)
            if niceness is not _LEFT_ALONE:
                _claim(worker, niceness)
            found = _class_of(worker)
            for _ in range(args.others):
                others.enter_context(_spinning())
            return found, sum("live: underrun" in line for line in pd.stdout)


@contextlib.contextmanager
def _pd(score):
    command = ["pd", "-nogui", "-noprefs", "-nosound", "-rt", "-stderr", "-r", "44100"]
    command += ["-send", f"live-score {score}", str(FOLDER / "live.pd")]
    env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=env, **pipes) as pd:
        try:
            yield pd
        finally:
            pd.kill()


@contextlib.contextmanager
def _spinning():
    program = subprocess.Popen(_SPIN)
    try:
        yield
    finally:
        program.kill()
        program.wait()


def _wait_for(pd, text):
    for line in pd.stdout:
        if text in line:
            return
    raise SystemExit(f"Pd has ended without {text!r}")


def _worker_of(pd_pid):
    """Return the process ID of the worker that this Pd has started."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == pd_pid and "sopilib.worker" in folder.joinpath("cmdline").read_text():
                return int(folder.name)
    raise SystemExit("Pd has no worker")


def _tasks(pid):
    return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]


def _claim(pid, niceness):
    """Make all threads of a process ordinary, with a niceness."""
    for task in _tasks(pid):
        os.sched_setscheduler(task, os.SCHED_OTHER, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, task, niceness)


def _class_of(pid):
    if os.sched_getscheduler(pid) == os.SCHED_OTHER:
        return f"ordinary, niceness {os.getpriority(os.PRIO_PROCESS, pid)}"
    return f"real time, priority {os.sched_getparam(pid).sched_priority}"


if __name__ == "__main__":
    main()
