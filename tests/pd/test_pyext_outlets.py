"""Messages from Python classes to Pd, from handlers and from any thread."""

import pytest
from pyext_host import object_lines, open_object, open_pyext


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    with open_object(folder, "pyext outlet_classes Forms", num_outlets=2) as pd:
        yield pd


@pytest.mark.parametrize(
    "message, expected",
    [
        ("number", ["out: 5", "out: 0.5", "out: 1"]),
        ("text", ["out: symbol word", r"out: symbol two\ words", "out: symbol symbol"]),
        ("nothing", ["out: bang", "out: bang"]),
        ("message", ["out: sel a 2 0.5", "out: sel", "out: progress 0.25"]),
        ("sequence", ["out: 1 b 2.5", "out: 7 8", "out: list word 1"]),
        ("second", ["out2: 1", "out: 2"]),
    ],
)
def test_each_python_value_becomes_its_pd_message(forms, message, expected):
    forms.send("in", message)
    for line in expected:
        assert forms.wait_for(r"^.+$").group() == line


def test_what_is_no_pd_message_is_refused_with_the_reason(forms):
    forms.send("in", "wrong")
    for reason in (
        r"no outlet 3 \(there are 2",
        r"no outlet 0 \(",
        "at least 2 arguments",
        "object is not a Pd atom",
        "NoneType is not a Pd atom",
        "list is not a Pd atom",
        "after a selector comes a list, not int",
        "got int",
        "integer",
        "embedded null",
    ):
        assert "refused" in forms.wait_for(rf"^.*{reason}.*$").group()
    assert "accepted" not in forms.console


def test_objects_in_a_row_call_each_other(tmp_path):
    lines = ["#X obj 10 10 receive in"]
    lines += [f"#X obj 10 {40 + 20 * i} pyext outlet_classes Echo" for i in range(20)]
    lines += ["#X obj 10 500 print out", "#X connect 0 0 1 1", "#X connect 20 0 21 0"]
    lines += [f"#X connect {i} 0 {i + 1} 1" for i in range(1, 20)]
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("in", 4.5)
        pd.wait_for("^out: 4.5$")


@pytest.mark.parametrize("detach", [0, 1])
def test_a_hundred_thousand_messages_arrive_in_order(tmp_path, detach):
    lines = [
        "#X obj 10 10 receive in",
        f"#X obj 10 40 pyext outlet_classes Counter @detach {detach}",
        "#X obj 10 100 receive go",
        "#X obj 10 130 t b b",
        "#X msg 60 160 0",
        "#X msg 10 160 100000",
        "#X obj 10 190 until",
        "#X obj 10 220 f",
        "#X obj 60 220 + 1",
        "#X msg 10 250 number \\$1",
        "#X connect 0 0 1 1",
        "#X connect 2 0 3 0",
        "#X connect 3 1 4 0",
        "#X connect 4 0 7 1",
        "#X connect 3 0 5 0",
        "#X connect 5 0 6 0",
        "#X connect 6 0 7 0",
        "#X connect 7 0 8 0",
        "#X connect 8 0 7 1",
        "#X connect 7 0 9 0",
        "#X connect 9 0 1 1",
    ]
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("go")
        pd.send("in", "report")
        pd.wait_for("^counted 100000 in order True$", timeout_s=40)


def test_outlets_from_eight_threads_all_arrive_each_threads_in_order(tmp_path):
    lines = object_lines("pyext outlet_classes Threads", num_outlets=0)
    lines += ["#X obj 10 100 pyext outlet_classes Collector", "#X connect 1 0 2 1"]
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("in", "start", 8, 2000)
        found = pd.wait_for(r"^received (.*) faults 0 threaded 1$", timeout_s=40)
        assert found.group(1) == repr([(thread, 2000) for thread in range(8)])


def test_more_messages_than_the_queue_holds_all_arrive(tmp_path):
    lines = object_lines("pyext outlet_classes Threads", num_outlets=0)
    lines += ["#X obj 10 100 pyext outlet_classes Collector", "#X connect 1 0 2 1"]
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("in", "start", 1, 100000)
        pd.wait_for(r"^received \[\(0, 100000\)\] faults 0 threaded 1$", timeout_s=40)


def test_a_handler_does_not_overtake_its_thread(tmp_path):
    with open_object(tmp_path, "pyext outlet_classes HandlerAfterThread") as pd:
        pd.send("in")
        pd.wait_for("^out: 0\nout: 1\nout: 2\nout: symbol handler$")


def test_lines_that_threads_print_stay_whole(tmp_path):
    with open_object(tmp_path, "pyext outlet_classes Threads") as pd:
        pd.send("in", "print")
        found = {pd.wait_for(r"^thread (\d) prints 100%$").group(1) for _ in range(4)}
        assert found == {"0", "1", "2", "3"}
