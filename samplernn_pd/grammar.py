"""How a performer says it: a Pd message in, one of `samplernn_pd.messages` out.

Two grammars meet here: idiomatic Pd messages (`temperature 0.9`) and the flag form
of patches written for earlier systems (`generate --dur 4 --temp 0.8 --out sound1`).
Values are checked once, here; a `RequestError` says what came and what is allowed.
"""

import math

from samplernn_pd import messages
from samplernn_pd.flags import parse_flags
from sopilib.errors import RequestError

MAX_VOICES = 64
LATENCY_MS = (40, 2000)
_LOAD_USAGE = "load DIR [voices N] [precision P] [threads N] [engine E]"


def parse(selector, atoms):
    """Returns the message for a Pd selector and its atoms (int, float or str).

    Raises:
        RequestError: no such message, or atoms that do not fit it.
    """
    parser = _PARSERS.get(selector)
    if parser is None:
        raise RequestError(f"no message {selector!r} (there are: {', '.join(_PARSERS)})")
    return parser(list(atoms))


def _load(atoms):
    if _has_flags(atoms):
        return _load_flags(atoms)
    options = {}
    while len(atoms) > 1 and atoms[-2] in _LOAD_OPTIONS:
        field, checked = _LOAD_OPTIONS[atoms[-2]]
        options.setdefault(field, checked(atoms[-2], atoms[-1]))
        atoms = atoms[:-2]
    path = " ".join(_text(atom) for atom in atoms)  # one with spaces may be several atoms
    if not path:
        raise RequestError(f"load: no folder ({_LOAD_USAGE})")
    return messages.Load(path, **options)


def _load_flags(atoms):
    flags = parse_flags(
        "load",
        atoms,
        (
            *("python", "num_seqs", "ckpt_dir", "checkpoint_path", "config", "config_file"),
            *("engine", "precision", "threads"),
        ),
        positional="ckpt_dir",
    )
    path = flags.last("ckpt_dir") or flags.last("checkpoint_path")
    if not path:
        raise RequestError("load: no --ckpt_dir (load --ckpt_dir DIR)")
    config = flags.last("config") or flags.last("config_file")
    return messages.Load(
        path=str(path),
        voices=_voices("--num_seqs", flags.last("num_seqs", 1)),
        config_path=None if config is None else str(config),
        python=flags.last("python"),
        engine=str(flags.last("engine", "auto")),
        precision=str(flags.last("precision", "auto")),
        threads=_whole_or_none("--threads", flags.last("threads")),
    )


def _save(atoms):
    path = " ".join(_text(atom) for atom in atoms)  # one with spaces may be several atoms
    if not path:
        raise RequestError("save: no file (save FILE)")
    return messages.Save(path if path.lower().endswith(".wav") else path + ".wav")


def _length(atoms):
    return messages.Length(_seconds("length", _single("length S", atoms)))


def _temperature(atoms):
    if not atoms:
        raise RequestError("temperature: no value (temperature T, one or one for each voice)")
    return messages.Temperature(tuple(_checked_temperature(atom) for atom in atoms))


def _ramp(atoms):
    if len(atoms) != 2:
        raise RequestError(f"ramp: got {_shown(atoms)} (ramp T S)")
    seconds = _number("ramp", atoms[1])
    if seconds < 0:
        raise RequestError(f"ramp: {_text(seconds)} s (0 or more)")
    return messages.Ramp(_checked_temperature(atoms[0]), seconds)


def _envelope(atoms):
    if len(atoms) > 2:
        raise RequestError(f"envelope: got {_shown(atoms)} (envelope ARRAY [SECONDS])")
    seconds = _seconds("envelope", atoms[1]) if len(atoms) == 2 else None
    return messages.Envelope(_name("envelope", atoms[0]) if atoms else None, seconds)


def _seed(atoms):
    if not atoms:
        return messages.Seed(None)
    if isinstance(atoms[0], (int, float)):
        return _rng(atoms)
    if len(atoms) > 2:
        raise RequestError(f"seed: got {_shown(atoms)} (seed ARRAY [SR], seed FILE, seed N)")
    rate = _whole("seed sample rate", atoms[1]) if len(atoms) == 2 else None
    return messages.Seed(_name("seed", atoms[0]), rate)


def _rng(atoms):
    if not atoms:
        return messages.RngSeed(None)
    number = _number("rng", _single("rng N", atoms))
    return messages.RngSeed(_not_negative("rng", number))


def _poll(atoms):
    if not atoms:
        return messages.Poll()
    return messages.Poll(_not_negative("poll", _number("poll", _single("poll [POSITION]", atoms))))


def _stream(atoms):
    if not atoms:
        return messages.Stream(None)
    if len(atoms) > 3:
        raise RequestError(f"stream: got {_shown(atoms)} (stream ARRAY [LATENCY_MS [SR]])")
    latency_s = _latency_s(atoms[1]) if len(atoms) > 1 else None
    rate = _whole("stream sample rate", atoms[2]) if len(atoms) > 2 else None
    return messages.Stream(_name("stream", atoms[0]), latency_s, rate)


def _latency(atoms):
    return messages.Latency(_latency_s(_single("latency MS", atoms)))


