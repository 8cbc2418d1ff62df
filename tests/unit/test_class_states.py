"""The messages that the class allows in each state: the whole table, cell by cell."""

import numpy as np
import pytest
from class_host import Arrays, Host, SilentWorker
from places import PROJECT

from samplernn_pd.client import WorkerGone
from samplernn_pd.curve_watch import CurveWatch
from samplernn_pd.grammar import parse
from samplernn_pd.instrument import Instrument
from samplernn_pd.silence import WorkerSilent
from samplernn_pd.states import TABLE, State, row_of
from samplernn_pd.worker_link import WorkerLink
from sopilib.protocol import messages

MODEL = messages.Loaded("m", 16000, 1, (("rnn", "gru"),))
STATES = "EMPTY IDLE LOADING TAKING STREAMING STOPPING SILENT"

# For each message a cell for each state: `>TYPE` sends that request, `.` changes or reports
# something and sends nothing, `~TYPE` waits and sends that request once the take has ended,
# `~` waits and then does nothing; anything else is an error that holds these words.
NO_MODEL, TAKE, STREAM = "no_model_is_loaded", "a_take_is_running", "a_stream_is_running"
NO_STREAM, NO_TAKE = "no_stream_is_running", "no_take_is_running"
SILENT, ENDED = "the_worker_does_not_answer_(unload", "the_worker_does_not_answer_and_is_ended"
ROWS = {
    "load D": f">load >load a_model_is_being_loaded {TAKE} {STREAM} ~load >load",
    "generate a": f"{NO_MODEL} >generate {NO_MODEL} {TAKE} {STREAM} ~generate {SILENT}",
    "continue a": f"{NO_MODEL} no_take_to_continue {NO_MODEL} {TAKE} {STREAM} ~generate {SILENT}",
    "stream ring": f"{NO_MODEL} >generate {NO_MODEL} {TAKE} {STREAM} ~generate {SILENT}",
    "stream": f". . . . >stop ~ {ENDED}",
    "save f": f"there_is_no_take >save >save {TAKE} {STREAM} ~save {SILENT}",
    "save_state 1": f"{NO_MODEL} >save_state {NO_MODEL} {TAKE} >save_state ~save_state {SILENT}",
    "recall_state 1": (
        f"{NO_MODEL} >recall_state {NO_MODEL} {TAKE} >recall_state ~recall_state {SILENT}"
    ),
    "write_states f": (
        f"{NO_MODEL} >write_states {NO_MODEL} {TAKE} >write_states ~write_states {SILENT}"
    ),
    "read_states f": (
        f"{NO_MODEL} >read_states {NO_MODEL} {TAKE} >read_states ~read_states {SILENT}"
    ),
    "stop": f"{NO_TAKE} {NO_TAKE} {NO_TAKE} >stop >stop . {ENDED}",
    **{
        text: f"{NO_STREAM} {NO_STREAM} {NO_STREAM} {NO_STREAM} >{name} >{name} {SILENT}"
        for text, name in (
            ("freeze 1", "freeze"),
            ("freeze 2 1", "freeze"),
            ("seed 2 7", "reseed_voice"),
            ("morph 1 2 0.5", "morph"),
            ("note 60 100", "note"),
        )
    },
    "seed 2 a": f"{NO_STREAM} {NO_STREAM} {NO_STREAM} {NO_STREAM} >prime . {SILENT}",
    "unload": ". . . . . . .",
    "info": ". . . . . . .",
    "multichannel": " ".join(["needs_Pd_0.54_or_later_and_this_is_Pd_of_an_unknown"] * 7),
    "models": ". . . . . . .",
    "models_in d": ". . . . . . .",
    "patch_folder d": ". . . . . . .",
    "apart v 2": ". . . . . . .",
    "card m": ". . . . . . .",
    "length 2": ". . . . . . .",
    "temperature 0.5": ". . . >temperature >temperature . .",
    "ramp 0.5 1": ". . . >ramp >ramp . .",
    "rng 7": ". . . . >reseed . .",
    "latency 200": ". . . . >latency . .",
    "heal 1": ". . . . >heal . .",
    "release 300": ". . . . >release . .",
    "gain 1 -6": ". . . . >gain . .",
    "envelope curve": ". . . . >curve . .",
    "seed a": ". . . . >prime . .",
}
CELLS = [
    (text, state, cell)
    for text, row in ROWS.items()
    for state, cell in zip(STATES.split(), row.split(), strict=True)
]
UNLOADED_TAKE = ["error unload during a take: the finished part stays in the array"]
CHANGED = {  # rows of `info` after a message that only changes a setting
    "length 2": "info length 2.0",
    "temperature 0.5": "info temperature 0.5",
    "rng 7": "info rng 7",
    "latency 200": "info latency 200.0",
    "heal 1": "info heal 1",
    "release 300": "info release 300.0",
    "gain 1 -6": "info gain 1 -6.0",
    "envelope curve": "info envelope curve",
    "seed a": "info seed a",
}


