"""The flag form of a message: `--name value` pairs among Pd atoms.

Matches what patches for PRiSM SampleRNN's Pd front end send. A flag may stand more
than once (`--temp 0.8 --out a --temp 1 --out b`), a bare `--` is passed over, and a
text `Env([0.7, 1.05], [4])` may be spread over several atoms.
"""

from sopilib.errors import RequestError


class Flags:
    """The values of each flag, in the order in which they came."""

    def __init__(self):
        self._values = {}

    def add(self, name, value):
        self._values.setdefault(name, []).append(value)

    def every(self, name):
        """Returns all values of the flag `name`, a list."""
        return self._values.get(name, [])

    def last(self, name, default=None):
        """Returns the last value of the flag `name`, `default` without one."""
        return self._values.get(name, [default])[-1]


def parse_flags(message, atoms, known):
    """Returns the `Flags` in `atoms`.

    Args:
        message: name of the message, for the error.
        atoms: int, float or str.
        known: names of the flags that this message has, without dashes.

    Raises:
        RequestError: an unknown flag, a flag without a value, a value without a flag.
    """
    flags, waiting = Flags(), None
    for atom in _joined(atoms):
        if not _is_flag(atom):
            if waiting is None:
                raise RequestError(f"{message}: {atom} belongs to no flag ({_usage(known)})")
            flags.add(waiting, atom)
            waiting = None
        elif waiting is not None:
            raise RequestError(f"{message}: --{waiting} has no value")
        elif atom != "--":
            waiting = _known_name(message, atom[2:], known)
    if waiting is not None:
        raise RequestError(f"{message}: --{waiting} has no value")
    return flags


def _known_name(message, name, known):
    if name not in known:
        raise RequestError(f"{message}: no flag --{name} ({_usage(known)})")
    return name


def _usage(known):
    return "there are " + " ".join(f"--{name}" for name in known)


def _joined(atoms):
    """Yields the atoms, those from `Env(` to its closing bracket as one text."""
    parts = []
    for atom in atoms:
        if parts and _is_flag(atom):  # never closed: the worker, which parses it, will say so
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


def _is_flag(atom):
    return isinstance(atom, str) and atom.startswith("--")
