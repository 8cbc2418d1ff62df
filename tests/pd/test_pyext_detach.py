"""Detached handlers: their threads, their order, and which run at the same time."""

import time

import pytest
from pyext_host import object_lines, open_object, open_pyext

CONTROL = ("#X obj 10 90 receive control", "#X connect 3 0 1 0")


def done_numbers(pd, count, where):
    return [int(pd.wait_for(rf"^out: done only (\d+) {where}$").group(1)) for _ in range(count)]


def test_handlers_run_on_pds_thread_by_default(tmp_path):
    with open_object(tmp_path, "pyext detach_classes Recorder") as pd:
        for number in range(5):
            pd.send("in", "note", number, 0.001)
        assert done_numbers(pd, 5, "1 0") == [0, 1, 2, 3, 4]
        pd.send("in", "report")
        pd.wait_for("^most 1 threads 1$")


def test_detach_1_runs_one_handler_after_the_other_on_another_thread(tmp_path):
    with open_object(tmp_path, "pyext detach_classes Recorder @detach 1") as pd:
        for number in range(20):
            pd.send("in", "note", number, 0.1 if number == 0 else 0.001)
        assert done_numbers(pd, 20, "0 1") == list(range(20))
        pd.send("in", "report")
        pd.wait_for("^most 1 threads 1$")


def test_detach_1_is_one_queue_for_all_objects(tmp_path):
    lines = object_lines("pyext detach_classes Recorder a @detach 1", receiver="a")
    lines += object_lines("pyext detach_classes Recorder b @detach 1", 3, receiver="b")
    lines.sort(key=lambda line: line.startswith("#X connect"))
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("a", "note", 1, 0.2)
        pd.send("b", "note", 2, 0)
        pd.send("a", "note", 3, 0)
        for name, number in (("a", 1), ("b", 2), ("a", 3)):
            assert pd.wait_for(r"^out: done (.) (\d)").groups() == (name, str(number))


def test_detach_1_keeps_its_thread(tmp_path):
    with open_object(tmp_path, "pyext detach_classes Recorder @detach 1") as pd:
        pd.send("in", "local", 1)
        pd.send("in", "local", 2)
        pd.wait_for("^local none 1$")
        pd.wait_for("^local 1 2$")


def test_detach_2_runs_every_handler_in_a_thread_of_its_own(tmp_path):
    with open_object(tmp_path, "pyext detach_classes Recorder @detach 2") as pd:
        for number in range(10):
            pd.send("in", "note", number, 0.5)
        assert sorted(done_numbers(pd, 10, "0 1")) == list(range(10))
        pd.send("in", "report")
        assert int(pd.wait_for(r"^most (\d+) threads \d+$").group(1)) > 1


def test_too_many_threads_are_refused_with_a_line(tmp_path):
    with open_object(tmp_path, "pyext detach_classes Recorder @detach 2") as pd:
        for number in range(600):
            pd.send("in", "note", number, 1)
        pd.wait_for(r"'note' dropped, too many messages or threads wait \(")
        assert len(done_numbers(pd, 512, "0 1")) == 512


@pytest.mark.parametrize("before, after", [(0, 1), (1, 0), (0, 2), (2, 0)])
def test_detach_can_be_changed_by_a_message(tmp_path, before, after):
    where = {0: "1 0", 1: "0 1", 2: "0 1"}
    with open_object(tmp_path, f"pyext detach_classes Recorder @detach {before}", *CONTROL) as pd:
        pd.send("in", "note", 1, 0)
        done_numbers(pd, 1, where[before])
        pd.send("control", "detach", after)
        pd.send("in", "note", 2, 0)
        done_numbers(pd, 1, where[after])


def test_pd_goes_on_while_a_detached_handler_runs(tmp_path):
    with open_object(
        tmp_path,
        "pyext detach_classes Recorder @detach 1",
        "#X obj 10 120 receive other",
        "#X obj 10 150 print other",
        "#X connect 3 0 4 0",
    ) as pd:
        pd.send("in", "note", 1, 1)
        pd.send("other")
        pd.sync()
        pd.wait_for("other: bang")
        assert "done" not in pd.console
        done_numbers(pd, 1, "0 1")


def test_an_exception_in_a_detached_handler_is_printed_and_the_next_one_runs(tmp_path):
    with open_object(tmp_path, "pyext dispatch_classes Raises @detach 1", num_outlets=0) as pd:
        pd.send("in", "wrong")
        pd.send("in", "leave")
        pd.send("in", "alive")
        pd.wait_for("^RuntimeError: a defect$")
        pd.wait_for("^SystemExit: 3$")
        pd.wait_for("^still alive$")


@pytest.mark.parametrize("mode", [1, 2])
def test_an_object_deleted_while_its_handler_writes_into_arrays_does_not_stop_pd(tmp_path, mode):
    """The handler waits for Pd's thread, which waits for it: it must get what it asks for.

    It always waits for the length of an array when the object is deleted, and asks for those
    of the rest of its six before it looks whether to exit.
    """
    names = [f"sound{k}" for k in range(6)]
    lines = (
        "#N canvas 60 60 400 200 instrument 0",
        "#X obj 20 20 receive in",
        f"#X obj 20 60 pyext detach_classes Writes @detach {mode}",
        "#X connect 0 0 1 1",
        "#X restore 20 20 pd instrument",
        *(f"#X obj 200 {30 * k} array define {name} 64" for k, name in enumerate(names)),
    )
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("in", "write", *names)
        pd.wait_for("^writing$")
        began = time.monotonic()
        pd.send("pd-instrument", "clear")
        pd.sync()
        stood_still_s = time.monotonic() - began
        pd.wait_for("^wrote whole rounds$")
        assert "Error" not in pd.console
        assert stood_still_s < 0.25  # more than half a second if it waits in vain
