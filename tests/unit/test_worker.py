"""A real worker process with a real checkpoint, driven over its pipes."""

import json
import math
import struct
import sys

import numpy as np
import pytest
import soundfile
from places import GRU, LSTM, PROJECT
from worker_requests import generate, receive, receive_take

from samplernn_pd.client import WorkerClient
from sopilib.commands.main import main
from sopilib.protocol import messages as protocol


@pytest.fixture(scope="module")
def client():
    """Yield a worker with the GRU fixture loaded for two voices."""
    client = WorkerClient(sys.executable, PROJECT)
    client.send(protocol.Load(str(GRU), num_seqs=2))
    loaded = receive(client, protocol.Loaded)
    assert (loaded.name, loaded.sample_rate, loaded.num_seqs) == ("gru_mulaw", 16000, 2)
    assert ["rnn", "gru", 24, 2] in [list(fact) for fact in loaded.facts]
    assert "checkpoint" in [fact[0] for fact in loaded.facts]
    yield client
    client.close()


def test_a_take_has_exactly_its_length_and_the_same_seed_gives_the_same_take(client):
    events, first = generate(client)
    assert events[0] == protocol.Started(1, 533, 16000, 5)
    assert events[-1] == protocol.Finished(1, 533)
    assert first.shape == (2, 533)
    assert np.array_equal(generate(client)[1], first)
    assert not np.array_equal(generate(client, rng_seed=6)[1], first)


def test_continue_goes_on_where_the_last_take_ended(client):
    _, whole = generate(client, dur_s=0.05)
    _, first = generate(client, dur_s=0.02)
    _, second = generate(client, dur_s=0.03, resume=True)
    assert np.array_equal(np.concatenate([first, second], axis=1), whole)


def test_a_stream_that_is_refused_leaves_the_rate_of_the_take_to_what_continues_it(client):
    """The fixture's rate is unknown, so `out_rate` is taken as its rate for one take."""
    events, first = generate(client, out_rate=44100)
    assert isinstance(events[0], protocol.Notice)
    assert events[1] == protocol.Started(1, 1469, 44100, 5)
    client.send(protocol.Generate(take=2, latency_s=3.0))
    assert "latency" in receive(client, protocol.Failure).text
    _, second = generate(client, resume=True)
    _, whole = generate(client, dur_s=0.0666, out_rate=44100)
    assert np.array_equal(np.concatenate([first, second], axis=1)[:, : whole.shape[1]], whole)


def test_a_rate_out_of_range_is_refused_and_the_model_stays(client):
    client.send(protocol.Load(str(LSTM), sample_rate=999))
    failure = receive(client, protocol.Failure)
    assert (failure.request, failure.text) == (
        "load",
        "rate: 999 Hz (a whole number from 1000 to 384000)",
    )
    assert generate(client)[0][-1] == protocol.Finished(1, 533)


def test_stop_ends_a_long_take_and_the_worker_goes_on(client):
    client.send(protocol.Generate(take=2, dur_s=600.0))
    receive(client, protocol.Chunk)
    client.send(protocol.Stop())
    stopped = receive(client, protocol.Stopped)
    assert 0 < stopped.num_samples < 600 * 16000
    assert generate(client)[0][-1] == protocol.Finished(1, 533)


def test_temperature_zero_in_mid_take_leaves_no_chance_in_what_follows(client):
    client.send(protocol.Generate(take=3, dur_s=600.0))
    receive(client, protocol.Chunk)
    client.send(protocol.SetTemperature((0.0,)))
    tail = [receive(client, protocol.Chunk) for _ in range(30)][-1]
    client.send(protocol.Stop())
    receive(client, protocol.Stopped)
    values = np.unique(np.frombuffer(tail.payload, "<f4"))
    assert values.size < 16  # a random network at temperature 0 falls into a short loop


def test_a_second_take_or_load_while_one_runs_is_refused_and_the_first_goes_on(client):
    client.send(protocol.Generate(take=4, dur_s=600.0))
    receive(client, protocol.Started)
    for request in (protocol.Generate(take=5, dur_s=1.0), protocol.Load(str(LSTM))):
        client.send(request)
        assert "running" in receive(client, protocol.Failure).text
    receive(client, protocol.Chunk)
    client.send(protocol.Stop())
    assert receive(client, protocol.Stopped).take == 4


def test_a_model_without_a_checkpoint_tells_of_none(bells):
    client = WorkerClient(sys.executable, PROJECT)
    client.send(protocol.Load(str(bells)))
    facts = dict(list(fact)[:2] for fact in receive(client, protocol.Loaded).facts)
    client.close()
    assert facts["model"] == bells.name and "checkpoint" not in facts


