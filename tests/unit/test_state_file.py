"""Files of kept states: written whole, read by the same model only, never over other files."""

import dataclasses
import json
import os

import numpy as np
import pytest
from places import GRU

from sopilib.errors import RequestError
from sopilib.generation.generator import make_generator
from sopilib.generation.record import model_record
from sopilib.generation.state_file import read_states, write_states
from sopilib.model.folder import find_model


@pytest.fixture(scope="module")
def played():
    """Return a generator of two voices, its record, and two of its states by number."""
    files = find_model(GRU)
    generator = make_generator(files, 2, "native", "float32", 1)
    generator.reset(5)
    states = {}
    for slot in (3, 60):
        generator.handover.append(generator.generate(np.ones((2, 300), np.float32)))
        states[slot] = generator.save_state()
    return generator, model_record(files, generator), states


@pytest.fixture
def path(played, tmp_path):
    """Return the path of a file with the states."""
    _, model, states = played
    write_states(str(tmp_path / "set.states"), states, model)
    return tmp_path / "set.states"


def sound_from(generator, state):
    generator.restore_state(state)
    return generator.generate(np.ones((2, 500), np.float32))


def test_states_come_back_with_their_sound_and_the_generator_stays_where_it_is(played, path):
    generator, model, states = played
    other = make_generator(find_model(GRU), 2, "native", "float32", 1)
    other.reset(77)
    before = other.save_state()
    read = read_states(str(path), other, model)
    np.testing.assert_array_equal(other.save_state().network[0], before.network[0])
    assert list(read) == [3, 60]
    for slot, state in states.items():
        np.testing.assert_array_equal(sound_from(other, read[slot]), sound_from(generator, state))
        np.testing.assert_array_equal(read[slot].handover.played, state.handover.played)


def test_a_file_of_states_is_replaced_and_any_other_is_not(played, path, tmp_path):
    generator, model, states = played
    write_states(str(path), {7: states[3]}, model)
    assert list(read_states(str(path), generator, model)) == [7]
    (tmp_path / "thesis.states").write_text("three years of work")
    with pytest.raises(RequestError, match=r"thesis.states is another file \(choose a free name\)"):
        write_states(str(tmp_path / "thesis.states"), states, model)
    assert (tmp_path / "thesis.states").read_text() == "three years of work"
    with pytest.raises(RequestError, match="cannot write .*: no folder"):
        write_states(str(tmp_path / "nowhere" / "a.states"), states, model)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"sha256": "0" * 64}, r"is of another model, gru_mulaw \(load that one\)"),
        ({"num_seqs": 3}, r"is of 2 voice\(s\) \(load the model with as many\)"),
        ({"engine": "tensorflow"}, r"is of the engine native \(load the model with that one\)"),
    ],
)
def test_states_of_another_model_are_refused_in_one_line(played, path, change, told):
    generator, model, _ = played
    with pytest.raises(RequestError, match=told) as caught:
        read_states(str(path), generator, dataclasses.replace(model, **change))
    assert "\n" not in str(caught.value)


def header_of(content):
    magic, header, payload = content.split(b"\n", 2)
    return magic, json.loads(header), payload


def with_header(content, **fields):
    magic, header, payload = header_of(content)
    return b"\n".join([magic, json.dumps({**header, **fields}).encode(), payload])


def with_states(content, **fields):
    states = header_of(content)[1]["states"]
    return with_header(content, states=[{**states[0], **fields}, *states[1:]])


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content + b"more",
        lambda content: content.replace(b"samplernn states 1", b"samplernn states 2"),
        lambda content: with_header(content, states=None),
        lambda content: with_header(content, states=header_of(content)[1]["states"][:1]),
        lambda content: with_states(content, num_played=1 << 60),
        lambda content: with_states(content, num_played=-1),
        lambda content: with_states(content, slot=-1),
        lambda content: with_states(content, bit_states=[]),
        lambda content: with_states(content, bit_states=[{"state": 1}, {"state": 2}]),
        lambda content: b"samplernn states 1\n" + b"[" * 5000,
    ],
)
def test_a_damaged_file_is_refused_in_one_line_and_changes_nothing(played, path, damage):
    generator, model, _ = played
    path.write_bytes(damage(path.read_bytes()))
    before = generator.save_state()
    with pytest.raises(RequestError, match=r"is no file of states, or damaged \(write it again\)$"):
        read_states(str(path), generator, model)
    after = generator.save_state()
    np.testing.assert_array_equal(after.network[0], before.network[0])
    assert after.random == before.random


def test_what_is_no_regular_file_is_neither_opened_nor_replaced(played, tmp_path):
    _, model, states = played
    os.mkfifo(tmp_path / "a.states")  # to open it would wait for a reader
    (tmp_path / "b.states").symlink_to(tmp_path / "nowhere" / "b")
    for name, told in (("a", "no regular file"), ("b", "no folder .*nowhere ")):
        with pytest.raises(RequestError, match=told):
            write_states(str(tmp_path / f"{name}.states"), states, model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.states", "b.states"]


def test_what_cannot_be_read_is_told(played, tmp_path):
    generator, model, _ = played
    for name in ("missing.states", "."):
        with pytest.raises(RequestError, match=r"cannot read .* \(check the name\)"):
            read_states(str(tmp_path / name), generator, model)
