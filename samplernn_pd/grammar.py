"""The grammar of Pd messages: a Pd message in, a message object out.

Two grammars meet here: idiomatic Pd messages (`temperature 0.9`) and the flag form
of patches written for earlier systems (`generate --dur 4 --temp 0.8 --out sound1`).
Messages that the class passes on to the worker parse their own atoms, see
`sopilib.protocol.messages`; this module parses the others. A `RequestError` quotes the
message and says what is allowed.
"""

from collections.abc import Callable, Sequence
from typing import Any

from samplernn_pd.flags import parse_flags
from samplernn_pd.messages import (
    Apart,
    At,
    Card,
    ClassMessage,
    Envelope,
    Generate,
    Info,
    Length,
    Load,
    Models,
    ModelsIn,
    Multichannel,
    PatchFolder,
    PdMessage,
    Poll,
    Seed,
    SeedVoice,
    Stream,
    Unload,
)
from sopilib.errors import RequestError
from sopilib.protocol import messages
from sopilib.protocol.atoms import (
    Atom,
    number,
    sample_rate,
    shown,
    temperature,
    text,
    whole_number,
    words,
)

MAX_VOICES = 64
_SEED_USAGE = "seed [VOICE] ARRAY [SR], seed [VOICE] FILE, seed [VOICE] N"
_LOAD_USAGE = "load DIR [voices N] [rate HZ] [precision P] [threads N] [engine E]"


def parse(selector: str, atoms: Sequence[Atom]) -> PdMessage:
    """Return the message for a Pd selector and its atoms.

    Raises:
        RequestError: there is no such message, or its atoms are wrong.
    """
    parser = _PARSERS.get(selector)
    if parser is not None:
        return parser(list(atoms))
    message_class = messages.PD_MESSAGES.get(selector)
    if message_class is None:
        known = ", ".join([*_PARSERS, *messages.PD_MESSAGES])
        raise RequestError(f"no message {selector!r} (there are: {known})")
    return _checked(message_class.from_atoms(atoms))


def _checked(message: messages.Message) -> messages.Message:
    message.check()
    return message


def _load(atoms: list[Atom]) -> Load:
    if _has_flags(atoms):
        return _load_flags(atoms)
    options: dict[str, Any] = {}
    while len(atoms) > 1 and atoms[-2] in _LOAD_OPTIONS:
        field, checked = _LOAD_OPTIONS[atoms[-2]]
        options.setdefault(field, checked(atoms[-2], atoms[-1]))
        atoms = atoms[:-2]
    path = words(atoms)
    if not path:
        raise RequestError(f"load: no folder ({_LOAD_USAGE})")
    return Load(path, **options)


def _load_flags(atoms: list[Atom]) -> Load:
    flags = parse_flags(
        "load",
        atoms,
        (
            *("python", "num_seqs", "ckpt_dir", "checkpoint_path", "config", "config_file"),
            *("engine", "precision", "threads", "sample_rate"),
        ),
        positional="ckpt_dir",
    )
    path = flags.last("ckpt_dir") or flags.last("checkpoint_path")
    if not path:
        raise RequestError("load: no --ckpt_dir (load --ckpt_dir DIR)")
    return Load(
        path=str(path),
        voices=_voices("--num_seqs", flags.last("num_seqs", 1)),
        config_path=_text_or_none(flags.last("config") or flags.last("config_file")),
        python=_text_or_none(flags.last("python")),
        engine=str(flags.last("engine", "auto")),
        precision=str(flags.last("precision", "auto")),
        threads=_whole_or_none("--threads", flags.last("threads")),
        sample_rate=_rate_or_none("--sample_rate", flags.last("sample_rate")),
    )


def _folder(
    name: str, message_class: Callable[[str], PdMessage]
) -> Callable[[list[Atom]], PdMessage]:
    """Return a parser of `name DIR`."""

    def parse(atoms: list[Atom]) -> PdMessage:
        folder = words(atoms)
        if not folder:
            raise RequestError(f"{name}: no folder ({name} DIR)")
        return message_class(folder)

    return parse


def _apart(atoms: list[Atom]) -> Apart:
    if len(atoms) != 2:
        raise RequestError(f"apart: got {shown(atoms)} (apart NAME N)")
    return Apart(_name("apart", atoms[0]), _voices("apart", atoms[1]))


def _card(atoms: list[Atom]) -> Card:
    return Card(words(atoms) or None)


def _length(atoms: list[Atom]) -> Length:
    return Length(_seconds("length", _single("length S", atoms)))


def _envelope(atoms: list[Atom]) -> Envelope:
    if len(atoms) > 2:
        raise RequestError(f"envelope: got {shown(atoms)} (envelope ARRAY [SECONDS])")
    seconds = _seconds("envelope", atoms[1]) if len(atoms) == 2 else None
    return Envelope(_name("envelope", atoms[0]) if atoms else None, seconds)


def _seed(atoms: list[Atom]) -> PdMessage:
    if not atoms:
        return Seed(None)
    if isinstance(atoms[0], (int, float)):
        is_single = len(atoms) == 1
        return _checked(messages.Reseed.from_atoms(atoms)) if is_single else _voice_seed(atoms)
    if len(atoms) > 2:
        raise RequestError(f"seed: got {shown(atoms)} ({_SEED_USAGE})")
    return Seed(_name("seed", atoms[0]), _seed_rate(atoms[1:]))


def _voice_seed(atoms: list[Atom]) -> PdMessage:
    voice, rest = whole_number("seed voice", atoms[0], at_least=1), atoms[1:]
    if len(rest) == 1 and isinstance(rest[0], (int, float)):
        return _checked(messages.ReseedVoice(voice, whole_number("seed", rest[0])))
    if len(rest) > 2 or isinstance(rest[0], (int, float)):
        raise RequestError(f"seed: got {shown(atoms)} ({_SEED_USAGE})")
    return SeedVoice(voice, _name("seed", rest[0]), _seed_rate(rest[1:]))


