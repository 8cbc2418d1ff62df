"""Play the patch as the abstraction `[samplernn]` in a real Pd without its window.

The test writes a probe, an abstraction, and puts it into the open patch. The probe prints
the messages to one of the patch's own `$0-` names, such as the text of the dark line.
"""

import pytest
from patch_in_pd import LOAD_LIMIT_S, PatchInPd
from places import GRU


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("patch")


@pytest.fixture(scope="module")
def pd(folder):
    """Yield a Pd with the GRU fixture loaded into the patch, shared by tests that keep it so."""
    with PatchInPd(folder) as pd:
        for name in ("play", "state", "error", "temperature-show"):
            pd.probe(name)
        pd.load()
        yield pd


def test_without_loop_playing_ends_with_the_take(pd):
    pd.generate(0.2)
    pd.message("play 1")
    pd.wait_for("^play: 1$")
    pd.wait_for("^play: 0$")


@pytest.mark.parametrize(
    "name, written",
    [
        ("plain", "plain.wav"),
        ("take.2", "take.2.wav"),
        ("in.folder/plain", "in.folder/plain.wav"),
        ("whole.wav", "whole.wav"),
        ("LOUD.WAV", "LOUD.WAV"),
    ],
)
def test_the_saved_file_is_there_under_the_name_that_is_told_with_its_record(
    pd, tmp_path, name, written
):
    (tmp_path / "in.folder").mkdir()
    pd.generate(0.05)
    pd.message(f"save {tmp_path / name}")
    pd.status(f"saved {tmp_path / written}")
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {tmp_path / written, (tmp_path / written).with_suffix(".json")}


def last_line(pd, name):
    """Return the text of the line `name` on the screen, None before the first text."""
    pd.sync()
    label = f"{name}: label "
    said = [line for line in pd.console.splitlines() if line.startswith(label)]
    return said[-1].removeprefix(label).replace("\\ ", " ") if said else None


def test_an_error_is_told_in_the_red_line_alone(pd):
    pd.generate(0.05)
    before = last_line(pd, "state")
    assert before == "finished: 800 samples at 16000 Hz"
    pd.message("temperature -1")
    pd.status("error .*-1.*")
    assert last_line(pd, "state") == before
    assert "-1" in last_line(pd, "error")


def test_after_a_failed_load_the_state_is_what_it_was(pd):
    pd.load()
    ready = last_line(pd, "state")
    assert ready == "ready: gru_mulaw at 16000 Hz"
    pd.message("load no-such-folder")
    pd.wait_for("^state: label loading")
    pd.status("error .*no-such-folder.*")
    assert last_line(pd, "state") == ready
    assert "no-such-folder" in last_line(pd, "error")


def test_a_refused_message_does_not_hide_that_a_take_is_made(pd):
    pd.message("length 120")
    pd.message("generate")
    pd.wait_for("^state: label generating")
    for message in (f"load {GRU}", "generate"):
        pd.message(message)
        pd.status("error .*running.*")
        assert last_line(pd, "state") == "generating"
    pd.message("stop")
    pd.status(r"stopped .*")
    assert last_line(pd, "state").startswith("stopped after")


def test_a_second_load_is_refused_while_the_first_is_going_on(tmp_path):
    with PatchInPd(tmp_path) as pd:
        pd.probe("state")
        pd.message(f"load {GRU}")
        pd.message(f"load {GRU}")
        pd.status("error load: a model is being loaded.*")
        assert last_line(pd, "state").startswith("loading")
        pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        assert last_line(pd, "state") == "ready: gru_mulaw at 16000 Hz"


def test_a_first_load_that_fails_leaves_the_invitation(tmp_path):
    with PatchInPd(tmp_path) as pd:
        pd.probe("state")
        pd.message("load no-such-folder")
        pd.status("error .*no-such-folder.*", LOAD_LIMIT_S)
        assert last_line(pd, "state") == "click a model"


def shown_temperatures(pd, start):
    """Return the temperatures shown on the screen since the character `start` of the console."""
    lines = pd.console[start:].splitlines()
    shown = [line.split() for line in lines if line.startswith("temperature-show: set ")]
    return [float(words[2]) for words in shown]


def test_a_glide_moves_the_number_with_the_take_and_the_temperature_stays_there(pd):
    pd.message("temperature 0.5")
    pd.sync()
    start = len(pd.console)
    pd.message("ramp 1.5 1")
    pd.generate(2)
    shown = shown_temperatures(pd, start)
    assert shown == sorted(shown)
    assert shown[-1] == 1.5
    assert any(0.5 < temperature < 1.5 for temperature in shown)
    pd.message("info")
    pd.status("info temperature 1.5")


def test_a_temperature_set_in_mid_glide_ends_it(pd):
    pd.message("temperature 0.5")
    pd.message("ramp 1.5 1")
    pd.message("length 120")
    pd.message("generate")
    pd.status(r"progress .*")
    pd.message("temperature 0.8")
    pd.sync()
    start = len(pd.console)
    pd.status(r"progress .*")
    pd.message("stop")
    pd.status(r"stopped .*")
    assert shown_temperatures(pd, start) == []
