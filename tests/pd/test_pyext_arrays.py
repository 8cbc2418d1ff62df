"""pyext.Buffer: Pd arrays from Python, on Pd's thread and on others."""

import pytest
from pyext_host import object_lines, open_object, open_pyext

TABLES = ("#X obj 10 90 table first 4", "#X obj 10 120 table second 4")


@pytest.fixture(params=[0, 1], ids=["on Pd's thread", "on another thread"])
def arrays(request, tmp_path):
    with open_object(tmp_path, "pyext array_classes Arrays", *TABLES) as pd:
        pd.send("in", "thread", request.param)
        yield pd


def do(pd, job, *args):
    pd.send("in", job, *args)
    pd.wait_for(f"^out: done {job}$")


def test_a_view_shows_the_samples_of_the_array(arrays):
    arrays.send("first", 0, 0.5, -0.25, 1, 2)
    arrays.send("in", "describe", "first")
    arrays.wait_for(r"^described 4 f 4 16 False \[0\.5, -0\.25, 1\.0, 2\.0\]$")


def test_what_is_written_into_a_view_is_in_the_array(arrays):
    do(arrays, "write", "first", 1, 0.5, -0.25)
    assert arrays.array("first").tolist() == [0, 0.5, -0.25, 0]
    do(arrays, "write", "first", 0, 7)
    do(arrays, "write", "second", 3, 8)
    assert arrays.array("first").tolist() == [7, 0.5, -0.25, 0]
    assert arrays.array("second").tolist() == [0, 0, 0, 8]


def test_a_slice_that_is_assigned_is_in_the_array(arrays):
    do(arrays, "assign", "first", 1, 0.5, -0.25)
    assert arrays.array("first").tolist() == [0, 0.5, -0.25, 0]
    do(arrays, "assign_everywhere", "second")
    assert arrays.array("second").tolist() == [1, 2, 3, 4]


def test_a_slice_takes_float32_samples_of_its_own_length(arrays):
    for kind, reason in (
        ("doubles", "array 'first' takes samples of format 'f', not 'd' in 1"),
        ("bytes", "array 'first' takes samples of format 'f', not 'B' in 1"),
        ("matrix", "array 'first' takes samples of format 'f', not 'f' in 2"),
        ("list", "a slice of a pyext.Buffer takes samples"),
        ("index", "pyext.Buffer takes slices, not int"),
    ):
        arrays.send("in", "assign_wrong", "first", kind)
        arrays.wait_for(f"^refused TypeError {reason}")
    arrays.send("in", "assign_wrong", "first", "steps")
    arrays.wait_for("^refused ValueError pyext.Buffer takes slices of step 1, not 2$")
    arrays.send("in", "assign_range", "first", 0, 3, 1, 2)
    arrays.wait_for("^refused ValueError array 'first': 2 samples do not fit into a slice of 3 ")
    arrays.send("in", "assign_beyond", "first", 3, 1, 2)
    arrays.wait_for("^refused ValueError array 'first': 2 samples do not fit into a slice of 1 ")
    arrays.send("in", "assign_beyond", "nowhere", 0, 1)
    arrays.wait_for("^refused LookupError there is no array 'nowhere'")
    assert arrays.array("first").tolist() == [0, 0, 0, 0]


def test_a_thread_that_assigns_beyond_an_array_does_not_harm_it(tmp_path):
    with open_object(tmp_path, "pyext array_classes Arrays", *TABLES) as pd:
        pd.send("in", "thread", 1)
        do(pd, "assign", "first", 3, 1, 2)
        do(pd, "assign", "first", 2_000_000, 3)
        do(pd, "assign", "nowhere", 0, 4)
        assert pd.array("first").tolist() == [0, 0, 0, 1]
        assert "refused" not in pd.console


def test_resize_changes_the_length_and_keeps_the_samples(arrays):
    do(arrays, "write", "first", 0, 1, 2, 3, 4)
    arrays.send("in", "resize", "first", 6)
    arrays.wait_for("^resized 6$")
    assert arrays.array("first").tolist() == [1, 2, 3, 4, 0, 0]
    arrays.send("in", "resize", "first", 2)
    arrays.wait_for("^resized 2$")
    assert arrays.array("first").tolist() == [1, 2]


def test_a_missing_array_has_length_0_and_raises_on_access(arrays):
    arrays.send("in", "measure", "nowhere")
    arrays.wait_for("^measured 0$")
    for job, *args in (["view"], ["write", 0, 1], ["resize", 5]):
        arrays.send("in", job, "nowhere", *args)
        arrays.wait_for(
            r"^refused LookupError there is no array 'nowhere' \(create it in "
            r"the patch, or check the name\)$"
        )


