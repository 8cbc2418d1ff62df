"""Packed files with right checksums that no honest program writes."""

import copy
import functools
import json
import struct
import tempfile
import zlib

import numpy as np

from sopilib.engine.pack import pack
from sopilib.engine.packed_file import write_packed
from sopilib.engine.random_model import random_folded
from sopilib.model.config import ModelConfig

CONFIG = ModelConfig(
    frame_sizes=(2, 4),
    dim=64,
    rnn_type="gru",
    num_rnn_layers=2,
    q_type="linear",
    q_levels=20,
    skip_conn=True,
)
DATA_BEGIN = 4096
_ABSURD = (0, -1, 1, 63, 65, 2**31, 2**32 + 64, 2**63, 2**64, 10**400, 64.5, 64.0, "64", None)
_ABSURD_LISTS = ([], [0], [2, 2], [4, 2], [2, 3], [2, 2**40], [-2, 4], [2.0, 4], ["2", 4], 2, {})


@functools.cache
def packed(precision="float32", **changes):
    """Return the PackedModel of a small random model of CONFIG with `changes`."""
    config = ModelConfig.from_dict({**CONFIG.to_dict(), **changes})
    return pack(config, random_folded(config), precision)


@functools.cache
def small_pack(precision="float32"):
    """Return the bytes of a valid packed file."""
    with tempfile.NamedTemporaryFile() as file:
        write_packed(file.name, CONFIG, packed(precision))
        with open(file.name, "rb") as written:
            return written.read()


