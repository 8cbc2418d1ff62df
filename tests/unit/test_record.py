"""Records: a take generated again from its record is identical, sample for sample."""

import json
import shutil

import numpy as np
import pytest
import soundfile
from engine_models import engine_generator
from golden import CHECKPOINTS, constant, copy_checkpoint, golden_generator

from sopilib.engine.export import export_model
from sopilib.engine.load import load_generator
from sopilib.errors import RecordError, RequestError
from sopilib.generation import pace
from sopilib.generation.record import find_recorded_model, model_record
from sopilib.generation.record_file import read_take, save_take
from sopilib.generation.take import Take, TakeRequest, take_again
from sopilib.generation.temperature import Curve, Envelope
from sopilib.model.folder import find_model

NAME = "gru_mulaw"
GENERATORS = {
    "tensorflow": lambda: golden_generator(NAME, 2),
    "float32": lambda: engine(precision="float32"),
    "int8": lambda: engine(precision="int8"),
}


def engine(num_seqs=2, precision="float32"):
    return engine_generator(NAME, num_seqs, precision, threads=1)


def noise(num_samples, num_channels=1):
    shape = (num_samples, num_channels)
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


def make(take, turns=(), num_chunks=None):
    """Generate a take, stopped after `num_chunks` and turned after each chunk; return its audio."""
    chunks, turns = [], list(turns)
    for chunk in take:
        chunks.append(chunk)
        if len(chunks) == num_chunks:
            break
        if turns and chunk.shape[1]:
            turns.pop(0)(take.temperature)
    return np.concatenate(chunks, axis=1)


def save(folder, generator, take, audio, name="take"):
    """Save a take; return the path of its record."""
    path = folder / f"{name}.json"
    model = model_record(find_model(CHECKPOINTS / NAME), generator)
    save_take([path.with_suffix(".wav")], path, audio, model, take.record)
    return path


def simple_take(**request):
    """Return a generator, a take of 100 samples from it, and the take's audio."""
    generator = engine(1)
    take = Take(generator, TakeRequest(**{"dur_s": 0.00625, "rng_seed": 5, **request}))
    return generator, take, make(take)


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("out_rate", [None, 44100])
def test_a_take_with_all_that_there_is_is_made_again(name, out_rate, tmp_path, monkeypatch):
    generator = GENERATORS[name]()
    request = TakeRequest(
        dur_s=9.0,
        out_rate=out_rate,
        temperature=(Envelope((0.7, 1 / 3), (0.02,), (-2.0,)), Curve([0.5, 1.1, 0.3], 0.01)),
        seed_audio=noise(5000, 2),
        seed_rate=44100,
        rng_seed=11,
        ramp=(1.2, 0.013),
    )
    turns = [
        lambda control: control.set([0.3, 0.8]),
        lambda control: control.ramp(1.1, 1 / 150),
        lambda control: control.follow(np.float32([0.1, 1.7, 0.9])),
        lambda control: (control.set([0.5]), control.ramp(0.9, 0.01)),
    ]
    first = Take(generator, request)
    make(first, turns, num_chunks=20)
    resumed = TakeRequest(1.0, out_rate, (0.9,), resume=True, continues=first.record)
    second = Take(generator, resumed)
    make(second, num_chunks=3)
    resumed = TakeRequest(
        0.05, out_rate, (Curve([1.0, 0.2]),), resume=True, continues=second.record
    )
    third = Take(generator, resumed)
    audio = make(third, turns[:2])
    path = save(tmp_path, generator, third, audio)

    monkeypatch.setattr(pace.Pace, "TARGET_S", 0.003)  # other chunks
    saved = read_take(path)
    found = [part.num_made for part in saved.take.chain()]
    assert found == [take.record.num_made for take in (first, second, third)]
    again = take_again(GENERATORS[name](), saved.take)
    again_audio = make(again)
    np.testing.assert_array_equal(again_audio, audio)
    assert again.num_samples == audio.shape[1] == round(0.05 * (out_rate or 16000))
    assert save(tmp_path, generator, again, again_audio).read_text() == path.read_text()
    assert soundfile.read(tmp_path / "take.wav")[0].shape == (audio.shape[1], 2)


