"""How the parts of the worker pass messages on. Imports the standard library only."""

import queue
from collections.abc import Callable

from sopilib.protocol import messages

Inbox = queue.Queue[messages.Message]
Send = Callable[[messages.Message], None]
Fail = Callable[[messages.Message, str], None]  # called with a request and the reason, a line