class Session:
    """An instrument in a given state, with the requests and statuses that it sends afterwards."""

    def __init__(self, state):
        self.host = Host()
        self.worker = None
        self.instrument = Instrument(self.host, PROJECT, WorkerLink(PROJECT, self._start))
        getattr(self, f"_be_{state.lower()}")()
        self.host.told.clear()
        self.clear()

    def _start(self, python, library_folder):
        self.worker = SilentWorker(python)
        return self.worker

    def say(self, text):
        selector, *atoms = text.split()
        self.instrument.receive(selector, [_atom(word) for word in atoms])

    def event(self, event):
        self.worker.events.append(event)
        self.instrument.poll()

    def sent(self):
        return [messages.type_of(request) for request in self.worker.sent] if self.worker else []

    def clear(self):
        if self.worker:
            self.worker.sent.clear()

    def errors(self):
        return [line for line in self.host.told if line.startswith("error")]

    def _be_empty(self):
        pass

    def _be_loading(self):
        self.say("load D")

    def _be_idle(self):
        self._be_loading()
        self.event(MODEL)

    def _be_taking(self):
        self._be_idle()
        self.say("generate a")
        self.event(messages.Started(1, 64000, 16000, 5))

    def _be_streaming(self):
        self._be_idle()
        self.say("stream ring")
        self.event(messages.Started(1, None, 16000, 5))

    def _be_stopping(self):
        self._be_taking()
        self.say("stop")

    def _be_silent(self):
        self._be_idle()
        self.event(WorkerSilent(True))


def _atom(word):
    return float(word) if word.replace(".", "").isdigit() else word


@pytest.mark.parametrize("text, state, cell", CELLS, ids=[f"{t}, {s}" for t, s, _ in CELLS])
def test_a_message_does_in_a_state_what_its_cell_says(monkeypatch, text, state, cell):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session(state)
    session.say(text)
    if cell[0] in ">.~":
        told = UNLOADED_TAKE if text == "unload" and state in ("TAKING", "STOPPING") else []
        assert session.errors() == told
        assert session.sent() == ([cell[1:]] if cell[0] == ">" else [])
    else:
        (error,) = session.errors()
        assert error.startswith(f"error {text.split()[0]}: ") or cell == ENDED
        assert cell.replace("_", " ") in error
        assert session.sent() == []
    if cell[0] == "~":
        session.event(messages.Stopped(1, 100))
        assert session.errors() == []
        assert session.sent() == ([cell[1:]] if cell[1:] else [])
    if cell == "." and text in CHANGED:
        session.say("info")
        assert CHANGED[text] in session.host.told


def test_every_message_that_a_performer_has_is_walked():
    walked = {row_of(parse(text.split()[0], [_atom(w) for w in text.split()[1:]])) for text in ROWS}
    assert set(TABLE) | set(messages.PD_MESSAGES.values()) == walked
    assert STATES.split() == [state.name for state in State]