@pytest.mark.parametrize("out_rate", [None, 44100, 8000])
def test_a_stopped_take_ends_where_it_ended_and_is_resumed_from_there(out_rate, tmp_path):
    generator = engine()
    stopped = Take(generator, TakeRequest(dur_s=5.0, out_rate=out_rate, rng_seed=3))
    audio = make(stopped, num_chunks=9)
    rest = make(Take(generator, TakeRequest(dur_s=0.1, resume=True)))
    path = save(tmp_path, generator, stopped, audio)
    fresh = engine()
    again = take_again(fresh, read_take(path).take)
    assert again.num_samples == audio.shape[1]
    np.testing.assert_array_equal(make(again), audio)
    np.testing.assert_array_equal(make(Take(fresh, TakeRequest(0.1, resume=True))), rest)


def test_a_take_stopped_while_it_is_primed_is_resumed_from_there(tmp_path):
    generator = engine()
    seeded = TakeRequest(dur_s=1.0, seed_audio=noise(16000), rng_seed=3)
    primed = Take(generator, seeded)
    assert make(primed, num_chunks=2).shape == (2, 0)
    resumed = TakeRequest(0.02, 44100, resume=True, continues=primed.record)
    take = Take(generator, resumed)
    audio = make(take)
    saved = read_take(save(tmp_path, generator, take, audio))
    assert 0 < saved.take.chain()[0].seed_audio.size < 16000
    np.testing.assert_array_equal(make(take_again(engine(), saved.take)), audio)


def test_every_take_of_a_chain_keeps_a_seed_of_its_own(tmp_path):
    generator = engine(1)
    first = Take(generator, TakeRequest(0.005, seed_audio=noise(40), seed_name="bell", rng_seed=5))
    make(first)
    resumed = TakeRequest(0.005, resume=True, continues=first.record)
    second = Take(generator, resumed)
    make(second)
    resumed = TakeRequest(
        0.005, seed_audio=-noise(60), seed_name="gong", resume=True, continues=second.record
    )
    third = Take(generator, resumed)
    audio = make(third)
    path = save(tmp_path, generator, third, audio)
    seeds = [taken["seed"] for taken in json.loads(path.read_text())["takes"]]
    assert seeds.pop(1) is None
    assert [(seed["from"], seed["file"]) for seed in seeds] == [
        ("bell", "take.seed.wav"),
        ("gong", "take.seed3.wav"),
    ]
    saved = read_take(path).take
    assert [part.seed_name for part in saved.chain()] == ["bell", None, "gong"]
    assert [part.rng_seed for part in saved.chain()] == [5, 5, 5]
    np.testing.assert_array_equal(saved.chain()[0].seed_audio, noise(40)[:, 0])
    np.testing.assert_array_equal(saved.seed_audio, -noise(60)[:, 0])
    again = take_again(engine(1), saved)
    np.testing.assert_array_equal(make(again), audio)
    np.testing.assert_array_equal(again.record.seed_audio, saved.seed_audio)


def test_turns_take_effect_at_the_samples_that_the_record_names(tmp_path):
    generator = engine()
    take = Take(generator, TakeRequest(dur_s=0.1, rng_seed=2))
    audio = make(take, [lambda control: control.set([0.25]), lambda control: control.set([2, 0])])
    path = save(tmp_path, generator, take, audio)
    turns = json.loads(path.read_text())["takes"][0]["turns"]
    assert [turn["set"] for turn in turns] == [[0.25], [2.0, 0.0]]
    first, second = (turn["at"] for turn in turns)
    temperature = constant(1.0, 1600)
    temperature[:, first:] = 0.25
    temperature[:, second:] = [[2.0], [0.0]]
    generator.reset(2)
    np.testing.assert_array_equal(audio, generator.generate(temperature))
    np.testing.assert_array_equal(audio, make(take_again(generator, read_take(path).take)))


def test_a_turn_after_the_last_sample_is_not_in_the_record():
    _, take, _ = simple_take()
    take.temperature.set([0.5])
    assert take.record.turns == ()


def test_the_file_can_be_read_by_people(tmp_path):
    request = {"temperature": (Curve(np.float32([0.7, 1.1])),), "ramp": (0.5, 2.0)}
    generator, take, audio = simple_take(seed_audio=noise(40), seed_name="bell", **request)
    path = save(tmp_path, generator, take, audio)
    lines = path.read_text().splitlines()
    assert '  "samplernn_take": 1,' in lines
    assert '  "sound": ["take.wav"],' in lines
    assert '      "temperature": [' in lines
    assert '        {"curve": [0.7, 1.1], "seconds": null}' in lines
    assert '        {"at": 0, "ramp": [0.5, 2.0]}' in lines
    values = json.loads(path.read_text())
    assert values["model"]["name"] == "gru_mulaw"
    assert values["model"]["path"] == str(CHECKPOINTS / NAME / "model.ckpt-1")
    assert values["model"]["precision"] == "float32"
    taken = values["takes"][0]
    assert (taken["num_samples"], taken["out_rate"], taken["rng_seed"]) == (100, 16000, 5)
    assert (taken["seed"]["from"], taken["seed"]["file"]) == ("bell", "take.seed.wav")
    assert np.array_equal(
        soundfile.read(tmp_path / "take.seed.wav", dtype="float32")[0], noise(40)[:, 0]
    )


