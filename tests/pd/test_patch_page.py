"""The performance page live in a real Pd without its window: actions and displays of panels."""

import wave
from pathlib import Path

import numpy as np
import pytest
from patch_in_pd import PatchInPd
from pd_host import write_patch
from places import GRU


class Page(PatchInPd):
    """The page as `[samplernn]`, its `$0-` names within reach of the test."""

    def __init__(self, folder):
        write_patch(
            folder,
            r"#X obj 20 20 receive press-\$2",
            r"#X obj 20 60 send \$1",
            "#X connect 0 0 1 0",
            name="finger.pd",
        )
        super().__init__(folder)
        self.message("latency 300")  # the tests share the processor with others

    def finger(self, name):
        """Simulate a touch on the object that sends to `$0-NAME`."""
        self.send("pd-samplernn.pd", "obj", 20, 930, "finger", f"$0-{name}", name)

    def press(self, name, *atoms):
        """Send what the button, switch or number box `name` would; a bang without atoms."""
        self.send(f"press-{name}", *atoms)

    def go_live(self):
        self.message("1")
        self.status("stream on")

    def shown(self, name):
        """Return the messages that `$0-NAME` has received, a list of str."""
        self.sync()
        return [
            line.removeprefix(f"{name}: ")
            for line in self.console.splitlines()
            if line.startswith(f"{name}: ")
        ]

    def facts(self):
        """Return the answers to `info`, dict of str."""
        start = len(self.console)
        self.message("info")
        self.status("info latency .*")
        rows = [
            line.split()[2:]
            for line in self.console[start:].splitlines()
            if line.startswith("status: info ")
        ]
        return {key: " ".join(values) for key, *values in rows}


@pytest.fixture
def page(tmp_path):
    with Page(tmp_path) as page:
        yield page


def test_the_live_panel_follows_the_stream(page):
    for name in ("live-show", "buffer", "live-speed", "underruns", "state"):
        page.probe(name)
    page.load()
    page.go_live()
    page.status(r"streaming [1-9]\S* \S+ 0")
    assert page.shown("live-show")[-1] == "set 1"
    assert float(page.shown("buffer")[-1]) > 50
    assert float(page.shown("live-speed")[-1]) > 0
    assert page.shown("underruns")[-1] == "0"
    assert page.shown("state")[-1] == "label live"
    page.message("0")
    page.status("stream off")
    assert page.shown("live-show")[-1] == "set 0"


def test_a_load_while_live_plays_the_new_model(page):
    page.load()
    page.go_live()
    page.message(f"load {GRU} voices 2")
    page.status("stream off")
    page.status("loaded gru_mulaw 16000 2")
    page.status("stream on")


def test_the_switch_of_the_curve_and_its_repetition_reach_the_object(page):
    for name in ("curve-on", "curve-loop", "curve-s", "temperature"):
        page.finger(name)
    page.probe("curve-on-show")
    page.press("curve-on", 1)
    assert page.facts()["envelope"].endswith("-curve")
    page.press("curve-loop", 1)
    page.press("curve-s", 2.5)
    assert page.facts()["envelope"].endswith("-curve 2.5")
    page.press("temperature", 0.7)
    assert page.facts()["envelope"] == "none"
    assert page.shown("curve-on-show") == ["set 0"]
    page.press("curve-s", 3)
    assert page.facts()["envelope"] == "none"


def test_a_drawn_curve_spreads_over_the_take_without_repetition(page):
    for name in ("curve-on", "curve-loop"):
        page.finger(name)
    page.press("curve-loop", 1)
    page.press("curve-on", 1)
    page.press("curve-loop", 0)
    assert page.facts()["envelope"].endswith("-curve")


def test_moments_are_kept_and_returned_to(page):
    page.finger("keep-3")
    page.finger("back-to-3")
    page.probe("back-3")
    page.load()
    page.go_live()
    page.press("keep-3")
    page.status("state saved 3")
    assert page.shown("back-3")[-1].startswith("color #8fcf9b")
    page.press("back-to-3")
    page.status("state recalled 3")
    page.message("0")
    page.status("stream off")
    page.load()
    assert page.shown("back-3")[-1].startswith("color #fcfcfc")