def _seed_rate(atoms: list[Atom]) -> int | None:
    return sample_rate("seed sample rate", atoms[0]) if atoms else None


def _at(atoms: list[Atom]) -> At:
    return At(whole_number("at", _single("at POSITION", atoms), at_least=0))


def _poll(atoms: list[Atom]) -> Poll:
    if not atoms:
        return Poll()
    return Poll(whole_number("poll", _single("poll [POSITION]", atoms), at_least=0))


def _stream(atoms: list[Atom]) -> Stream:
    if not atoms:
        return Stream(None)
    if len(atoms) > 4:
        raise RequestError(f"stream: got {shown(atoms)} (stream ARRAY [LATENCY_MS [SR [VOICES]]])")
    latency_s = messages.Latency.from_atoms(atoms[1:2]).seconds if len(atoms) > 1 else None
    rate = sample_rate("stream sample rate", atoms[2]) if len(atoms) > 2 else None
    voices = atoms[3] if len(atoms) > 3 else None
    if isinstance(voices, (int, float)):
        raise RequestError(f"stream: voices {text(voices)} (a name: the arrays are NAME-1, ...)")
    return Stream(_name("stream", atoms[0]), latency_s, rate, voices)


def _generate(atoms: list[Atom]) -> Generate:
    if _has_flags(atoms):
        return _generate_flags(atoms)
    return Generate(_array_names("generate", atoms))


def _continue(atoms: list[Atom]) -> Generate:
    return Generate(_array_names("continue", atoms), resume=True)


def _generate_flags(atoms: list[Atom]) -> Generate:
    flags = parse_flags("generate", atoms, ("out_sr", "seed_sr", "dur", "seed", "temp", "out"))
    duration, seed = flags.last("dur"), flags.last("seed")
    return Generate(
        arrays=_array_names("generate", flags.every("out")),
        seconds=None if duration is None else _seconds("--dur", duration),
        temperature=tuple(_temperature_or_env(t) for t in flags.every("temp")) or None,
        seed=None if seed is None else Seed(_name("--seed", seed)),
        seed_rate=_rate_or_none("--seed_sr", flags.last("seed_sr")),
        out_rate=_rate_or_none("--out_sr", flags.last("out_sr")),
    )


def _without_atoms(message_class: type[ClassMessage]) -> Callable[[list[Atom]], ClassMessage]:
    def parse_bare(atoms: list[Atom]) -> ClassMessage:
        if atoms:
            name = message_class.name
            raise RequestError(f"{name}: got {shown(atoms)} ({name} takes nothing)")
        return message_class()

    return parse_bare


_PARSERS: dict[str, Callable[[list[Atom]], PdMessage]] = {
    "load": _load,
    "unload": _without_atoms(Unload),
    "info": _without_atoms(Info),
    "multichannel": _without_atoms(Multichannel),
    "models": _without_atoms(Models),
    "models_in": _folder("models_in", ModelsIn),
    "patch_folder": _folder("patch_folder", PatchFolder),
    "apart": _apart,
    "card": _card,
    "length": _length,
    "envelope": _envelope,
    "seed": _seed,
    "generate": _generate,
    "continue": _continue,
    "stream": _stream,
    "poll": _poll,
    "at": _at,
}


def _has_flags(atoms: list[Atom]) -> bool:
    return any(isinstance(atom, str) and atom.startswith("--") for atom in atoms)


def _array_names(name: str, atoms: list[Atom]) -> tuple[str, ...]:
    names = tuple(_name(name, atom) for atom in atoms)
    if not names:
        raise RequestError(f"{name}: no array ({name} ARRAY, one for each voice)")
    if len(set(names)) != len(names):
        raise RequestError(f"{name}: an array is named twice in {shown(names)}")
    return names


def _name(message: str, atom: Atom) -> str:
    name = text(atom)
    if not name:
        raise RequestError(f"{message}: an empty name (name an array)")
    return name


def _voices(name: str, atom: Atom | None) -> int:
    voices = _whole(name, atom)
    if voices > MAX_VOICES:
        raise RequestError(f"{name}: {voices} (1 to {MAX_VOICES} voices)")
    return voices


def _temperature_or_env(atom: Atom) -> float | str:
    """Return the temperature; a curve stays a text for the worker to parse."""
    if isinstance(atom, str) and atom.startswith("Env("):
        return atom
    return temperature(atom)


def _seconds(name: str, atom: Atom) -> float:
    value = number(name, atom)
    if value <= 0:
        raise RequestError(f"{name}: {text(value)} s (more than 0)")
    return value


def _whole(name: str, atom: Atom | None) -> int:
    return whole_number(name, atom, at_least=1)


def _whole_or_none(name: str, atom: Atom | None) -> int | None:
    return None if atom is None else _whole(name, atom)


def _rate_or_none(name: str, atom: Atom | None) -> int | None:
    return None if atom is None else sample_rate(name, atom)


def _text_or_none(atom: Atom | None) -> str | None:
    return None if atom is None else str(atom)


def _single(usage: str, atoms: list[Atom]) -> Atom:
    if len(atoms) != 1:
        raise RequestError(f"{usage.split()[0]}: got {shown(atoms)} ({usage})")
    return atoms[0]


_LOAD_OPTIONS = {  # name: (field of Load, what checks the value)
    "voices": ("voices", _voices),
    "rate": ("sample_rate", sample_rate),
    "precision": ("precision", _name),
    "threads": ("threads", _whole),
    "engine": ("engine", _name),
}