@pytest.mark.parametrize(
    "wrong, quoted",
    [
        ({"dur_s": 0.0}, "0"),
        ({"dur_s": math.nan}, "nan"),
        ({"dur_s": 1e12}, "GB"),
        ({"temperature": (-1.0,)}, "-1"),
        ({"temperature": (1.0, 1.0, 1.0)}, "3"),
        ({"temperature": ("Env([1,2)",)}, "Env"),
        ({"seed_file": "/no/such/file.wav"}, "/no/such/file.wav"),
        ({"seed_samples": 9, "seed_rate": 16000}, "9"),
    ],
)
def test_a_wrong_request_fails_in_one_line_and_the_next_one_works(client, wrong, quoted):
    client.send(protocol.Generate(**{"take": 6, "dur_s": 0.01, **wrong}))
    failure = receive(client, protocol.Failure)
    assert failure.take == 6
    assert quoted in failure.text and "\n" not in failure.text
    assert generate(client)[0][-1] == protocol.Finished(1, 533)


def test_a_load_that_fails_keeps_the_model_that_was_there(client):
    client.send(protocol.Load("no-such-model"))
    assert "no-such-model" in receive(client, protocol.Failure).text
    assert generate(client)[0][-1] == protocol.Finished(1, 533)


def test_a_silent_seed_is_noticed_and_the_take_is_made(client, tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros((100, 2)), 8000)
    client.send(protocol.Generate(take=7, dur_s=0.01, seed_file=str(path)))
    assert "silence" in receive(client, protocol.Notice).text
    assert receive_take(client)[0][-1] == protocol.Finished(7, 160)


def test_a_seed_that_has_faded_out_is_noticed_too(client):
    bell = np.sin(np.arange(16000) * 0.3) * 10 ** (-np.arange(16000) / 4000)  # -80 dB at its end
    events, _ = generate(
        client, payload=bell[:6000].astype("<f4").tobytes(), seed_samples=6000, seed_rate=16000
    )
    assert not any(isinstance(event, protocol.Notice) for event in events)  # -30 dB is enough
    client.send(
        protocol.Generate(
            take=8,
            dur_s=0.01,
            payload=bell.astype("<f4").tobytes(),
            seed_samples=16000,
            seed_rate=16000,
        )
    )
    events, _ = receive_take(client)
    assert "silence" in events[0].text
    assert events[-1] == protocol.Finished(8, 160)


def test_a_seed_file_that_breaks_off_is_noticed_and_used_up_to_there(client, tmp_path):
    path = tmp_path / "broken.flac"
    soundfile.write(path, np.sin(np.arange(24000) * 0.3) * 0.5, 8000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    client.send(protocol.Generate(take=9, dur_s=0.01, seed_file=str(path)))
    assert "broken.flac breaks off after 1." in receive(client, protocol.Notice).text
    assert receive_take(client)[0][-1] == protocol.Finished(9, 160)


def test_a_seed_changes_the_take_and_a_file_is_as_good_as_an_array(client, tmp_path):
    tone = np.sin(np.arange(800) * 0.3).astype("<f4") * 0.5
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone, 16000, subtype="FLOAT")
    _, from_array = generate(client, payload=tone.tobytes(), seed_samples=800, seed_rate=16000)
    assert not np.array_equal(from_array, generate(client)[1])
    assert np.array_equal(generate(client, seed_file=str(path))[1], from_array)


def test_a_curve_of_zeros_is_temperature_zero(client):
    zeros = struct.pack("<2f", 0.0, 0.0)
    _, curve = generate(client, temperature=(None,), envelope_samples=2, payload=zeros)
    assert np.array_equal(curve, generate(client, temperature=(0.0,))[1])


def receive_saved(client):
    return receive(client, protocol.Saved, protocol.Failure)


def saved_again(path):
    """Return the bytes of the WAV that `generate --from` writes for the record beside `path`."""
    again = path.with_name("again.wav")
    flags = ["generate", "--from", str(path.with_suffix(".json")), "--output_path", str(again)]
    assert main(flags) == 0
    return again.read_bytes()