def _freeze(atoms):
    seconds = _number("freeze", _single("freeze S", atoms))
    if seconds < 0:
        raise RequestError(f"freeze: {_text(seconds)} s (0 to go on, or more)")
    return messages.Freeze(seconds)


def _slot(name, message_class):
    def parse_slot(atoms):
        number = _number(name, _single(f"{name} N", atoms))
        return message_class(_not_negative(name, number))

    return parse_slot


def _generate(atoms):
    if _has_flags(atoms):
        return _generate_flags(atoms)
    return messages.Generate(_array_names("generate", atoms))


def _continue(atoms):
    return messages.Generate(_array_names("continue", atoms), resume=True)


def _generate_flags(atoms):
    flags = parse_flags("generate", atoms, ("out_sr", "seed_sr", "dur", "seed", "temp", "out"))
    duration, seed = flags.last("dur"), flags.last("seed")
    seed_rate, out_rate = flags.last("seed_sr"), flags.last("out_sr")
    return messages.Generate(
        arrays=_array_names("generate", flags.every("out")),
        seconds=None if duration is None else _seconds("--dur", duration),
        temperature=tuple(_temperature_or_env(t) for t in flags.every("temp")) or None,
        seed=None if seed is None else messages.Seed(_name("--seed", seed)),
        seed_rate=_whole_or_none("--seed_sr", seed_rate),
        out_rate=_whole_or_none("--out_sr", out_rate),
    )


def _without_atoms(name, message_class):
    def parse_bare(atoms):
        if atoms:
            raise RequestError(f"{name}: got {_shown(atoms)} ({name} takes nothing)")
        return message_class()

    return parse_bare


_PARSERS = {
    "load": _load,
    "unload": _without_atoms("unload", messages.Unload),
    "info": _without_atoms("info", messages.Info),
    "length": _length,
    "temperature": _temperature,
    "ramp": _ramp,
    "envelope": _envelope,
    "seed": _seed,
    "rng": _rng,
    "generate": _generate,
    "continue": _continue,
    "save": _save,
    "stop": _without_atoms("stop", messages.Stop),
    "stream": _stream,
    "latency": _latency,
    "freeze": _freeze,
    "save_state": _slot("save_state", messages.SaveState),
    "recall_state": _slot("recall_state", messages.RecallState),
    "poll": _poll,
}


def _has_flags(atoms):
    return any(isinstance(atom, str) and atom.startswith("--") for atom in atoms)


def _array_names(name, atoms):
    names = tuple(_name(name, atom) for atom in atoms)
    if not names:
        raise RequestError(f"{name}: no array ({name} ARRAY, one for each voice)")
    if len(set(names)) != len(names):
        raise RequestError(f"{name}: an array is named twice in {_shown(names)}")
    return names


def _name(message, atom):
    name = _text(atom)
    if not name:
        raise RequestError(f"{message}: an empty name (name an array)")
    return name


def _voices(name, atom):
    number = _whole(name, atom)
    if number > MAX_VOICES:
        raise RequestError(f"{name}: {number} (1 to {MAX_VOICES} voices)")
    return number


def _temperature_or_env(atom):
    """A curve stays a text: the worker, which plays it, is the one that parses it."""
    if isinstance(atom, str) and atom.startswith("Env("):
        return atom
    return _checked_temperature(atom)


def _checked_temperature(atom):
    value = _number("temperature", atom)
    if value < 0:
        raise RequestError(f"temperature: {_text(value)} (0 or more; 0 is the likeliest sample)")
    return value


def _seconds(name, atom):
    value = _number(name, atom)
    if value <= 0:
        raise RequestError(f"{name}: {_text(value)} s (more than 0)")
    return value


def _latency_s(atom):
    value, (shortest, longest) = _number("latency", atom), LATENCY_MS
    if not shortest <= value <= longest:
        raise RequestError(f"latency: {_text(value)} ms ({shortest} to {longest})")
    return value / 1e3


def _number(name, atom):
    try:
        value = float(str(atom).replace("_", "no digit"))  # Python reads 1_0 as 10
    except ValueError:
        raise RequestError(f"{name}: {atom!r} is not a number") from None
    if not math.isfinite(value):
        raise RequestError(f"{name}: {_text(value)} is not a finite number")
    return value


def _whole(name, atom):
    value = _number(name, atom)
    if value != int(value) or value < 1:
        raise RequestError(f"{name}: {_text(value)} (a whole number, 1 or more)")
    return int(value)


def _not_negative(name, number):
    if number != int(number) or number < 0:
        raise RequestError(f"{name}: {_text(number)} (a whole number, 0 or more)")
    return int(number)


def _whole_or_none(name, atom):
    return None if atom is None else _whole(name, atom)


def _single(usage, atoms):
    if len(atoms) != 1:
        raise RequestError(f"{usage.split()[0]}: got {_shown(atoms)} ({usage})")
    return atoms[0]


def _shown(atoms):
    return " ".join(_text(atom) for atom in atoms) or "nothing"


def _text(atom):
    return f"{atom:g}" if isinstance(atom, float) else str(atom)


_LOAD_OPTIONS = {  # name: (field of messages.Load, what checks the value)
    "voices": ("voices", _voices),
    "precision": ("precision", _name),
    "threads": ("threads", _whole),
    "engine": ("engine", _name),
}