def header_and_data(content):
    """Return the header, parsed, and the data in the bytes of a packed file."""
    (size,) = struct.unpack_from("<I", content, 12)
    begin = -(-(24 + size) // DATA_BEGIN) * DATA_BEGIN
    return json.loads(content[24 : 24 + size]), content[begin:]


def with_checksums(header, data, size=None):
    """Return the bytes of a packed file with this header and data and right checksums."""
    sums = zlib.crc32(header), zlib.crc32(data)
    prefix = struct.pack("<8s4I", b"SRNNPACK", 1, len(header) if size is None else size, *sums)
    return (prefix + header).ljust(-(-(24 + len(header)) // DATA_BEGIN) * DATA_BEGIN, b"\0") + data


def evil_headers():
    """Yield (name, header as bytes, data) of files whose checksums are right."""
    good, data = header_and_data(small_pack())
    for name, header in _changed_headers(good):
        yield name, json.dumps(header).encode(), data
    text = json.dumps(good)
    yield "nested", b'{"settings": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", data
    yield "digits", text.replace('"width": 64', '"width": ' + "9" * 5000).encode(), data
    yield "infinity", text.replace('"width": 64', '"width": Infinity').encode(), data
    yield "no JSON", b"{" * 10, data
    yield "no UTF-8", b"\xff\xfe" + text.encode(), data
    yield "no object", b"[1, 2]", data
    yield "empty header", b"", data
    yield "huge header", text.encode() + b" " * (2 << 20), data
    yield "no data", text.encode(), b""
    yield "more data", text.encode(), data + bytes(64)
    for what, bits in (("NaN", 0x7FC00000), ("infinity", 0xFF800000)):
        spoiled = data[:-4] + struct.pack("<I", bits)
        # the last array is outputs_bias, padded to 64 bytes: 32 floats fill it
        yield f"{what} in a bias", text.encode(), spoiled
        yield f"{what} in a matrix", text.encode(), struct.pack("<I", bits) + data[4:]


def _changed_headers(good):
    for part in ("settings", "config", "arrays"):
        yield f"no {part}", {key: value for key, value in good.items() if key != part}
        for value in (None, [], "x", 1):
            yield f"{part} is {value!r}", {**good, part: value}
    for key in good["settings"]:
        values = _ABSURD_LISTS if key == "frame_sizes" else (*_ABSURD, [], {}, "rnn")
        for value in values:
            if value != good["settings"][key]:
                yield f"{key} is {value!r}"[:60], _changed(good, "settings", key, value)
        yield f"no {key}", _changed(good, "settings", key)
    # another model's config: LSTM for GRU, other sizes
    others = {"rnn_type": "lstm", "dim": 128, "num_rnn_layers": 1, "frame_sizes": [2, 8]}
    for key, value in {**others, "skip_conn": False, "q_levels": 40}.items():
        yield f"config {key}", _changed(good, "config", key, value)
    for value in (10**400, 16385, "64", [64], {}):
        yield f"config dim {value!r}"[:40], _changed(good, "config", "dim", value)
    for name in ("upsample", "outputs_bias", "tier0.layer1.kernel"):
        place = good["arrays"][name]
        for key, value in (
            *(("offset", value) for value in (*_ABSURD, place["offset"] + 4, place["offset"] - 64)),
            *(("shape", value) for value in ([], [0], [-1], [2**62, 2**62], [2.0], None, "x", {})),
            ("shape", [*place["shape"], 2]),
            ("shape", place["shape"][:-1] + [place["shape"][-1] - 1]),
            *(("dtype", value) for value in ("float64", "object", "O", "<f4", 1, None, [])),
        ):
            if value != place[key]:
                changed = {**place, key: value}
                yield f"{name} {key} {value!r}"[:60], _changed(good, "arrays", name, changed)
        for value in (None, [], {}, {**place, "offset": good["arrays"]["table"]["offset"]}):
            yield f"{name} is {value!r}"[:60], _changed(good, "arrays", name, value)
        yield f"no {name}", _changed(good, "arrays", name)
    for digest in ("x", 1, "0" * 63, []):
        yield f"checkpoint {digest!r}"[:40], {**good, "checkpoint": digest}


def _changed(header, part, key, *value):
    header = copy.deepcopy(header)
    if value:
        header[part][key] = value[0]
    else:
        del header[part][key]
    return header


def evil_models():
    """Yield (name, settings, arrays) that `native.check_model` and `native.Engine` must refuse."""
    for precision in ("float32", "int8", "int4"):
        model = packed(precision)
        yield from _evil_settings(precision, model.settings, model.arrays)
        for name, array in model.arrays.items():
            for what, other in _evil_arrays(array):
                yield f"{precision} {name} {what}", model.settings, {**model.arrays, name: other}
            rest = {key: value for key, value in model.arrays.items() if key != name}
            yield f"{precision} no {name}", model.settings, rest
    yield "levels that fit no block of 16", *short_levels()
    model = packed("int4")
    scales = model.arrays["upsample"].copy()
    scales[0, 0, :2] = (0xC0, 0x7F)  # NaN as bfloat16
    yield "NaN in a scale of int4", model.settings, {**model.arrays, "upsample": scales}


def short_levels():
    """Return 24 padded levels, no multiple of 16, and arrays that have just that size."""
    model = packed()
    settings, arrays = {**model.settings, "padded_levels": 24}, dict(model.arrays)
    arrays["outputs"] = arrays["outputs"].reshape(-1)[: 64 * 16]
    arrays["outputs_bias"] = arrays["outputs_bias"][:24]
    return settings, arrays


def _evil_settings(precision, settings, arrays):
    for key, good in settings.items():
        values = _ABSURD_LISTS if key == "frame_sizes" else (*_ABSURD, [], {}, "rnn")
        if key == "skip_conn":
            values = ([1], "yes")
        for value in values:
            if value != good or type(value) is not type(good):
                yield f"{precision} {key} {value!r}"[:60], {**settings, key: value}, arrays
        yield f"{precision} no {key}", {k: v for k, v in settings.items() if k != key}, arrays
    for name in settings["formats"]:
        for format_ in ("int2", "", "float64", None, 4):
            formats = {**settings["formats"], name: format_}
            yield f"{precision} {name} as {format_}", {**settings, "formats": formats}, arrays
        formats = {k: v for k, v in settings["formats"].items() if k != name}
        yield f"{precision} {name} without", {**settings, "formats": formats}, arrays


def _evil_arrays(array):
    yield "is short", array.reshape(-1)[:-1]
    yield "is long", np.concatenate([array.reshape(-1), array.reshape(-1)[:1]])
    yield "is empty", array.reshape(-1)[:0]
    yield "is strided", np.repeat(array.reshape(-1), 2)[::2]
    yield "is a list", [1.0]
    yield "is nothing", None
    if array.dtype == np.float32:
        if array.ndim == 1:
            yield "is misaligned", np.zeros(array.nbytes + 1, np.uint8)[1:]
        for value in (np.nan, np.inf):
            spoiled = array.copy()
            spoiled.reshape(-1)[-1] = value
            yield f"holds {value}", spoiled
