"""The harness that runs a real Pd, tested with patches that need no external."""

import os
import signal
import subprocess
import sys
import time

import pytest
from pd_host import PdFailure, PdHost, fudi, write_patch
from places import SUPPORT

PRINT_PATCH = ("#X obj 10 10 receive in", "#X obj 10 40 print got", "#X connect 0 0 1 0")


def process_group_exists(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(group, timeout_s=10):
    deadline = time.monotonic() + timeout_s
    while process_group_exists(group):
        assert time.monotonic() < deadline, f"process group {group} is still there"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "atoms, shown",
    [
        ((), "bang"),
        ((7,), "7"),
        ((1, 2.5, -3), "1 2.5 -3"),
        (("symbol", "two words; a, b"), r"symbol two\ words\;\ a\,\ b"),
        (("set", "x", 1), "set x 1"),
    ],
)
def test_a_message_arrives_in_pd_as_it_was_sent(tmp_path, atoms, shown):
    with PdHost(write_patch(tmp_path, *PRINT_PATCH)) as pd:
        pd.send("in", *atoms)
        pd.sync()
        pd.wait_for("got")
        assert f"got: {shown}\n" in pd.console


def test_fudi_escapes_what_separates_atoms():
    assert fudi("a", 1, 0.5, "b c;$1") == "a 1 0.5 b\\ c\\;\\$1;\n"


def test_successive_waits_walk_through_the_console(tmp_path):
    with PdHost(write_patch(tmp_path, *PRINT_PATCH)) as pd:
        pd.send("in", 1)
        pd.send("in", 2)
        assert pd.wait_for(r"got: (\d)").group(1) == "1"
        assert pd.wait_for(r"got: (\d)").group(1) == "2"
        with pytest.raises(PdFailure, match="no 'got'"):
            pd.wait_for("got", timeout_s=0.2)


def test_a_missing_line_fails_and_shows_the_console(tmp_path):
    with PdHost(write_patch(tmp_path, *PRINT_PATCH)) as pd:
        pd.send("in", "symbol", "evidence")
        pd.sync()
        with pytest.raises(PdFailure, match="evidence"):
            pd.wait_for("never printed", timeout_s=0.2)


def test_an_object_that_cannot_be_created_fails_at_once(tmp_path):
    with pytest.raises(PdFailure, match="no_such_object"):
        PdHost(write_patch(tmp_path, "#X obj 10 10 no_such_object"))


def test_an_object_created_too_late_fails_too(tmp_path):
    patch = write_patch(
        tmp_path,
        "#X obj 10 10 receive make",
        "#X obj 10 40 s pd-late",
        "#N canvas 0 0 100 100 late 0",
        "#X restore 10 70 pd late",
        "#X connect 0 0 1 0",
    )
    with pytest.raises(PdFailure, match="no_such_object"), PdHost(patch) as pd:  # noqa: PT012
        pd.send("make", "obj", 10, 10, "no_such_object")
        pd.wait_for("couldn't create")


def test_a_failure_to_create_can_be_what_the_test_is_about(tmp_path):
    patch = write_patch(tmp_path, "#X obj 10 10 no_such_object")
    with PdHost(patch, may_fail_to_create=True) as pd:
        pd.wait_for("couldn't create")


def test_a_pd_that_does_not_start_fails(tmp_path):
    with pytest.raises(PdFailure, match="Pd ended"):
        PdHost(write_patch(tmp_path), args=("-no-such-flag",))


def test_an_array_is_read_bit_for_bit(tmp_path):
    patch = write_patch(tmp_path, "#X obj 10 10 table samples 4")
    with PdHost(patch) as pd:
        pd.send("samples", 0, 0.5, -0.25, 1.5, 0.1)
        content = pd.array("samples")
        assert content.tolist() == [0.5, -0.25, 1.5, 0.10000000149011612]
        with pytest.raises(PdFailure, match="no array 'missing'"):
            pd.array("missing")


def test_dsp_runs_without_a_sound_card(tmp_path):
    patch = write_patch(
        tmp_path,
        "#X obj 10 10 receive go",
        "#X obj 10 40 bang~",
        "#X obj 10 70 spigot",
        "#X obj 10 100 t b b",
        "#X msg 60 130 0",
        "#X obj 10 160 print tick",
        "#X connect 1 0 2 0",
        "#X connect 2 0 3 0",
        "#X connect 3 0 5 0",
        "#X connect 3 1 4 0",
        "#X connect 4 0 2 1",
        "#X connect 0 0 2 1",
    )
    with PdHost(patch) as pd:
        pd.send("go", 1)
        pd.send("pd", "dsp", 1)
        pd.wait_for("tick: bang")


def test_quit_ends_pd_with_status_0(tmp_path):
    with PdHost(write_patch(tmp_path)) as pd:
        assert pd.returncode is None
        assert pd.quit() == 0
        assert pd.returncode == 0


def test_a_killed_pd_is_reported_as_ended(tmp_path):
    with PdHost(write_patch(tmp_path)) as pd:
        os.kill(pd.pid, signal.SIGKILL)
        with pytest.raises(PdFailure, match="ended: -9"):
            pd.wait_for("never printed")


def test_a_pd_that_hangs_is_killed_when_its_time_is_up(tmp_path):
    with PdHost(write_patch(tmp_path), time_limit_s=1) as pd:
        os.kill(pd.pid, signal.SIGSTOP)
        with pytest.raises(PdFailure, match="ended: -9"):
            pd.wait_for("never printed", timeout_s=10)


def test_nothing_is_left_after_the_test(tmp_path):
    with PdHost(write_patch(tmp_path)) as pd:
        assert process_group_exists(pd.pid)
    wait_until_gone(pd.pid)
    pd.kill()


def test_a_pd_whose_test_is_killed_quits(tmp_path):
    patch = write_patch(tmp_path)
    program = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from pd_host import PdHost\n"
        "print(PdHost(sys.argv[2]).pid, flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(SUPPORT), patch]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as test:
        group = int(test.stdout.readline())
        test.kill()
    wait_until_gone(group)