def test_freeze_is_said_while_live_only_and_again_when_it_begins(page):
    for name in ("freeze", "freeze-s"):
        page.finger(name)
    page.probe("message")
    page.load()
    page.press("freeze", 1)
    assert "freeze 1" not in page.shown("message")
    page.go_live()
    assert page.shown("message")[-1] == "freeze 1"
    page.press("freeze-s", 0.5)
    assert page.shown("message")[-1] == "freeze 0.5"
    page.press("freeze", 0)
    assert page.shown("message")[-1] == "freeze 0"
    assert "error" not in page.console


def test_each_voice_has_an_array_and_those_not_loaded_are_silent(page):
    page.message(f"load {GRU} voices 2")
    page.status("loaded gru_mulaw 16000 2")
    page.message("length 0.1")
    page.message("generate")
    number = page.status(r"generated (\d+)-take 16000 1600")[1]
    page.status(rf"generated {number}-take-2 16000 1600")
    assert np.any(page.array(f"{number}-take-2"))
    page.load()
    page.sync()
    assert not np.any(page.array(f"{number}-take-2"))


def test_a_recording_is_cut_to_its_length_and_becomes_the_seed(page):
    page.finger("record")
    page.probe("seed-name")
    page.send("pd", "dsp", 1)
    page.press("record", 1)
    page.load()
    page.press("record", 0)
    page.sync()
    assert page.shown("seed-name") == [r"label a\ recording"]
    name = page.facts()["seed"]
    assert name.endswith("-recorded")
    assert 64 <= len(page.array(name)) < 4 * 44100


def test_what_is_heard_is_recorded_to_a_file(page, tmp_path):
    for name in ("file-chosen", "to-file"):
        page.finger(name)
    page.load()
    page.press("file-chosen", "symbol", tmp_path / "heard")
    page.go_live()
    for _ in range(5):
        page.status("streaming .*")
    page.press("to-file", 0)
    page.send("pd", "dsp", 0)
    page.sync()
    file = Path(tmp_path / "heard.wav")
    while not (file.exists() and file.stat().st_size > 1000):
        page.sync()
    content = file.read_bytes()
    assert content[:4] == b"RIFF"
    bits = int.from_bytes(content[34:36], "little")
    assert bits == 24
    assert any(content[-30000:])


def test_the_buttons_of_the_guide_are_messages_to_the_object(page):
    page.finger("exercise-2")
    page.probe("temperature-show")
    page.press("exercise-2")
    assert page.facts()["temperature"] == "1.1"
    assert page.shown("temperature-show")[-1] == "set 1.1"


def test_the_dice_of_the_guide_are_those_of_the_page(page):
    for name in ("exercise-8", "exercise-10", "exercise-11", "rng"):
        page.finger(name)
    for name in ("rng-dial", "rng-on", "seed-name"):
        page.probe(name)
    page.press("exercise-10")
    assert page.facts()["rng"] == "8"
    assert page.shown("rng-dial") == ["8"]
    assert page.shown("rng-on")[-1] == "1"
    page.press("exercise-11")
    assert page.facts()["rng"] == "none"
    assert page.shown("rng-on")[-1] == "0"
    page.press("exercise-8")
    assert page.shown("seed-name") == [r"label none:\ start\ from\ silence"]


def test_the_page_begins_at_the_temperature_that_suits_the_bundled_models(page):
    assert page.facts()["temperature"] == "1"


def test_an_unloaded_model_is_off_the_page(page):
    for name in ("model-name", "model-hz", "back-2"):
        page.probe(name)
    page.finger("unload")
    page.load()
    page.press("unload")
    page.status("worker off")
    assert page.shown("model-name")[-1] == r"label no\ model"
    assert page.shown("model-hz")[-1] == "0"
    assert page.shown("back-2")[-1].startswith("color #fcfcfc")


def test_a_sample_rate_that_nothing_says_is_marked_on_the_page(page):
    for name in ("model-hz", "model-note"):
        page.probe(name)
    page.load()
    assert page.shown("model-hz")[-1] == "16000"
    assert page.shown("model-note")[-1] == r"label Hz\ (assumed)"
    page.message(f"load {GRU} rate 22050")
    page.status("loaded gru_mulaw 22050 1")
    assert page.shown("model-hz")[-1] == "22050"
    assert page.shown("model-note")[-1] == "label Hz"
    page.load()
    assert page.shown("model-note")[-1] == r"label Hz\ (assumed)"
    page.message("unload")
    page.status("worker off")
    assert page.shown("model-note")[-1] == "label Hz"


