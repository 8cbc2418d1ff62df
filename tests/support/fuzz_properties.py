"""What must hold for any bytes: of a packed file, of a model folder, on the worker's pipes.

Each property is a function of hypothesis: a test calls it with few examples, `make fuzz` with
new ones until its time is over.
"""

import copy
import json
import struct
import tempfile
from pathlib import Path

import numpy as np
from evil_packs import header_and_data, small_pack, with_checksums
from hypothesis import strategies as st
from places import GRU

from sopilib.engine.engine import EngineGenerator
from sopilib.engine.packed_file import read_packed
from sopilib.errors import ProtocolError, SampleRNNError
from sopilib.generation.record_file import read_take
from sopilib.model.fit import check_index_fits
from sopilib.model.folder import find_model
from sopilib.protocol import codec

_NUMBERS = st.one_of(
    st.integers(-3, 70),
    st.integers(),
    st.sampled_from([2**31, 2**32, 2**63, 10**400, -(2**63), 64.0, 1e308, float("nan")]),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
# where in a JSON value an edit happens, and what is put there
EDITS = st.lists(st.tuples(st.lists(st.integers(0, 40), max_size=4), _VALUES), max_size=3)
PACKED_FILES = st.tuples(
    EDITS, st.binary(max_size=12), st.integers(0, 1 << 16), st.sampled_from([0, 0, 0, -64, 64])
)
FRAMES = st.tuples(
    st.sampled_from(sorted(codec.messages.MESSAGES)), EDITS, st.binary(max_size=9), st.booleans()
)
CHUNKS = st.lists(st.binary(max_size=40), max_size=6)
FOLDERS = st.tuples(
    st.sampled_from(["gru-mulaw.config.json", "args.txt", "checkpoint", "take.json"]),
    st.one_of(EDITS, st.binary(max_size=200), st.text(max_size=40)),
)
INDEXES = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=4)


def check_packed_file(case):
    """A packed file with right checksums plays, or is refused in one line."""
    edits, noise, at, more = case
    header, data = header_and_data(small_pack())
    edited = edit(copy.deepcopy(header), edits)
    data = bytearray(data)
    at %= len(data)
    data[at : at + len(noise)] = noise[: len(data) - at]
    data = data[:more] if more < 0 else data + bytes(more)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.float32.pack"
        path.write_bytes(with_checksums(json.dumps(edited).encode(), bytes(data)))
        try:
            config, packed = read_packed(path)
        except SampleRNNError as error:
            check_line(error)
            return
        generator = EngineGenerator(config, packed, 1, threads=1)
        assert generator.generate(np.ones((1, 9), np.float32)).shape == (1, 9)


def check_frame(case):
    """A frame of any header is a message or a ProtocolError, whole and byte by byte."""
    type_name, edits, payload, has_type = case
    fields = {"type": type_name, "take": 1, "text": "x", "arguments": [1]}
    header = json.dumps(edit(fields, edits) if not has_type else {**fields, "x": edits}).encode()
    frame = struct.pack("<4sII", b"SRNN", len(header), len(payload)) + header + payload
    whole = _decoded([frame])
    assert whole[1] is not False
    assert repr(_decoded([bytes([byte]) for byte in frame])) == repr(whole)


def check_chunks(chunks):
    """Any bytes are messages, wait for more, or are a ProtocolError."""
    for chunk in (b"SRNN", b""):
        assert _decoded([chunk, *chunks])[1] is not False


def check_folder(case):
    """A model folder with any text in one of its files is found, or refused in one line."""
    name, content = case
    with tempfile.TemporaryDirectory() as folder:
        for path in GRU.iterdir():
            if path.suffix != ".npz":
                (Path(folder) / path.name).write_bytes(path.read_bytes())
        path = Path(folder) / name
        if isinstance(content, list):
            text = path.read_text() if path.suffix == ".json" and path.exists() else "{}"
            content = json.dumps(edit(json.loads(text), content))
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        for read in (find_model, lambda folder: read_take(Path(folder) / "take.json")):
            try:
                read(folder)
            except SampleRNNError as error:
                check_line(error)


def check_index(changes):
    """A changed index of a checkpoint fits its config and data, or is refused in one line."""
    with tempfile.TemporaryDirectory() as folder:
        for path in GRU.iterdir():
            if path.suffix != ".npz":
                (Path(folder) / path.name).write_bytes(path.read_bytes())
        files = find_model(folder)
        index = Path(f"{files.prefix}.index")
        content = bytearray(index.read_bytes())
        for at, byte in changes:
            content[at % len(content)] = byte
        index.write_bytes(content)
        try:
            check_index_fits(files)
        except SampleRNNError as error:
            check_line(error)


PROPERTIES = {
    check_packed_file: PACKED_FILES,
    check_frame: FRAMES,
    check_chunks: CHUNKS,
    check_folder: FOLDERS,
    check_index: INDEXES,
}


def check_line(error):
    """An error is one line with its remedy in brackets, of a readable length."""
    text = str(error)
    assert "\n" not in text and text.endswith(")") and len(text) < 2000, text[:200]


def edit(value, edits):
    """Return a JSON value after putting each new value at its path, which may end early."""
    for steps, new in edits:
        value = _put(value, steps, new)
    return value


def _put(value, steps, new):
    if not steps or not isinstance(value, (dict, list)) or not value:
        return new
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = keys[steps[0] % len(keys)]
    value[key] = _put(value[key], steps[1:], new)
    return value


def _decoded(chunks):
    """Return the messages in chunks, and whether an error that ended them is one line."""
    decoder, found = codec.Decoder(), []
    try:
        for chunk in chunks:
            found += decoder.feed(chunk)
    except ProtocolError as error:
        return found, "\n" not in str(error)
    return found, None
