"""The flag form of a message: `--name value` pairs among Pd atoms.

It accepts the messages of patches for PRiSM SampleRNN's Pd front end. A flag may occur
several times (`--temp 0.8 --out a --temp 1 --out b`), `--name=value` means the same as
`--name value`, a bare `--` is ignored, and a text `Env([0.7, 1.05], [4])` may be spread
over several atoms.
"""

from collections.abc import Iterable, Iterator
from typing import TypeGuard

from sopilib.errors import RequestError
from sopilib.protocol.atoms import Atom


class Flags:
    """The values of each flag, in the order of the message."""

    def __init__(self) -> None:
        self._values: dict[str, list[Atom]] = {}

    def add(self, name: str, value: Atom) -> None:
        """Append `value` to the values of the flag `name`."""
        self._values.setdefault(name, []).append(value)

    def every(self, name: str) -> list[Atom]:
        """Return all values of the flag `name`."""
        return self._values.get(name, [])

    def last(self, name: str, default: Atom | None = None) -> Atom | None:
        """Return the last value of the flag `name`, or `default` if it has none."""
        values = self.every(name)
        return values[-1] if values else default


def parse_flags(
    message: str, atoms: Iterable[Atom], known: tuple[str, ...], positional: str | None = None
) -> Flags:
    """Return the `Flags` in `atoms`.

    Args:
        message: name of the message, for errors.
        atoms: of the message, without its selector.
        known: names of the flags of this message, without dashes.
        positional: name of the flag for a value without a flag. Several such
            atoms are one value: a path with spaces.

    Raises:
        RequestError: a flag is unknown or has no value, or a value has no flag and
            `positional` is None.
    """
    flags, loose = Flags(), []
    waiting = None
    for atom in _joined(_split(atoms)):
        if not _is_flag(atom):
            if waiting is not None:
                flags.add(waiting, atom)
            elif positional is not None:
                loose.append(str(atom))
            else:
                raise RequestError(f"{message}: {atom} belongs to no flag ({_usage(known)})")
            waiting = None
        elif waiting is not None:
            raise RequestError(f"{message}: --{waiting} has no value")
        elif atom != "--":
            waiting = _known_name(message, atom[2:], known)
    if waiting is not None:
        raise RequestError(f"{message}: --{waiting} has no value")
    if loose and positional is not None:
        flags.add(positional, " ".join(loose))
    return flags


def _split(atoms: Iterable[Atom]) -> Iterator[Atom]:
    """Yield the atoms, each `--name=value` as two."""
    for atom in atoms:
        name, equals, value = str(atom).partition("=")
        if not (_is_flag(atom) and equals):
            yield atom
            continue
        yield name
        if value:
            yield value


def _known_name(message: str, name: str, known: tuple[str, ...]) -> str:
    if name not in known:
        raise RequestError(f"{message}: no flag --{name} ({_usage(known)})")
    return name


def _usage(known: tuple[str, ...]) -> str:
    return "there are " + " ".join(f"--{name}" for name in known)


def _joined(atoms: Iterable[Atom]) -> Iterator[Atom]:
    """Yield the atoms, those from `Env(` to its closing bracket as one text."""
    parts: list[str] = []
    for atom in atoms:
        if parts and _is_flag(atom):  # never closed: the worker, which parses it, reports this
            yield " ".join(parts)
            parts = []
        if not parts and not (isinstance(atom, str) and atom.startswith("Env(")):
            yield atom
            continue
        parts.append(str(atom))
        text = " ".join(parts)
        if text.count("(") <= text.count(")"):
            yield text
            parts = []
    if parts:
        yield " ".join(parts)


def _is_flag(atom: Atom) -> TypeGuard[str]:
    return isinstance(atom, str) and atom.startswith("--")
