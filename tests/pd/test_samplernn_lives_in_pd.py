"""The life cycle of the class in a real Pd: detached, stopped, killed, closed, quit."""

import os
import re
import signal
import sys
import time

import numpy as np
import pytest
from class_in_pd import GRU, LOAD_LIMIT_S, PATCHES, TAKE_LIMIT_S, ClassInPd
from processes import wait_until_ended
from pythons import (
    INSTALLED,
    command_line,
    copy_library,
    make_environment,
    python_of,
    site_packages,
)


def test_an_array_made_too_short_in_mid_take_stops_the_take():
    with ClassInPd() as pd:
        pd.load()
        pd.begin_long_take()
        pd.send("sound1", "resize", 100)
        pd.status("error .*sound1.*")
        pd.status(r"stopped sound1 16000 \d+")


def test_the_older_form_detached_and_without_polls_ends_with_its_generated_messages(loader):
    with ClassInPd("class-detached.pd", loader) as pd:
        pd.message(f"load --python {sys.executable} -- --num_seqs 2 {GRU}")
        pd.message(
            "generate --out_sr 16000 --dur 0.05 --temp 0.8 --out sound1 --temp 1 --out sound2"
        )
        pd.status("loaded gru_mulaw 16000 2", LOAD_LIMIT_S)
        pd.status("generated sound1 16000 800")
        pd.status("generated sound2 16000 800")
        for name in ("sound1", "sound2"):
            assert pd.samples(name).size == 800
            assert np.ptp(pd.samples(name)) > 0.1


@pytest.mark.parametrize("detach", [1, 2])
def test_a_long_detached_take_tells_its_progress_and_ends(tmp_path, loader, detach):
    patch = (PATCHES / "class-detached.pd").read_text().replace("@detach 1", f"@detach {detach}")
    (tmp_path / "class.pd").write_text(patch)
    with ClassInPd(tmp_path / "class.pd", loader) as pd:
        pd.load()
        pd.message("generate --dur 20 --out sound1")
        for _ in range(10):
            pd.status("progress .*")
            if detach == 2:
                pd.message("temperature 0.9")
        pd.status("generated sound1 16000 320000", TAKE_LIMIT_S)


def test_an_error_that_is_answered_with_a_load_does_not_go_round_in_pd(tmp_path):
    patch = (PATCHES / "class-polled.pd").read_text()
    (tmp_path / "class.pd").write_text(
        patch + "#X obj 130 300 route error;\n#X msg 130 330 load nowhere-else;\n"
        "#X connect 4 0 10 0;\n#X connect 10 0 11 0;\n#X connect 11 0 4 1;\n"
    )
    with ClassInPd(tmp_path / "class.pd") as pd:
        pd.message("load nowhere")
        for _ in range(3):
            pd.status("error no model 'nowhere-else'.*", LOAD_LIMIT_S)
        assert "Traceback" not in pd.console
        assert "is being loaded" not in pd.console


def test_continue_needs_a_take_that_has_begun():
    with ClassInPd() as pd:
        pd.load()
        pd.message("generate --temp Env(1 --out sound1")
        pd.status("error .*Env.*")
        pd.message("continue sound1")
        pd.status("error continue: there is no take.*")


@pytest.mark.realtime
def test_stop_ends_a_take_within_a_fifth_of_a_second(loader):
    with ClassInPd("class-stopwatch.pd", loader) as pd:
        pd.load()
        times_ms = []
        for _ in range(3):
            pd.begin_long_take()
            pd.send("stop-now")
            times_ms.append(float(pd.wait_for(r"^stopped-after-ms: (\S+)$")[1]))
        assert max(times_ms) < 200


def test_messages_before_a_load_or_during_it_get_an_error():
    with ClassInPd() as pd:
        for message in ("generate sound1", "stop", "continue sound1"):
            pd.message(message)
            pd.status("error .*")
        pd.message("load ../../checkpoints/gru_mulaw")  # relative to the patch
        pd.message(f"load {GRU}")
        pd.status("error load: a model is being loaded.*")
        pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        pd.message("continue sound1")
        pd.status("error continue: there is no take.*")


def wait_for_worker(pd):
    """Return the process number of the worker once Pd has started it."""
    deadline = time.monotonic() + LOAD_LIMIT_S
    while not (pids := pd.worker_pids()):
        assert time.monotonic() < deadline, "Pd has started no worker"
        time.sleep(0.01)
    return pids[0]


def worker_statuses(pd):
    """Return the statuses about the worker and models so far, a list of str."""
    pd.sync()
    words = ("worker", "loaded", "error")
    lines = [line.split() for line in pd.console.splitlines() if line.startswith("status: ")]
    return [" ".join(line[1:]) for line in lines if line[1] in words]


