"""Objects deleted, patches closed and Pd quit in every state: no crash, hang or leak."""

import pathlib
import sys

import pytest
from pd_host import write_patch
from pyext_host import open_object, open_pyext

HOLDER = (
    "#X obj 10 10 receive unused",
    "#N canvas 0 0 300 200 holder 0",
    "#X restore 10 40 pd holder",
)


def put_object(pd, creation):
    """Create `receive in`, the object and `print out` within the subpatch `holder`."""
    pd.send("pd-holder", "obj", 10, 10, "receive", "in")
    pd.send("pd-holder", "obj", 10, 40, "pyext", *creation.split())
    pd.send("pd-holder", "obj", 10, 70, "print", "out")
    pd.send("pd-holder", "connect", 0, 0, 1, 1)
    pd.send("pd-holder", "connect", 1, 0, 2, 0)
    pd.sync()


def clear(pd):
    pd.send("pd-holder", "clear")
    pd.sync()


def test_deleting_an_object_calls_del_on_pds_thread(tmp_path):
    with open_pyext(tmp_path, *HOLDER) as pd:
        put_object(pd, "detach_classes Stubborn")
        clear(pd)
        pd.wait_for("^deleted 1 True$")


@pytest.mark.parametrize("detach", [1, 2])
def test_a_handler_that_watches_ends_before_del(tmp_path, detach):
    with open_pyext(tmp_path, *HOLDER) as pd:
        put_object(pd, f"detach_classes Stubborn @detach {detach}")
        pd.send("in", "watch")
        pd.wait_for("^watching$")
        clear(pd)
        pd.wait_for("^deleted 1 True$")
        pd.wait_for("^handler has seen it$")
        assert "still runs" not in pd.console
        assert "out:" not in pd.console


@pytest.mark.parametrize("detach", [1, 2])
def test_a_handler_that_does_not_watch_is_left_behind_safely(tmp_path, detach):
    with open_pyext(tmp_path, *HOLDER) as pd:
        put_object(pd, f"detach_classes Stubborn @detach {detach}")
        pd.send("in", "stuck", 2)
        pd.wait_for("^stuck$")
        clear(pd)
        pd.wait_for("Stubborn: a handler still runs after the object is gone")
        pd.wait_for("^deleted 1 True$")
        put_object(pd, f"detach_classes Stubborn @detach {detach}")
        pd.send("in", "hello")
        pd.wait_for("^hello from False$")
        assert "stuck handler ends" not in pd.console
        pd.wait_for(f"^stuck handler ends 1 {tmp_path}$")
        pd.send("in", "hello")
        pd.wait_for("^hello from False$")
        assert "out:" not in pd.console


def test_a_thread_that_floods_an_outlet_does_not_stop_deletion(tmp_path):
    with open_pyext(tmp_path, *HOLDER) as pd:
        for _ in range(3):
            put_object(pd, "detach_classes Stubborn @detach 1")
            pd.send("in", "flood")
            pd.wait_for("^flooding$")
            pd.wait_for("^out: flood 1 x$")
            clear(pd)
            pd.wait_for("^deleted 1 True$")
            pd.wait_for("^flood ends$")