def test_what_does_not_fit_is_refused(arrays):
    for job, args, reason in (
        ("resize", ("first", 0), "ValueError array 'first' cannot have 0 samples"),
        ("resize", ("first", -5), "ValueError array 'first' cannot have -5 samples"),
        ("resize", ("first", 1e12), "ValueError array 'first' cannot have 9999"),
        ("write", ("first", 3, 1, 2), "ValueError"),
        ("write_doubles", ("first",), "ValueError"),
        ("measure", (5,), "TypeError expected str or pyext.Symbol, got int"),
    ):
        arrays.send("in", job, *args)
        arrays.wait_for(f"^refused {reason}")
    assert arrays.array("first").tolist() == [0, 0, 0, 0]


def test_an_array_is_not_resized_under_a_view(tmp_path):
    with open_object(tmp_path, "pyext array_classes Arrays", *TABLES) as pd:
        pd.send("in", "resize_viewed", "first")
        pd.wait_for("^refused BufferError array 'first' is not resized while there")


def test_an_array_is_not_resized_under_the_view_of_another_buffer(tmp_path):
    with open_object(tmp_path, "pyext array_classes Arrays", *TABLES) as pd:
        pd.send("in", "resize_viewed_by_another_buffer", "first")
        pd.wait_for(
            "^refused BufferError array 'first' is not resized while there is a "
            "memoryview of an array "
        )
        assert pd.array("first").tolist() == [1, 2, 3, 4]
        pd.send("in", "resize", "first", 5)
        pd.wait_for("^resized 5$")


def test_a_thread_does_not_resize_an_array_that_a_handler_views(tmp_path):
    with open_object(tmp_path, "pyext array_classes Arrays", *TABLES) as pd:
        pd.send("in", "resize_by_a_thread_while_viewed", "first")
        pd.wait_for(
            "^refused BufferError array 'first' is not resized while there is a "
            "memoryview of an array "
        )
        pd.wait_for("^out: done resize_by_a_thread_while_viewed$")
        assert pd.array("first").tolist() == [1, 2, 3, 4]


def test_a_view_that_outlives_its_handler_is_pointed_out(tmp_path):
    with open_object(tmp_path, "pyext array_classes Arrays", *TABLES) as pd:
        pd.send("in", "keep", "first")
        pd.wait_for("a memoryview of an array outlives its handler")
        pd.send("in", "release")
        do(pd, "view", "first")
        assert pd.console.count("outlives") == 1


def test_samples_that_a_thread_writes_are_there_before_its_message(tmp_path):
    lines = object_lines("pyext array_classes Reporter", num_outlets=0)
    lines += [
        "#X obj 10 100 table take 8",
        "#X obj 10 130 route written",
        "#X msg 10 160 read take",
        "#X connect 1 0 3 0",
        "#X connect 3 0 4 0",
        "#X connect 4 0 1 1",
    ]
    with open_pyext(tmp_path, *lines) as pd:
        for value in range(1, 101):
            pd.send("in", "write", "take", value)
            pd.wait_for(rf"^read \[{value}\.0, {value}\.0\]$")


def test_ten_thousand_slices_reach_a_long_array_before_the_message_after_them(tmp_path):
    lines = object_lines("pyext array_classes Reporter", num_outlets=0)
    lines += [
        "#X obj 10 100 table take 5000000",
        "#X obj 10 130 route filled",
        "#X msg 10 160 check take \\$1 \\$2",
        "#X connect 1 0 3 0",
        "#X connect 3 0 4 0",
        "#X connect 4 0 1 1",
    ]
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("in", "fill", "take", 10000, 500)
        pd.wait_for("^first samples True last samples True$", timeout_s=20)


PLAYED = (
    "#X obj 10 100 tabread4~ played",
    "#X obj 10 130 osc~ 5",
    "#X obj 10 160 *~ 1000",
    "#X obj 10 190 tabwrite~ played",
    "#X obj 10 220 dac~",
    "#X connect 3 0 4 0",
    "#X connect 4 0 2 0",
    "#X connect 2 0 6 0",
    "#X connect 2 0 5 0",
)


def test_a_thread_writes_and_resizes_an_array_that_sounds_and_is_deleted(tmp_path):
    lines = object_lines("pyext array_classes Writer", num_outlets=0)
    lines += [*PLAYED, "#N canvas 0 0 100 100 tables 0", "#X restore 10 250 pd tables"]
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("pd-tables", "obj", 10, 10, "table", "played", 1000)
        pd.send("pd", "dsp", 1)
        pd.send("in", "start", "played")
        pd.wait_for(r"^cycles 200 missing 0$", timeout_s=30)
        pd.send("pd-tables", "clear")
        pd.wait_for(r"missing 1$")
        pd.send("pd-tables", "obj", 10, 10, "table", "played", 1000)
        pd.sync()
        assert pd.quit() == 0
        assert "writer ended" in pd.console