def test_a_saved_take_is_the_last_one_and_can_be_made_again(client, tmp_path):
    tone = (np.sin(np.arange(3000) * 0.3) * 0.5).astype("<f4")
    curve = np.linspace(0.5, 1.2, 7).astype("<f4")
    fields = {"payload": tone.tobytes() + curve.tobytes(), "seed_samples": 3000, "seed_rate": 44100}
    _, audio = generate(
        client,
        temperature=(None,),
        envelope_samples=7,
        seed_name="source",
        out_rate=22050,
        **fields,
    )
    path = tmp_path / "take.wav"
    client.send(protocol.Save(str(path)))
    assert receive_saved(client) == protocol.Saved(str(path))
    written, rate = soundfile.read(path)
    assert rate == 22050
    np.testing.assert_allclose(written, np.clip(audio.T, -1, 1), atol=1 / 32768)
    assert saved_again(path) == path.read_bytes()
    assert '"from": "source"' in path.with_suffix(".json").read_text()


def test_a_stopped_take_that_was_turned_and_continued_can_be_made_again(client, tmp_path):
    for resume in (False, True):
        client.send(protocol.Generate(take=8, dur_s=600.0, rng_seed=9, resume=resume))
        receive(client, protocol.Chunk)
        for request in (protocol.SetTemperature((0.9, 0.6)), protocol.Ramp(0.4, 0.05)):
            client.send(request)
            client.send(protocol.Save("refused.wav"))  # answered after the change
            assert "running" in receive(client, protocol.Failure).text
            receive(client, protocol.Chunk)
        client.send(protocol.Stop())
        num_samples = receive(client, protocol.Stopped).num_samples
    path = tmp_path / "take.wav"
    client.send(protocol.Save(str(path)))
    assert receive_saved(client) == protocol.Saved(str(path))
    assert soundfile.info(path).frames == num_samples
    takes = json.loads(path.with_suffix(".json").read_text())["takes"]
    assert len(takes) == 2 and all(len(take["turns"]) == 2 for take in takes)
    assert saved_again(path) == path.read_bytes()


def test_a_recalled_state_leaves_the_last_take_to_be_saved_but_is_not_its_continuation(
    client, tmp_path
):
    client.send(protocol.SaveState(3))
    receive(client, protocol.State)
    generate(client, rng_seed=4)
    client.send(protocol.RecallState(3))
    receive(client, protocol.State)
    path = tmp_path / "take.wav"
    client.send(protocol.Save(str(path)))
    assert receive_saved(client) == protocol.Saved(str(path))
    assert saved_again(path) == path.read_bytes()
    generate(client, resume=True)
    client.send(protocol.Save(str(path)))
    assert receive_saved(client) == protocol.Saved(str(path))
    (take,) = json.loads(path.with_suffix(".json").read_text())["takes"]
    assert take["resume"]


def test_save_takes_the_next_free_name_and_tells_it(client, tmp_path):
    generate(client, rng_seed=4)
    notes = tmp_path / "bell.json"
    notes.write_text("mine")
    client.send(protocol.Save(str(tmp_path / "bell.wav")))
    told = f"{notes} exists and is not the record of a take: the take is saved as bell-2.wav"
    assert receive(client, protocol.Notice) == protocol.Notice(told)
    assert receive_saved(client) == protocol.Saved(str(tmp_path / "bell-2.wav"))
    assert notes.read_text() == "mine" and not (tmp_path / "bell.wav").exists()
    generate(client, rng_seed=5)
    for replaces, name in ((False, "bell-2-2.wav"), (True, "bell-2.wav")):
        client.send(protocol.Save(str(tmp_path / "bell-2.wav"), replaces))
        assert receive_saved(client) == protocol.Saved(str(tmp_path / name))
    assert (tmp_path / "bell-2.wav").read_bytes() == (tmp_path / "bell-2-2.wav").read_bytes()


def test_save_is_refused_in_one_line_where_it_cannot_be(client, tmp_path):
    client.send(protocol.Generate(take=9, dur_s=600.0))
    receive(client, protocol.Chunk)
    client.send(protocol.Save(str(tmp_path / "running.wav")))
    assert "running" in receive_saved(client).text
    client.send(protocol.Stop())
    receive(client, protocol.Stopped)
    client.send(protocol.Save(str(tmp_path / "no" / "folder.wav")))
    assert "cannot write" in receive_saved(client).text
    client.send(protocol.Load(str(GRU), num_seqs=2))
    receive(client, protocol.Loaded)
    client.send(protocol.Save(str(tmp_path / "none.wav")))
    assert "there is no take to save" in receive_saved(client).text
    assert list(tmp_path.iterdir()) == []


def test_another_model_replaces_the_first(client):
    client.send(protocol.Load(str(LSTM), num_seqs=1))
    assert receive(client, protocol.Loaded).name == "lstm_linear_skip"
    assert generate(client)[1].shape == (1, 533)
    client.send(protocol.Load(str(GRU), num_seqs=2))
    receive(client, protocol.Loaded)
