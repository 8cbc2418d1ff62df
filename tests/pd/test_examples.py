"""Each patch in pd/examples, opened in a real Pd: it sounds at once, and as it says."""

import contextlib
import re
import socket
import struct

import numpy as np
import pytest
import soundfile
from example_in_pd import EXAMPLES, LOUD, RATE, START_LIMIT_S, ExampleInPd, brightness, level_db
from treble import treble_share

MODERATE_DB = (-50, -6)
TAME, WILD = 0.75, 1.5
BLOCK = 64


@pytest.fixture
def example(tmp_path):
    """Return a function that opens an example; each is closed at the end."""
    with contextlib.ExitStack() as opened:
        yield lambda name, **options: opened.enter_context(ExampleInPd(name, tmp_path, **options))


def assert_is_moderate(sound):
    low, high = MODERATE_DB
    assert low < level_db(sound) < high
    assert np.abs(sound).max() <= 1


def assert_fades_out(sound):
    """Assert that the last sound before the silence at the end is a fade, no cut."""
    last = np.flatnonzero(np.abs(sound[:, 0]) > 0)[-1]
    assert abs(sound[last, 0]) < 0.05 * np.abs(sound[last - 400 : last, 0]).max()
    assert last < len(sound) - BLOCK


def loudest_hz(sound):
    return np.argmax(np.abs(np.fft.rfft(sound))) * RATE / len(sound)


def test_there_are_ten_and_they_say_which_is_next():
    names = sorted(
        (path.stem for path in EXAMPLES.glob("[0-9]*.pd")),
        key=lambda name: int(name.split("-")[0]),
    )
    assert [int(name.split("-")[0]) for name in names] == list(range(1, 11))
    for name, following in zip(names, names[1:]):
        assert f"Next: {following}.pd" in (EXAMPLES / f"{name}.pd").read_text()


def test_the_first_sounds_and_follows_its_slider(example):
    pd = example("1-first-sound", bundled=True)
    pd.press("temperature", WILD)
    pd.listen(0.5)
    wild = pd.listen(1)
    pd.press("temperature", TAME)
    pd.listen(0.5)
    tame = pd.listen(1)
    assert_is_moderate(wild)
    assert treble_share(wild) > 10 * treble_share(tame)
    pd.press("temperature", 1)  # a timid network may stay silent where it begins from silence
    pd.press("sound", 1)  # makes the finger, for which Pd stops its audio for a moment
    pd.start_recording()
    pd.wait_for(LOUD, START_LIMIT_S)
    pd.press("sound", 0)
    pd.wait_for("^audio-off: bang$")
    assert_fades_out(pd.recorded())


def test_the_second_follows_the_hand_the_curve_and_the_microphone(example):
    pd = example("2-temperature", bundled=True)
    pd.probe("message")
    pd.press("hand", TAME)
    pd.message(rf"temperature {TAME}")
    pd.press("who", 2)
    pd.send("test-microphone", 0.9)
    pd.message(r"temperature 1\.[45]\S*")
    pd.listen(0.5)
    loud = pd.listen(1)
    pd.send("test-microphone", 0)
    pd.message(r"temperature 0\.6")
    pd.listen(0.5)
    quiet = pd.listen(1)
    assert_is_moderate(loud)
    assert treble_share(loud) > 10 * treble_share(quiet)
    pd.press("who", 1)
    array = pd.message(r"envelope (\d+-curve) 4")[1]
    assert len(pd.array(array)) == 100
    pd.press("hand", 1.25)  # the curve steers: the hand does not
    pd.press("who", 0)
    pd.message("temperature 1.25")
    assert pd.console.count("temperature 1.25") == 1