def test_the_end_of_live_empties_its_numbers_and_leaves_those_of_the_take(page):
    for name in ("buffer", "live-speed", "buffer-bar", "made"):
        page.probe(name)
    page.load()
    page.go_live()
    page.status(r"streaming [1-9]\S* \S+ 0")
    page.message("0")
    page.status("stream off")
    assert page.shown("buffer")[-1] == "0"
    assert page.shown("live-speed")[-1] == "0"
    assert page.shown("buffer-bar")[-1] == "vis_size 1 14"
    assert page.shown("made") == []


def test_a_glide_moves_the_number_while_live(page):
    page.probe("temperature-show")
    page.load()
    page.go_live()
    page.message("ramp 1.3 1")
    for _ in range(8):
        page.status("streaming .*")
    shown = [float(text.split()[1]) for text in page.shown("temperature-show")[-8:]]
    assert shown == sorted(shown)
    assert shown[-1] == 1.3


def test_a_chosen_file_is_drawn_from_its_end_and_becomes_the_seed(page, tmp_path):
    page.finger("seed-file")
    for name in ("seed-name", "state"):
        page.probe(name)
    sound = np.arange(5 * 8000, dtype="<i2")
    with wave.open(str(tmp_path / "five seconds.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    page.press("seed-file", "symbol", tmp_path / "five seconds.wav")
    assert page.shown("state")[-1].replace("\\", "") == "label the seed is five seconds.wav"
    assert page.facts()["seed"] == str(tmp_path / "five seconds.wav").replace(" ", r"\ ")
    assert page.shown("seed-name") == [r"label five\ seconds.wav"]
    page.message("length 0.1")
    page.load()
    page.message("generate")
    number = page.status(r"generated (\d+)-take .*")[1]
    drawn = np.frombuffer(page.array(f"{number}-recorded"), np.float32)
    np.testing.assert_allclose(drawn, sound[8000:] / 32768, atol=1e-6)


def test_a_file_that_is_no_sound_is_an_error_at_once_and_no_seed(page, tmp_path):
    page.finger("seed-file")
    page.probe("error")
    (tmp_path / "text.wav").write_text("no sound")
    page.press("seed-file", "symbol", tmp_path / "text.wav")
    page.status("error seed: cannot read .*text.wav .*")
    assert "text.wav" in page.shown("error")[-1]
    assert page.facts()["seed"] == "none"


def test_a_take_is_refused_while_live_in_the_words_of_the_page(page):
    page.load()
    page.go_live()
    for verb in ("generate", "continue"):
        page.message(verb)
        page.status("error live is on: end it first")


def test_the_red_line_is_cleared_by_the_next_success(page):
    page.probe("error")
    page.load()
    page.message("temperature -1")
    page.status("error .*")
    page.go_live()
    assert page.shown("error")[-1] == "label empty"
    page.message("temperature -1")
    page.status("error .*")
    assert page.shown("error")[-1] != "label empty"
    page.message("0")
    page.status("stream off")
    assert page.shown("error")[-1] == "label empty"


def test_the_line_of_an_underrun_fades(page):
    page.finger("status")
    page.probe("error")
    page.press("status", "underrun", 1)
    page.wait_for("^error: label underrun")
    page.facts()
    assert page.shown("error")[-1] != "label empty"
    page.wait_for("^error: label empty", 20)


def test_a_click_on_generate_is_answered_at_once(page, tmp_path):
    page.probe("state")
    page.load()
    page.message("length 0.1")
    page.message("generate")
    page.wait_for("^state: label generating")
    page.status("generated .*")
    with wave.open(str(tmp_path / "seed.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(3200))
    page.message(f"seed {tmp_path / 'seed.wav'}")
    page.message("generate")
    assert page.wait_for("^state: label (hearing|generating)")[1] == "hearing"
    page.status("generated .*")