def test_what_is_set_behind_a_message_that_waits_waits_too(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STOPPING")
    for text in ("length 2", "generate a", "length 3", "temperature 0.5", "save_state 1"):
        session.say(text)
    session.say("info")
    assert "info length 2.0" in session.host.told
    assert "info temperature 1.0" in session.host.told
    session.event(messages.Stopped(1, 100))
    generate, temperature = session.worker.sent
    assert (generate.dur_s, generate.temperature) == (2.0, (1.0,))
    assert temperature == messages.SetTemperature((0.5,))
    assert session.errors() == ["error save_state: a take is running (stop it first)"]
    session.say("info")
    assert "info length 3.0" in session.host.told


def test_paths_count_from_the_folder_that_a_patch_tells(monkeypatch, tmp_path):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    (tmp_path / "a voice.wav").touch()
    session = Session("STREAMING")
    session.say(f"patch_folder {tmp_path}")
    session.say("patch_folder /patch")  # that of the abstraction itself, told later, is no other
    session.say(f"patch_folder {tmp_path}")
    for text in ("write_states my moments", "read_states old", "seed 1 a", "seed a", "save x"):
        session.say(text)
    paths = [request.path for request in session.worker.sent if hasattr(request, "path")]
    assert paths == [f"{tmp_path}/my moments.states", f"{tmp_path}/old.states"]
    session.instrument.receive("seed", [1, "a voice.wav"])
    assert session.worker.sent[-1].seed_file == f"{tmp_path}/a voice.wav"
    session.say("stop")
    session.event(messages.Stopped(1, 100))
    session.clear()
    session.say("load m")
    assert session.worker.sent[0].search[:2] == (str(tmp_path), "/patch")


def test_voices_that_would_write_into_another_array_are_refused():
    session = Session("EMPTY")
    session.host.arrays.samples["duo-2"] = np.zeros(64, np.float32)
    session.say("apart duo 1")
    session.say("apart duo 2")
    assert session.host.told[0] == "apart 1 duo"
    (error,) = session.errors()
    assert error.startswith("error 'duo' is in use, as there is an array 'duo-2' ")


def test_stop_forgets_what_waits(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STOPPING")
    session.say("generate a")
    session.say("stop")
    session.event(messages.Stopped(1, 100))
    assert session.sent() == []
    session.say("stop")
    assert session.errors() == ["error stop: no take is running"]


@pytest.mark.parametrize("state, after", [("IDLE", ">generate"), ("EMPTY", NO_MODEL)])
def test_after_a_load_that_fails_the_state_is_what_it_was(monkeypatch, state, after):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session(state)
    session.say("load D")
    session.event(messages.Failure("load", "no model"))
    session.host.told.clear()
    session.clear()
    session.say("generate a")
    if after[0] == ">":
        assert session.sent() == [after[1:]]
    else:
        assert after.replace("_", " ") in session.errors()[0]


@pytest.mark.parametrize("state", STATES.split())
def test_a_poll_delivers_in_every_state(monkeypatch, state):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session(state)
    if session.worker:
        session.worker.events.append(messages.Notice("the seed is silent"))
    session.say("poll")
    assert session.host.told == (["notice the seed is silent"] if session.worker else [])


def test_a_take_of_the_flag_form_without_dur_has_four_seconds_unless_length_says_otherwise(
    monkeypatch,
):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("IDLE")
    for texts in (["generate --out a"], ["length 2", "generate --out a"]):
        for text in texts:
            session.say(text)
        session.event(messages.Stopped(session.worker.sent[-1].take, 0))
    assert [request.dur_s for request in session.worker.sent] == [4.0, 2.0]


def test_during_a_load_without_polls_the_hint_is_the_reason(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("LOADING")
    session.host.polls_missing = "nothing is delivered (send poll)"
    for text in ("generate a", "load D"):
        session.say(text)
    hint, other = session.errors()
    assert hint == "error generate: nothing is delivered (send poll)"
    assert other.startswith("error load: a model is being loaded")


@pytest.fixture
def idle(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    return Session("IDLE")


def take_of(session, *texts):
    """Send the messages, the last of which generates, and finish the take."""
    for text in texts:
        session.say(text)
    request = session.worker.sent[-1]
    session.event(messages.Started(request.take, 64000, 16000, 5))
    session.event(messages.Finished(request.take, 64000))
    return request


def test_what_has_waited_is_applied_once(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STOPPING")
    session.say("generate a")
    session.event(messages.Stopped(1, 100))
    session.event(messages.Finished(2, 100))
    assert session.sent() == ["generate"]


def test_a_ramp_is_for_one_take_and_a_temperature_ends_it(idle):
    assert take_of(idle, "ramp 0.5 3", "generate a").ramp == (0.5, 3.0)
    assert take_of(idle, "generate a").ramp is None
    assert take_of(idle, "ramp 0.5 3", "temperature 0.9", "generate a").ramp is None


def test_a_ramp_in_a_take_leaves_its_target_as_the_temperature(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("TAKING")
    session.say("ramp 0.5 3")
    session.say("info")
    assert "info temperature 0.5" in session.host.told


def test_a_take_of_another_model_is_not_continued(idle):
    take_of(idle, "generate a")
    assert take_of(idle, "continue a").resume
    idle.say("load D")
    idle.event(MODEL)
    idle.say("continue a")
    (error,) = idle.errors()
    assert "there is no take to continue" in error


@pytest.mark.parametrize("message", ["temperature 0.5", "ramp 0.5 1", "envelope"])
def test_a_stream_follows_a_curve_as_it_is_drawn_until_the_temperature_is_set(monkeypatch, message):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    monkeypatch.setattr("samplernn_pd.curve_watch._LOOK_EVERY_S", 0.0)
    session = Session("STREAMING")
    session.say("envelope curve")
    session.clear()
    session.host.arrays.samples["curve"][:] = 0.5
    session.say("poll 0")
    assert session.sent() == ["curve"]
    session.say(message)
    session.clear()
    session.host.arrays.samples["curve"][:] = 0.7
    session.say("poll 64")
    assert session.sent() == []


def test_a_long_curve_is_looked_through_in_slices(monkeypatch):
    """Pd must not wait for a comparison of minutes of samples at each poll."""
    clock, arrays, read = [0.0], Arrays(curve=40000), []
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    read_slice = arrays.read_slice
    arrays.read_slice = lambda name, start, stop: (
        read.append(stop - start) or read_slice(name, start, stop)
    )
    watch = CurveWatch("curve", arrays.read("curve"), 1.0, arrays)
    arrays.read = None
    arrays.samples["curve"][39999] = 0.5
    clock[0] += 0.2
    assert [watch.new_curve() for _ in range(2)] == [None, None]
    assert watch.new_curve() == arrays.samples["curve"].tobytes()
    assert read == [16384, 16384, 40000 - 2 * 16384]
    assert watch.new_curve() is None and len(read) == 3
    clock[0] += 0.2
    assert [watch.new_curve() for _ in range(3)] == [None] * 3
    clock[0] += 0.2
    watch.new_curve()
    arrays.samples["curve"] = np.ones(5, np.float32)  # resized meanwhile
    assert watch.new_curve() == np.ones(5, np.float32).tobytes()
    del arrays.samples["curve"]
    clock[0] += 0.2
    assert watch.new_curve() is None


def test_before_pd_stands_still_to_read_a_long_array_the_console_says_so(idle):
    long = np.zeros(12_000_000, np.float32)
    printed = []
    idle.host.print = printed.append
    idle.host.arrays.samples |= {"a long seed": long, "drawn": long}
    idle.instrument.receive("seed", ["a long seed"])
    assert printed == []
    read = idle.host.arrays.read
    idle.host.arrays.read = lambda name: printed.append(name) or read(name)
    idle.say("generate a")
    told = "Pd stands still for about 0.1 s to read a long seed"
    assert printed == [f"samplernn: {told}", "a long seed"]
    assert f"notice {told}" in idle.host.told
    idle.event(messages.Stopped(1, 0))
    printed.clear()
    idle.say("envelope drawn")
    idle.say("stream ring")
    assert printed == ["samplernn: Pd stands still for about 0.1 s to read drawn", "drawn"]


def test_a_seed_that_is_removed_in_a_stream_is_only_a_setting(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STREAMING")
    session.say("seed a")
    session.clear()
    session.say("seed")
    assert session.sent() == session.errors() == []
    session.say("info")
    assert "info seed none" in session.host.told


def test_a_file_as_seed_is_that_of_the_patch_folder_at_the_time(monkeypatch, tmp_path):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    (tmp_path / "tone.wav").write_bytes(b"")
    session = Session("IDLE")
    session.say(f"patch_folder {tmp_path}")
    session.say("seed tone.wav")
    session.say("patch_folder /")
    session.say("info")
    assert f"info seed {tmp_path / 'tone.wav'}" in session.host.told


@pytest.mark.parametrize("message", CHANGED)
def test_a_stream_that_ends_is_not_changed_any_more(monkeypatch, message):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STREAMING")
    session.say("stop")
    session.clear()
    session.say(message)
    session.event(messages.Stopped(1, 100))
    assert session.sent() == session.errors() == []
    session.say("info")
    assert CHANGED[message] in session.host.told


@pytest.mark.parametrize("state", ["EMPTY", "IDLE", "LOADING", "TAKING"])
def test_an_end_of_a_stream_where_none_runs_changes_nothing(monkeypatch, state):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session(state)
    session.say("stream")
    assert session.sent() == session.host.told == []
    if state == "TAKING":
        session.event(messages.Chunk(1, 0, 1, 2.0, np.ones(64, np.float32).tobytes()))
        session.event(messages.Finished(1, 64))
        assert session.host.told[-1] == "generated a 16000 64"


def stream_of(session, *texts):
    """Send the messages, the last of which begins a stream, and stop it."""
    for text in texts:
        session.say(text)
    request = session.worker.sent[-1]
    session.say("stop")
    session.event(messages.Stopped(request.take, 0))
    return request


def test_a_stream_has_the_latency_of_its_message_or_of_the_setting(idle):
    for texts, latency_s in [(["stream ring"], 0.1), (["latency 200", "stream ring"], 0.2)]:
        assert stream_of(idle, *texts).latency_s == latency_s
    assert stream_of(idle, "stream ring 400").latency_s == 0.4
    assert stream_of(idle, "stream ring").latency_s == 0.4


def test_the_gains_of_voices_hold_for_every_stream_until_they_change(idle):
    asked = []
    for texts in (["gain 1 -6"], ["gain 3"], ["gain 1 0"], ["gain 0"]):
        for text in (*texts, "stream ring"):
            idle.say(text)
        asked.append(idle.worker.sent[-1].gains)
        idle.event(messages.Stopped(idle.worker.sent[-1].take, 0))
    assert asked == [(-6.0,), (3.0,), (), ()]
    idle.say("gain 2 -6")
    assert idle.errors()[-1] == "error gain: voice 2 (1 to 1)"


NOT_SAVED = "error save: the worker has ended before the file was written"


@pytest.mark.parametrize("ending", ["unload", "load other --python another"])
def test_a_worker_that_is_writing_a_file_ends_after_its_answer(idle, ending):
    """As in one message box of Pd, `save x, unload`."""
    idle.say("save x")
    idle.say("write_states y")
    old = idle.worker
    idle.say(ending)
    assert "worker off" in idle.host.told and not old.is_closed
    assert idle.instrument.busy  # so that a detached handler delivers the answer
    old.events.append(messages.Chunk(1, 0, 1, 2.0, bytes(4)))
    old.events.append(messages.Notice("the take is saved as x-2.wav"))
    old.events.append(messages.Saved("/x-2.wav"))
    idle.instrument.poll()
    assert idle.host.told[-2:] == ["notice the take is saved as x-2.wav", "saved /x-2.wav"]
    assert not old.is_closed
    old.events.append(messages.Failure("write_states", "write_states: no state is saved"))
    idle.instrument.poll()
    assert idle.errors() == ["error write_states: no state is saved"]
    assert old.is_closed
    assert idle.instrument.busy == (ending != "unload")  # the other worker loads


def test_an_unload_waits_with_the_save_before_it_for_the_end_of_a_take(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STOPPING")
    session.say("save x")
    session.say("unload")
    session.event(messages.Stopped(1, 100))
    assert session.sent() == ["save"]
    assert session.host.told[-1] == "worker off" and not session.worker.is_closed
    session.event(messages.Saved("/x.wav"))
    assert session.host.told[-1] == "saved /x.wav" and session.worker.is_closed
    assert session.errors() == [] and not session.instrument.busy


@pytest.mark.parametrize("end", [WorkerGone("it was killed"), WorkerSilent(True)])
@pytest.mark.parametrize("has_left", [False, True])
def test_a_file_that_a_worker_never_writes_is_told(idle, end, has_left):
    idle.say("save x")
    if has_left:
        idle.say("unload")
    idle.event(end)
    idle.say("unload")
    assert idle.errors()[-1] == NOT_SAVED
    assert idle.worker.is_closed and not idle.instrument.busy


def test_a_worker_that_is_writing_a_file_ends_with_the_object(idle):
    idle.say("save x")
    idle.say("unload")
    idle.instrument.close()
    assert idle.worker.is_closed


ANSWERS = {
    "save x": messages.Saved("/x.wav"),
    "save_state 1": messages.State(1, "saved"),
    "recall_state 1": messages.State(1, "recalled"),
    "write_states f": messages.StatesFile("/f", "written", (1,)),
    "read_states f": messages.StatesFile("/f", "read", (1,)),
}


@pytest.mark.parametrize("text", ANSWERS)
def test_what_will_be_answered_is_waited_for(idle, text):
    """A detached object without polls delivers for as long as it is busy."""
    for answer in (ANSWERS[text], messages.Failure(text.split()[0], "no")):
        idle.say(text)
        idle.event(messages.Notice("not yet"))
        assert idle.instrument.busy
        idle.event(answer)
        assert not idle.instrument.busy


def test_what_is_lost_with_a_python_that_cannot_load_is_not_waited_for(idle):
    idle.say("save_state 1")
    idle.say("load D")
    idle.event(MODEL)
    assert not idle.instrument.busy


def test_a_latency_that_the_worker_cannot_keep_is_told_as_it_is_and_hinders_no_later_stream(
    monkeypatch,
):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STREAMING")
    session.say("latency 20")
    assert session.sent() == ["latency"]
    assert session.host.told == []
    session.event(messages.LatencyUsed(1, 0.0255, 0.02))
    text = "a latency of 20 ms is too short for the rates of this stream: 26 ms is used"
    assert session.host.told == ["latency 25.5", f"notice {text}"]
    session.say("stop")
    session.event(messages.Stopped(1, 0))
    session.host.told.clear()
    session.say("stream ring")
    assert session.worker.sent[-1].latency_s == 0.02
    session.event(messages.LatencyUsed(2, 0.0255, 0.02))
    session.event(messages.Started(2, None, 16000, 5))
    assert session.host.told[:3] == [f"notice {text}", "stream on", "latency 25.5"]


def test_of_two_latencies_in_a_row_neither_is_told_as_too_short(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STREAMING")
    for text in ("latency 500", "latency 50"):
        session.say(text)
    for seconds in (0.5, 0.05):
        session.event(messages.LatencyUsed(1, seconds, seconds))
    told = [line for line in session.host.told if not line.startswith("streaming")]
    assert told == ["latency 500.0", "latency 50.0"]


def test_a_latency_for_which_the_ring_is_too_short_ends_the_stream(monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    session = Session("STREAMING")
    session.clear()
    session.event(messages.LatencyUsed(1, 3000.0, 0.02))
    assert session.errors()[0].startswith("error stream: a latency of 48000000 samples is too long")
    assert session.sent() == ["stop"]