def test_messages_queued_for_a_closed_patch_are_dropped(tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    write_patch(
        folder,
        "#X obj 10 10 receive in",
        "#X obj 10 40 pyext detach_classes Stubborn @detach 1",
        "#X connect 0 0 1 1",
        name="inner.pd",
    )
    with open_pyext(tmp_path, *HOLDER) as pd:
        pd.send("pd", "open", "inner.pd", folder)
        pd.sync()
        for number in range(1000):
            pd.send("in", "number", number)
        pd.wait_for("^number 2$")
        pd.send("pd-inner.pd", "menuclose", 1)
        pd.wait_for("^deleted 1 True$")
        pd.sync()
        assert "number 999" not in pd.console
        put_object(pd, "detach_classes Stubborn @detach 1")
        pd.send("in", "hello")
        pd.wait_for("^hello from False$")


def resident_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_hundred_times_opening_and_closing_a_patch_leaks_nothing(tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    write_patch(
        folder,
        "#X obj 10 10 receive in",
        "#X obj 10 40 pyext outlet_classes Threads @detach 1",
        "#X obj 10 70 pyext outlet_classes Collector",
        "#X obj 10 100 pyext array_classes Arrays",
        "#X obj 10 130 table first 100",
        "#X connect 0 0 1 1",
        "#X connect 1 0 2 1",
        name="inner.pd",
    )
    with open_pyext(tmp_path, *HOLDER) as pd:

        def cycle():
            pd.send("pd", "open", "inner.pd", folder)
            pd.send("in", "start", 2, 20)
            pd.sync()
            pd.send("pd-inner.pd", "menuclose", 1)
            pd.sync()

        for _ in range(50):
            cycle()
        before_kb = resident_kb(pd.pid)
        for _ in range(150):
            cycle()
        assert resident_kb(pd.pid) - before_kb < 2000
        assert pd.quit() == 0


QUIT_STATES = {
    "an idle object": ("detach_classes Stubborn", [], "deleted 1"),
    "a detached handler that watches": (
        "detach_classes Stubborn @detach 1",
        [("watch",)],
        "deleted 1",
    ),
    "a handler thread that watches": (
        "detach_classes Stubborn @detach 2",
        [("watch",)],
        "deleted 1",
    ),
    "a stuck handler": ("detach_classes Stubborn @detach 1", [("stuck", 60)], "deleted 1"),
    "stuck handlers in many threads": (
        "detach_classes Stubborn @detach 2",
        [("stuck", 60)] * 20,
        "deleted 1",
    ),
    "a full detached queue": (
        "detach_classes Stubborn @detach 1",
        [("number", number) for number in range(3000)],
        "deleted 1",
    ),
    "threads that flood": ("detach_classes Stubborn @detach 2", [("flood",)] * 3, "deleted 1"),
    "threads that send": ("outlet_classes Threads", [("start", 8, 100000)], None),
    "a child process": ("process_classes Worker", [], "child ended 0\natexit ran"),
}


@pytest.mark.parametrize("state", QUIT_STATES)
def test_pd_quits_in_every_state(tmp_path, state):
    creation, messages, last_words = QUIT_STATES[state]
    with open_object(tmp_path, f"pyext {creation}", num_outlets=0) as pd:
        for message in messages:
            pd.send("in", *message)
        pd.sync()
        assert pd.quit() == 0
        assert last_words is None or last_words in pd.console


def test_pd_quits_from_within_a_handler(tmp_path):
    with open_object(
        tmp_path,
        "pyext outlet_classes Echo",
        "#X msg 10 100 \\; pd quit",
        "#X obj 10 130 pyext detach_classes Stubborn",
        "#X connect 1 0 3 0",
    ) as pd:
        pd.send("in", 1)
        pd.wait_for("^deleted 1")
        assert pd.wait() == 0


def test_pd_quits_while_del_hangs(tmp_path):
    (tmp_path / "hanging.py").write_text(
        "import pyext, time\nclass Hanging(pyext._class):\n"
        "    def _del(self): print('hanging'); time.sleep(100)\n"
    )
    with open_pyext(tmp_path, "#X obj 10 10 pyext hanging Hanging") as pd:
        assert pd.quit() == 0
        assert "hanging" in pd.console


def test_processes_can_be_started_from_threads(tmp_path):
    with open_object(tmp_path, "pyext process_classes Starter") as pd:
        pd.send("in", "start", sys.executable, 8, 5)
        pd.wait_for("^out: answers 40 40$", timeout_s=60)


@pytest.mark.parametrize("detach", [0, 1])
def test_children_take_signals_and_a_broken_pipe_raises(tmp_path, detach):
    with open_object(tmp_path, f"pyext process_classes Starter @detach {detach}") as pd:
        pd.send("in", "pipe")
        pd.wait_for("^broken pipe raised$")
        pd.send("in", "terminate")
        pd.wait_for("^terminated True$")
        pd.send("in", "fork")
        pd.wait_for("^forked 7$")