def changed(tmp_path, change):
    """Return the path of a record whose JSON values `change` has changed."""
    path = save(tmp_path, *simple_take(seed_audio=noise(40)))
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    return path


def set_take(key, value):
    return lambda values: values["takes"][0].update({key: value})


def set_model(key, value):
    return lambda values: values["model"].update({key: value})


def set_turn(*turns):
    return set_take("turns", list(turns))


@pytest.mark.parametrize(
    "change, told",
    [
        (lambda values: values.clear(), "is not the record of a take"),
        (lambda values: values.update(samplernn_take=2), "has version 2, this program reads 1"),
        (lambda values: values.pop("model"), 'no "model"'),
        (lambda values: values.update(model=[]), '"model" is [], expected an object'),
        (lambda values: values.update(takes=[]), '"takes" is [], expected a list, not empty'),
        (lambda values: values.update(takes=[3]), "3 is not an object"),
        (lambda values: values.update(sound="take.wav"), '"sound" is "take.wav", expected a list'),
        (lambda values: values.update(sound=["a", "b", "c"]), '"sound" names 3 files'),
        (lambda values: values["takes"].append(values["takes"][0]), '"resume" is false'),
        (set_model("path", ""), '"path" is "", expected a text'),
        (set_model("sha256", "0"), '"sha256" is "0", expected 64 hexadecimal digits'),
        (set_model("num_seqs", 0), '"num_seqs" is 0, expected an integer above 0'),
        (set_model("num_seqs", True), '"num_seqs" is true'),
        (set_take("dur_s", "4"), '"dur_s" is "4", expected a number'),
        (set_take("dur_s", float("nan")), '"dur_s" is NaN'),
        (set_take("num_made", -1), '"num_made" is -1, expected an integer, 0 or above'),
        (set_take("num_samples", 1.5), '"num_samples" is 1.5'),
        (set_take("num_samples", 10**400), '"num_samples" is 1000'),
        (set_take("rng_seed", None), '"rng_seed" is null'),
        (set_take("resume", 0), '"resume" is 0, expected true or false'),
        (set_take("seed", "bell.wav"), '"seed" is "bell.wav"'),
        (set_take("seed", {"from": None, "file": "take.seed.wav"}), 'no "sha256"'),
        (set_take("temperature", []), '"temperature" is []'),
        (set_take("temperature", [None]), '"temperature" is null, expected a number'),
        (set_take("temperature", [-1]), "temperature -1"),
        (set_take("temperature", ["Env(1)"]), "'Env(1)' is not a temperature"),
        (set_take("temperature", [1, 1]), "2 temperatures for 1 voice"),
        (set_take("temperature", [{"curve": [], "seconds": 1}]), '"curve" is []'),
        (set_take("temperature", [{"curve": ["a"], "seconds": 1}]), '"curve" is ["a"]'),
        (set_take("temperature", [{"curve": [1], "seconds": 0}]), "0 seconds"),
        (set_turn(3), "3 is not an object"),
        (set_turn({"set": [1]}), 'no "at"'),
        (set_turn({"at": -1, "set": [1]}), '"at" is -1'),
        (set_turn({"at": 9, "set": [1]}, {"at": 8, "set": [1]}), '"at" is 8 after 9'),
        (set_turn({"at": 1, "set": [1, 1]}), "2 temperatures for 1 voice"),
        (set_turn({"at": 1, "set": 1}), '"set" is 1, expected a list of numbers'),
        (set_turn({"at": 1, "ramp": [1]}), '"ramp" is [1], expected two numbers'),
        (set_turn({"at": 1, "ramp": [1, -2]}), "a ramp of -2 seconds"),
        (set_turn({"at": 1, "follow": "hot"}), "'hot' is not a temperature"),
        (set_turn({"at": 1, "__init__": [1]}), 'no "ramp"'),
    ],
)
def test_a_field_that_cannot_be_is_told_in_one_line(change, told, tmp_path):
    path = changed(tmp_path, change)
    with pytest.raises(RecordError) as raised:
        read_take(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ") and told in message
    assert "(" in message and "\n" not in message


@pytest.mark.parametrize("key", ["dur_s", "sha256", "num_made", "seed", "temperature", "turns"])
def test_a_field_that_is_missing_is_told(key, tmp_path):
    with pytest.raises(RecordError, match=f'no "{key}"'):
        read_take(changed(tmp_path, lambda values: values["takes"][0].pop(key)))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\udcff"])
def test_a_file_that_is_no_json_is_told(text, tmp_path):
    path = tmp_path / "take.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(RecordError, match="take.json: is not JSON"):
        read_take(path)


def test_a_seed_that_is_missing_or_another_one_is_told(tmp_path):
    path = save(tmp_path, *simple_take(seed_audio=noise(40)))
    soundfile.write(tmp_path / "take.seed.wav", noise(41), 16000, "FLOAT")
    with pytest.raises(RecordError, match="take.seed.wav is not the seed of the take"):
        read_take(path)
    (tmp_path / "take.seed.wav").unlink()
    with pytest.raises(RecordError, match="no sound file .*take.seed.wav"):
        read_take(path)


def test_what_went_on_from_an_unrecorded_sound_cannot_be_made_again(tmp_path):
    generator, take, audio = simple_take(resume=True)
    saved = read_take(save(tmp_path, generator, take, audio))
    with pytest.raises(RequestError, match="resumes a sound that has no record"):
        take_again(generator, saved.take)


def test_a_record_that_cannot_be_written_is_told(tmp_path):
    generator, take, audio = simple_take()
    (tmp_path / "take.json").mkdir()
    with pytest.raises(RecordError, match="cannot write .*take.json"):
        save(tmp_path, generator, take, audio)


@pytest.fixture
def model_folder(tmp_path):
    return copy_checkpoint(NAME, tmp_path / "model")


def change_byte(path):
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)