def test_the_worker_is_on_while_a_model_is_ready_and_goes_off_and_on_at_a_second_load():
    with ClassInPd() as pd:
        pd.message("load no-such-folder")
        pd.status("error no model 'no-such-folder'.*", LOAD_LIMIT_S)
        assert "worker on" not in worker_statuses(pd)
        for voices in (1, 2):
            pd.load(voices)
        pd.message("load no-such-folder")  # the old model stays
        pd.status("error no model 'no-such-folder'.*", LOAD_LIMIT_S)
        for _ in range(2):
            pd.message("unload")
            pd.status("worker off")
        told = [line for line in worker_statuses(pd) if not line.startswith("error")]
    assert told == [
        "worker on",
        "loaded gru_mulaw 16000 1",
        "worker off",
        "worker on",
        "loaded gru_mulaw 16000 2",
        "worker off",
        "worker off",
    ]


def test_a_killed_worker_is_told_and_the_next_load_works(loader):
    with ClassInPd(loader=loader) as pd:
        pd.load()
        pd.begin_long_take()
        os.kill(pd.worker_pids()[0], signal.SIGKILL)
        pd.status("error the worker was killed by signal 9 .*")
        done = int(pd.status(r"stopped sound1 16000 (\d+)")[1])
        pd.status("worker off")
        assert np.any(pd.samples("sound1")[:done])
        pd.load()


def test_unload_in_mid_take_keeps_what_is_finished_and_ends_the_worker():
    with ClassInPd() as pd:
        pd.load()
        (worker,) = pd.worker_pids()
        pd.begin_long_take()
        pd.message("unload")
        pd.status("error unload during a take.*")
        pd.status(r"stopped sound1 16000 \d+")
        pd.status("worker off")
        wait_until_ended(worker)
        pd.load()


@pytest.mark.parametrize("patch", ["class-polled.pd", "class-detached.pd"])
def test_a_take_is_saved_although_its_model_is_unloaded_at_once(tmp_path, patch):
    path = tmp_path / "take.wav"
    with ClassInPd(patch) as pd:
        pd.load()
        (worker,) = pd.worker_pids()
        pd.message("length 0.5")
        pd.message("generate sound1")
        pd.status("generated sound1 16000 8000")
        pd.message(f"save {path}")
        pd.message("unload")
        wait_until_ended(worker)
        pd.sync()
        assert {f"status: saved {path}", "status: worker off"} <= set(pd.console.splitlines())
        assert path.exists() and pd.console.count("status: error") == 0


def test_a_wrong_python_is_told_and_the_installations_goes_on():
    with ClassInPd() as pd:
        pd.message(f"load --python /no/such/python -- --num_seqs 1 --ckpt_dir {GRU}")
        pd.status("notice cannot start Python '/no/such/python'.* is used instead")
        pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        assert not re.search(r"^status: error", pd.console, re.MULTILINE)


@pytest.mark.parametrize("patch", ["class-polled.pd", "class-detached.pd"])
def test_a_python_that_is_too_old_is_told_and_the_installations_goes_on(patch):
    python = python_of("3.8")
    with ClassInPd(patch) as pd:
        pd.message(f"load --python {python} -- --num_seqs 1 --ckpt_dir {GRU}")
        pd.status(r"notice Python 3\.8\.\d+ at .* cannot run the worker .* is used instead")
        pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        pd.message("generate --dur 0.05 --out sound1")
        pd.status("generated sound1 16000 800")


def test_a_python_that_has_another_sopilib_runs_the_worker(tmp_path):
    python = make_environment(tmp_path / "env", INSTALLED)
    other = site_packages(tmp_path / "env") / "sopilib"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('the package of another project')\n")
    with ClassInPd() as pd:
        pd.message(f"load --python {python} -- --num_seqs 1 --ckpt_dir {GRU}")
        pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        (worker,) = pd.worker_pids()
        assert command_line(worker)[0] == python
        assert "is used instead" not in pd.console


def test_where_no_python_can_serve_the_worker_is_off_and_the_next_load_works(tmp_path):
    """Return a copy of the class whose recorded Python is gone, like a deleted environment."""
    library = copy_library(tmp_path / "library")
    (library / "samplernn_pd" / "worker_python.txt").write_text("/gone/bin/python\n")
    with ClassInPd(library=library) as pd:
        pd.message(f"load --python /no/such/python -- --num_seqs 1 --ckpt_dir {GRU}")
        pd.status("notice cannot start Python '/no/such/python'.*")
        pd.status("error cannot start Python '/gone/bin/python'.*")
        pd.status("worker off")
        pd.load()


@pytest.mark.parametrize("state", ["idle", "loading", "generating"])
@pytest.mark.parametrize("end", ["quit", "kill"])
def test_no_worker_outlives_pd(loader, state, end):
    with ClassInPd(loader=loader) as pd:
        pd.message(f"load {GRU}")
        if state != "loading":
            pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        if state == "generating":
            pd.begin_long_take()
        worker = wait_for_worker(pd)
        if end == "quit":
            assert pd.quit() == 0
        else:
            os.kill(pd.pid, signal.SIGKILL)
        wait_until_ended(worker)


def test_a_closed_patch_ends_its_worker_and_pd_goes_on(loader):
    with ClassInPd(loader=loader) as pd:
        pd.load()
        (worker,) = pd.worker_pids()
        pd.begin_long_take()
        pd.send("pd-class-polled.pd", "menuclose", 1)
        wait_until_ended(worker)
        pd.sync()
        assert pd.returncode is None
