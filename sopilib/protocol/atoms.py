"""Numbers and texts out of the atoms of a Pd message, or a line that says what is wrong.

The range checks of `sopilib.protocol.messages` use the same functions, so that a value
is judged alike whether a performer typed it or the pipe brought it.
"""

import math
from collections.abc import Sequence

from sopilib.errors import RequestError
from sopilib.limits import EXACT_AS_FLOAT, EXACT_IN_PD, SAMPLE_RATES

Atom = int | float | str


def number(name: str, atom: object) -> float:
    """Return the finite number that `atom` is, or says.

    Args:
        name: of the message or flag, for the error.
        atom: an atom, or a field of a message that came over the pipe.

    Raises:
        RequestError: it is not a number, or not a finite one.
    """
    try:
        value = float(str(atom).replace("_", "no digit"))  # Python reads 1_0 as 10
    except ValueError:
        raise RequestError(f"{name}: {atom!r} is not a number") from None
    if not math.isfinite(value):
        raise RequestError(f"{name}: {text(value)} is not a finite number")
    return value


def whole_number(name: str, atom: object, at_least: int | None = None) -> int:
    """Return the whole number that `atom` is, or says.

    Args:
        name, atom: as in `number`.
        at_least: the smallest allowed, None for any.

    Raises:
        RequestError: it is not a whole number, or too small.
    """
    value = number(name, atom)
    if value != int(value) or (at_least is not None and value < at_least):
        limit = "" if at_least is None else f", {at_least} or more"
        raise RequestError(f"{name}: {text(value)} (a whole number{limit})")
    return int(value)


def not_negative(name: str, atom: object, unit: str = "", hint: str = "") -> float:
    """Return the number that `atom` is, or says, if it is at least 0.

    Args:
        name, atom: as in `number`.
        unit: of the number, with a space before it.
        hint: what else the error says of allowed values.

    Raises:
        RequestError: it is not a finite number of at least 0.
    """
    value = number(name, atom)
    if value < 0:
        raise RequestError(f"{name}: {text(value)}{unit} (0 or more{hint})")
    return value


def temperature(atom: object) -> float:
    """Return the temperature that `atom` is, or says; RequestError unless it is 0 or more."""
    return not_negative("temperature", atom, hint="; 0 is the likeliest sample")


def sample_rate(name: str, atom: object) -> int:
    """Return the sample rate in Hz that `atom` is, or says.

    Args:
        name, atom: as in `number`.

    Raises:
        RequestError: it is not a whole number within SAMPLE_RATES.
    """
    value, (lowest, highest) = number(name, atom), SAMPLE_RATES
    if value != int(value) or not lowest <= value <= highest:
        raise RequestError(f"{name}: {text(value)} Hz (a whole number from {lowest} to {highest})")
    return int(value)


def text(atom: object) -> str:
    """Return an atom as Pd shows it, a whole number with all its digits: it may be a name."""
    if not isinstance(atom, (int, float)):
        return str(atom)
    most = EXACT_IN_PD if isinstance(atom, float) else EXACT_AS_FLOAT
    return str(int(atom)) if abs(atom) < most and atom == int(atom) else f"{atom:g}"


def words(atoms: Sequence[Atom]) -> str:
    """Return the atoms as Pd shows them: a path with spaces is several atoms."""
    return " ".join(text(atom) for atom in atoms)


def file_path(name: str, atoms: Sequence[Atom], form: str) -> str:
    """Return the path of a file to which a suffix can be added.

    Args:
        name: of the message, for the error.
        atoms: of the path.
        form: of the message, such as `save FILE`.

    Raises:
        RequestError: there is none, or it is that of a folder.
    """
    path = words(atoms)
    if not path:
        raise RequestError(f"{name}: no file ({form})")
    if path.rpartition("/")[2] in ("", ".", "..", "~"):
        raise RequestError(f"{name}: {path} is a folder (name a file in it)")
    return path


def shown(atoms: Sequence[Atom]) -> str:
    """Return the atoms for an error, `nothing` where there are none."""
    return words(atoms) or "nothing"
