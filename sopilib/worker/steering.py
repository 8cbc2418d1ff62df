"""Which method handles which request: one table for each class, read off its methods.

A method says with `@handles(messages.Freeze)` what it is for; `Handlers.apply` checks
a request and calls it. A subclass inherits the table and may add to it.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from sopilib.generation.temperature import Curve
from sopilib.generation.temperature_control import TemperatureControl
from sopilib.protocol import messages

Method = TypeVar("Method", bound=Callable[..., None])


def handles(message_class: type[messages.Message]) -> Callable[[Method], Method]:
    """Return a decorator for the method that handles requests of `message_class`."""

    def mark(method: Method) -> Method:
        method.handled_class = message_class  # type: ignore[attr-defined]
        return method

    return mark


class Handlers:
    """Base of what requests act on.

    Attributes:
        methods: the table from message class to method.
    """

    methods: ClassVar[dict[type[messages.Message], Callable[[Any, Any], None]]] = {}

    def __init_subclass__(cls) -> None:
        """Add the marked methods of the class to the table that it inherits."""
        super().__init_subclass__()
        marked = {
            method.handled_class: method
            for method in vars(cls).values()
            if hasattr(method, "handled_class")
        }
        cls.methods = {**cls.methods, **marked}

    def apply(self, request: messages.Message) -> bool:
        """Check `request` and call its method; False where the table has none.

        Raises:
            SampleRNNError: a value is not allowed, or what the method raises.
        """
        method = self.methods.get(type(request))
        if method is None:
            return False
        request.check()
        method(self, request)
        return True


class Steered(Handlers):
    """Base of a take and a stream: their temperature changes while they are being made."""

    temperature: TemperatureControl

    @handles(messages.SetTemperature)
    def _set_temperature(self, request: messages.SetTemperature) -> None:
        self.temperature.set(request.values)

    @handles(messages.Ramp)
    def _ramp(self, request: messages.Ramp) -> None:
        self.temperature.ramp(request.target, request.seconds)

    @handles(messages.Curve)
    def _follow(self, request: messages.Curve) -> None:
        values = np.frombuffer(request.payload, dtype="<f4")
        self.temperature.follow(Curve(values, request.seconds))
