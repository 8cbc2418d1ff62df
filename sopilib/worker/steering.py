"""Which method handles which request: one table for each class, read off its methods.

A method says with `@handles(messages.Freeze)` what it is for; `Handlers.apply` checks
a request and calls it. A subclass inherits the table and may add to it.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from sopilib.errors import RequestError, SampleRNNError
from sopilib.generation.temperature import Curve
from sopilib.generation.temperature_control import TemperatureControl
from sopilib.protocol import messages
from sopilib.worker.channels import Fail

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
        """Collect the marked methods of the class and its bases."""
        super().__init_subclass__()
        cls.methods = {
            method.handled_class: method
            for base in reversed(cls.__mro__)
            for method in vars(base).values()
            if hasattr(method, "handled_class")
        }

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
    """Base of a take and a stream: requests steer them while they are being made.

    Attributes:
        temperature: of the samples to come.
        is_stopped: whether a request has ended it.
    """

    temperature: TemperatureControl
    is_stopped = False

    def steer(self, request: messages.Message, fail: Fail) -> None:
        """Apply a request, or call `fail` with it and the reason, a line."""
        try:
            if not self.apply(request):
                raise RequestError("a take is running (stop it first)")
        except SampleRNNError as error:
            fail(request, str(error))

    @handles(messages.Stop)
    def _stop(self, request: messages.Stop) -> None:
        self.is_stopped = True

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
