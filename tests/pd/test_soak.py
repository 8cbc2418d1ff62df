"""`make soak` for 20 s, with two small models."""

import json
import os
import signal

import pytest
from places import GRU, LSTM
from processes import is_running

from bench.soak import run as soak_run
from bench.soak.report import plot, summary, write_json

TIME_S = 20


def test_random_messages_for_20_s_lead_to_no_fault(tmp_path):
    run = soak_run.soak(TIME_S, [GRU, LSTM], tmp_path, rng_seed=1)
    assert run.faults == []
    assert len(run.seconds) >= TIME_S - 3
    figures = summary(run)
    assert figures["messages"] > TIME_S / 2
    assert figures["seconds_streaming"] > TIME_S / 10  # the rest are loads on a busy machine
    assert all(second.pd_mb > 5 for second in run.seconds)
    assert sum(second.worker_mb is not None for second in run.seconds) > TIME_S / 2
    write_json(run, {"rng_seed": 1}, tmp_path / "soak.json")
    plot(run, tmp_path / "soak.png")
    written = json.loads((tmp_path / "soak.json").read_text())
    assert written["summary"] == figures
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("victim, fault", [("Pd", "Pd "), ("worker", "the worker has crashed")])
def test_a_process_that_crashes_ends_the_run_with_a_fault(tmp_path, monkeypatch, victim, fault):
    pids = []

    class Attacker(soak_run.Performer):
        """A performer that kills a process of Pd's as soon as there is a worker."""

        def messages(self):
            (pd,) = pds
            if not pids and (workers := pd.worker_pids()):
                pids.append(pd.pid if victim == "Pd" else workers[0])
                os.kill(pids[0], signal.SIGSEGV)
            return []

    pds = []

    class Watched(soak_run.LivePatch):
        """A Pd that the performer knows."""

        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            pds.append(self)

    monkeypatch.setattr(soak_run, "Performer", Attacker)
    monkeypatch.setattr(soak_run, "LivePatch", Watched)
    run = soak_run.soak(60, [GRU], tmp_path)
    assert pids and not is_running(pids[0])
    assert fault in run.faults[0]
    assert len(run.seconds) < 30