def recorded(folder, precision="float32"):
    files = find_model(folder)
    return model_record(files, load_generator(files, 1, precision, threads=1))


def test_a_model_is_found_where_it_was_and_by_its_name_if_it_was_moved(model_folder, tmp_path):
    model = recorded(model_folder)
    assert find_recorded_model(model, [tmp_path / "models"]).prefix == model.path
    moved = shutil.move(model_folder, tmp_path / "models" / "model")
    found = find_recorded_model(model, [tmp_path, tmp_path / "models"])
    assert found.prefix == f"{moved}/model.ckpt-1"


def test_of_several_checkpoints_the_one_of_the_take_is_found(model_folder, tmp_path):
    model = recorded(model_folder)
    moved = shutil.move(model_folder, tmp_path / "models" / "model")
    for end in ("index", "data-00000-of-00001"):
        shutil.copy(f"{moved}/model.ckpt-1.{end}", f"{moved}/model.ckpt-2.{end}")
    (moved / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-2"\n')
    assert find_recorded_model(model, [tmp_path / "models"]).prefix.endswith("model.ckpt-1")


def test_a_model_that_is_gone_is_told_with_where_it_was_looked_for(model_folder, tmp_path):
    model = recorded(model_folder)
    shutil.rmtree(model_folder)
    with pytest.raises(RecordError) as raised:
        find_recorded_model(model, [tmp_path])
    message = str(raised.value)
    assert model.path in message and str(tmp_path) in message
    assert "(copy it there)" in message and "\n" not in message


def test_a_model_that_is_another_one_is_refused(model_folder):
    model = recorded(model_folder)
    config = next(model_folder.glob("*.config.json"))
    original = config.read_text()
    config.write_text(original.replace('"seq_len": ', '"seq_len": 1'))
    with pytest.raises(RecordError, match="config.json has another digest than the record says"):
        find_recorded_model(model, [])
    config.write_text(original)
    change_byte(model_folder / "model.ckpt-1.index")
    with pytest.raises(RecordError, match="model.ckpt-1 has another digest than the record says"):
        find_recorded_model(model, [])


def test_an_exported_model_is_known_by_the_weights_that_played(model_folder, tmp_path):
    exported = tmp_path / "exported"
    export_model(find_model(model_folder), ["int8", "float32"], exported)
    model = recorded(exported, "int8")
    assert model.path == str(exported)
    (exported / "model.float32.pack").unlink()
    assert find_recorded_model(model, []).folder == exported
    change_byte(exported / "model.int8.pack")
    with pytest.raises(RecordError, match="exported has another digest"):
        find_recorded_model(model, [])
    (exported / "model.int8.pack").unlink()
    with pytest.raises(RecordError, match="no model .*exported"):
        find_recorded_model(model, [])