def test_the_third_calls_and_the_network_answers_it_and_the_microphone(example):
    pd = example("3-call-and-response")
    pd.probe("message")
    pd.press("answer-s", 600)
    array = pd.message(r"seed (\d+-sound)")[1]
    pd.status("stream on")
    notes = np.array(pd.array(array))
    assert len(notes) == 2 * RATE
    assert loudest_hz(notes[: RATE // 2]) == pytest.approx(261.6, abs=3)
    assert_is_moderate(pd.listen(0.5))
    pd.send("test-microphone", 0.5)
    pd.press("microphone")
    pd.message("0")
    pd.message(f"seed {array}")
    pd.status("stream on")
    assert_is_moderate(pd.listen(0.5))
    assert loudest_hz(np.array(pd.array(array))) == pytest.approx(220, abs=3)
    pd.send("pd", "audio-dialog", *[0] * 4, 2, *[0] * 7, 2, *[0] * 3, RATE // 2, 25, 0, 64)
    pd.send("pd", "dsp", 0)
    pd.send("pd", "dsp", 1)
    pd.sync()
    assert len(pd.array(array)) == RATE  # 2 s at the sample rate that the sound card has


def test_the_fourth_plays_a_moment_while_its_key_is_held(example):
    pd = example("4-keyboard-of-moments")
    pd.probe("message")
    pd.status("state saved 62")
    pd.press("key", 1)
    pd.message("note 61 100")
    assert level_db(pd.listen(0.2)) > MODERATE_DB[0]
    while "message: note 61 0" not in pd.console:
        pd.sync()
    pd.wait_for("^level: 0$", START_LIMIT_S)  # what played by itself does so no more
    pd.status("state saved 67")
    pd.press("keep")  # plays by itself again, and keeps others
    pd.message("recall_state 60")
    pd.message("save_state 60")
    assert level_db(pd.listen(0.2)) > MODERATE_DB[0]


def test_why_it_is_silent_stays_in_sight_until_it_plays(example):
    pd = example("4-keyboard-of-moments")
    pd.probe("reason")
    pd.status("state saved 61")
    pd.press("message", "note", 5, 100)
    pd.press("sound", 0)
    pd.status("stream off")
    assert re.findall("^reason: (.*?) ?$", pd.console, re.M) == [
        "symbol",
        "list error: note: no state 5 is saved (save_state 5 first)",
    ]
    pd.press("sound", 1)
    pd.wait_for("^reason: symbol ?$", START_LIMIT_S)


def test_the_fifth_recalls_the_drawn_moments_in_time(example):
    pd = example("5-sequencer-of-grains")
    pd.probe("message")
    for number in range(1, 9):
        pd.message(f"save_state {number}")
    pd.message(r"freeze 0\.12")
    pd.press("tempo", 500)
    for number in (1, 5, 1, 3):
        pd.status(f"state recalled {number}")
    assert_is_moderate(pd.listen(0.5))
    pd.press("steps", 0, *[8.8, 0.2] * 4)  # as the mouse draws
    for number in (8, 1):
        pd.message(f"recall_state {number}")
    pd.press("sound", 0)
    pd.status("stream off")
    pd.press("sound", 1)
    pd.message(r"freeze 0\.12")
    pd.press("run", 0)
    pd.message("freeze 0")
    assert "error" not in pd.console


def test_the_sixth_puts_its_voices_where_the_sliders_are(example):
    pd = example("6-four-voices")
    pd.press("turn", 0)
    for side in (0, 1):
        for voice in range(1, 5):
            pd.press(f"place-{voice}", side)
        pd.listen(0.2)
        sound = pd.listen(0.4)
        assert level_db(sound[:, side]) > MODERATE_DB[0]
        assert level_db(sound[:, 1 - side]) < level_db(sound[:, side]) - 40
    pd.probe("freeze-3")
    pd.press("freeze-3", 1)
    pd.press("sound", 0)
    pd.press("sound", 1)
    pd.wait_for("^freeze-3: 0$", START_LIMIT_S)  # the box shows what the new stream does


def test_the_seventh_fades_from_the_piano_to_the_voice(example):
    pd = example("7-two-models", bundled=True)
    pd.press("drift", 0)
    pd.press("fader", 0)
    piano = pd.listen(1.5)
    pd.press("fader", 1)
    pd.listen(0.1)
    voice = pd.listen(1.5)
    assert_is_moderate(piano)
    assert_is_moderate(voice)
    assert brightness(voice, 2000) > 2 * brightness(piano, 2000)


def test_the_eighth_follows_osc_from_the_network(example):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        port = phone.getsockname()[1]  # free after this, as good as certain
    pd = example("8-phone", port=port)
    pd.probe("message")
    assert_is_moderate(pd.listen(0.3))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.connect(("127.0.0.1", port))
        for address, value, message in (
            ("/temperature", 0.75, "temperature 0.75"),
            ("/keep", 3, "save_state 3"),
            ("/back", 3, "recall_state 3"),
            ("/freeze", 0.5, "freeze 0.5"),
            ("/gain", -100, "gain -100"),
        ):
            phone.send(osc(address, value))
            pd.message(message)
        phone.send(osc("/load", 1))  # does not pass
        phone.send(osc("/sound", 0))
    pd.wait_for("^audio-off: bang$")
    assert "message: load" not in pd.console
    pd.press("fader", 1.25)  # the patch's own phone
    pd.message(r"temperature 1\.2\S*")


def osc(address, value):
    """Return an OSC message with one float."""
    parts = [text.encode() + b"\0" * (4 - len(text) % 4) for text in (address, ",f")]
    return b"".join(parts) + struct.pack(">f", value)


def test_the_ninth_records_a_track_with_its_fades_and_saves_a_take(example, tmp_path):
    rate = 2 * RATE
    pd = example("9-album-track", rate=rate)
    pd.probe("file")
    pd.probe("message")
    pd.listen(0.1)
    pd.probe("sound")
    track, take = tmp_path / "track.wav", tmp_path / "take.wav"
    pd.send("test-file", "symbol", track)
    pd.press("length", 2)
    pd.press("record")
    pd.wait_for("^sound: 1$")  # also where it was off
    pd.wait_for("^file: stop$", START_LIMIT_S)
    while not is_closed(track):
        pd.sync()
    pd.message("temperature 1")
    sound, track_rate = soundfile.read(track)
    assert track_rate == rate
    assert sound.shape == (pytest.approx(2 * rate, abs=128), 2)
    assert_is_moderate(sound[rate // 4 : -rate // 4])
    assert np.abs(sound[:20]).max() < 0.01 * np.abs(sound).max()
    assert level_db(sound[-400:]) < level_db(sound) - 12
    pd.press("sound", 0)
    pd.press("load")
    pd.status(r"loaded \S+ 16000 1")
    pd.press("generate")
    pd.status(r"generated .*")
    pd.send("test-file", "symbol", take)
    pd.press("save")
    pd.status(r"saved .*")
    assert_is_moderate(soundfile.read(take)[0])
    assert take.with_suffix(".json").exists()
    pd.start_recording()
    pd.press("listen")
    pd.wait_for(r"^level: [5-9]\d$", START_LIMIT_S)
    heard, made = pd.recorded()[:, 0], soundfile.read(take)[0]
    begin = np.flatnonzero(heard)[0] + 8  # tabread4~ repeats the first samples
    played = [heard[begin + half :][:BLOCK:2] for half in (0, 1)]  # at twice the take's rate
    assert any(
        np.allclose(sound, made[place:][: len(sound)], atol=1e-3)
        for place in range(BLOCK)
        for sound in played
    )


def is_closed(path):
    """Return whether the WAVE file says in its header how long it is; Pd's counts a block less."""
    content = path.read_bytes()
    start = content.find(b"data") + 8
    return 0 <= len(content) - start - int.from_bytes(content[start - 4 : start], "little") < 1000


def test_the_tenth_plays_two_takes_left_and_right_as_the_course_did(example):
    pd = example("10-course-patch")
    pd.status("generated sound2 .*")
    pd.press("generate")
    left, right = pd.listen(0.5).T
    assert_is_moderate(left)
    assert_is_moderate(right)
    assert level_db(left - right) > level_db(left) - 10
    assert len(pd.array("sound1")) == len(pd.array("sound2")) == 4 * RATE
    pd.wait_for("^level: 0$", START_LIMIT_S)  # the last sample does not stay
