"""Events that a worker never sends: the class has one line for each and stays usable."""

import dataclasses
import json
import math
import struct
import sys

import pytest
from class_host import Host, SilentWorker
from places import PROJECT
from pythons import write_script
from worker_requests import receive

from samplernn_pd.client import WorkerClient, WorkerGone
from samplernn_pd.instrument import Instrument
from samplernn_pd.worker_link import WorkerLink
from sopilib.errors import ProtocolError
from sopilib.protocol import codec, messages
from sopilib.protocol.fields import checked

SAMPLES = struct.pack("<4f", 0.1, 0.2, 0.3, 0.4)
EVENTS = [
    messages.Loaded("m", 16000, 1, (("rnn", "gru"),)),
    messages.Started(1, 64, 16000, 5),
    messages.Chunk(1, 0, 1, 1.5, SAMPLES),
    messages.Finished(1, 64),
    messages.Stopped(1, 32),
    messages.LatencyUsed(1, 0.026, 0.02),
    messages.SoundWarning(1, "stuck"),
    messages.State(1, "saved"),
    messages.StatesFile("a.states", "written", (1, 2)),
    messages.Saved("a.wav"),
    messages.Notice("text"),
    messages.Failure("load", "text"),
    messages.Failure("generate", "text", 1),
    messages.Alive(10.0),
]
VALUES = [
    None,
    True,
    "x",
    "",
    -1,
    0,
    1 << 40,
    10**400,
    1.5,
    math.nan,
    math.inf,
    [],
    [1],
    {},
    b"abc",
]
CASES = [
    dataclasses.replace(event, **{field.name: value})
    for event in EVENTS
    for field in dataclasses.fields(event)
    for value in VALUES
    if (field.name == "payload") == isinstance(value, bytes)
]


def passes(event):
    try:
        checked(event)
    except ProtocolError as error:
        return not is_short_line(str(error))
    return True


def is_short_line(text):
    assert "\n" not in text and len(text) < 200
    return True


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type_name)
def test_an_event_as_a_worker_sends_it_passes(event):
    (decoded,) = codec.Decoder().feed(codec.encode(event))
    assert checked(decoded) == event or isinstance(event, messages.Loaded)


@pytest.mark.parametrize(
    "event, told",
    [
        (messages.Started(1, 64, "16000", 5), "started: sample_rate is '16000'"),
        (messages.Started(1, 64, 0, 5), "started: sample_rate: 0 Hz (a whole number from 1000"),
        (messages.Started(True, 64, 16000, 5), "started: take is True"),
        (messages.Chunk(1, 0, 1, math.nan), "chunk: speed is nan"),
        (messages.Chunk(1, 0, 3, 1.0, SAMPLES), "chunk: a payload of 16 bytes, 3 voices"),
        (messages.Notice(["a"] * 99), "notice: text is ['a', 'a'"),
        (messages.Loaded("m", 16000, 1, (("rnn", {}),)), "loaded: facts is"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(event, told):
    with pytest.raises(ProtocolError) as raised:
        checked(event)
    assert str(raised.value).startswith(told)


BEFORE = {
    "empty": (),
    "loading": ("load D",),
    "idle": ("load D", EVENTS[0]),
    "taking": ("load D", EVENTS[0], "generate a", EVENTS[1]),
    "asked": ("load D", EVENTS[0], "generate a"),
    "streaming": ("load D", EVENTS[0], "stream ring", messages.Started(1, None, 16000, 5)),
}


@pytest.mark.parametrize("state", BEFORE)
def test_whatever_passes_breaks_nothing_in_any_state(state, monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    passing = [event for event in (*EVENTS, *CASES) if passes(event)]
    assert len(EVENTS) < len(passing) < len(CASES) / 2
    for event in passing:
        host, workers = Host(), []
        link = WorkerLink(
            PROJECT, lambda *_, workers=workers: workers.append(SilentWorker()) or workers[0]
        )
        instrument = Instrument(host, PROJECT, link)
        for step in (*BEFORE[state], event, event):
            if isinstance(step, str):
                instrument.receive(step.split()[0], step.split()[1:])
            elif workers:
                workers[0].events.append(step)
            instrument.poll()
        assert all(type(atom) is str for atom in host.told)
        instrument.receive("unload", [])
        assert state == "empty" or host.told[-1] == "worker off", (event, host.told)


FRAMES = """
import sys, time
for text, payload in {frames!r}:
    header = text.encode()
    sys.stdout.buffer.write(b"SRNN" + len(header).to_bytes(4, "little")
                            + len(payload).to_bytes(4, "little") + header + payload)
sys.stdout.flush()
time.sleep(60)
"""


def test_a_worker_that_sends_a_wrong_event_is_ended_with_one_line(tmp_path):
    hello = json.dumps({"type": "hello", "protocol": 2, "version": "0"})
    wrong = json.dumps({"type": "notice", "text": 5})
    (tmp_path / "frames.py").write_text(FRAMES.format(frames=[(hello, b""), (wrong, b"")]))
    python = write_script(tmp_path / "python", f"exec {sys.executable} {tmp_path}/frames.py")
    client = WorkerClient(str(python), PROJECT)
    receive(client, messages.Hello)
    gone = receive(client, WorkerGone)
    assert gone.reason == "the worker sent a wrong event: notice: text is 5 (load again)"
    client.close()


def test_a_text_that_pd_cannot_hold_is_told_with_question_marks():
    host, workers = Host(), []
    link = WorkerLink(PROJECT, lambda *_: workers.append(SilentWorker()) or workers[0])
    instrument = Instrument(host, PROJECT, link)
    instrument.receive("load", ["D", "--python", "python"])
    workers[0].events.append(messages.Notice("cannot read mod\udc85.wav\0"))
    instrument.poll()
    assert host.told == ["notice cannot read mod?.wav?"]
