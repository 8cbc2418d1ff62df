"""What all messages between Pd and the worker have in common, and the two registers of them."""

import dataclasses
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from sopilib.errors import RequestError
from sopilib.protocol.atoms import Atom, number, shown, text, whole_number

MESSAGES: dict[str, type["Message"]] = {}  # by the type under which they travel
PD_MESSAGES: dict[str, type["Message"]] = {}  # by the selector of their Pd form

AnyMessage = TypeVar("AnyMessage", bound="Message")


@dataclass(frozen=True)
class Message:
    """Base of all messages.

    Attributes:
        type_name: under which it travels.
        pd_form: how a performer writes it, such as `ramp T S`; "" if no performer does.
    """

    type_name: ClassVar[str] = ""
    pd_form: ClassVar[str] = ""

    def __init_subclass__(cls, type_name: str = "", pd: str = "", **options: Any) -> None:
        """Register the class under `type_name`, and where `pd` is given under its selector."""
        super().__init_subclass__(**options)
        cls.type_name, cls.pd_form = type_name, pd
        if type_name:
            MESSAGES[type_name] = cls
        if pd:
            PD_MESSAGES[pd.split()[0]] = cls

    @classmethod
    def from_atoms(cls: type[AnyMessage], atoms: Sequence[Atom]) -> AnyMessage:
        """Return the message that a performer's atoms say, an atom for each field.

        Raises:
            RequestError: too few or too many atoms, or one that does not fit its field.
        """
        fields = dataclasses.fields(cls)
        num_required = sum(field.default is dataclasses.MISSING for field in fields)
        if not num_required <= len(atoms) <= len(fields):
            form = cls.pd_form if fields else f"{cls.pd_form} takes nothing"
            raise RequestError(f"{cls.selector()}: got {shown(atoms)} ({form})")
        return cls(*(_value(cls.selector(), *pair) for pair in zip(fields, atoms)))

    @classmethod
    def selector(cls) -> str:
        """Return the name of the message for a performer, also in errors."""
        return cls.pd_form.partition(" ")[0] or cls.type_name

    def check(self) -> None:
        """Raise RequestError, one line with the value and its range, if a value is not allowed."""


def _value(name: str, field: "dataclasses.Field[Any]", atom: Atom) -> Atom:
    """Return an atom as the type of `field` wants it."""
    if field.type is float:
        return number(name, atom)
    if field.type is int or isinstance(field.type, types.UnionType):  # int | None
        return whole_number(name, atom)
    return text(atom)
