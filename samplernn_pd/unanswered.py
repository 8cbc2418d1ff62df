"""Know which requests the worker still has to answer, each with an event of its own."""

from sopilib.protocol import messages

WRITES_FILE = (messages.Save, messages.WriteStates)
_LOAD = messages.Load.type_name
_ANSWERED = {
    messages.Load,
    messages.Save,
    messages.SaveState,
    messages.RecallState,
    messages.WriteStates,
    messages.ReadStates,
}
_STATE = {"saved": messages.SaveState.type_name, "recalled": messages.RecallState.type_name}
_STATES_FILE = {
    "written": messages.WriteStates.type_name,
    "read": messages.ReadStates.type_name,
}


class Unanswered:
    """The unanswered requests of one worker, in the order in which they were sent."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._names)

    @property
    def files(self) -> list[str]:
        """The names of those that write what would otherwise be lost."""
        write = {request.type_name for request in WRITES_FILE}
        return [name for name in self._names if name in write]

    def forget(self) -> None:
        """Expect no answer any more."""
        self._names.clear()

    def note_request(self, request: messages.Message) -> None:
        """Note a request that was sent."""
        if type(request) in _ANSWERED:
            self._names.append(messages.type_of(request))

    def note_event(self, event: object) -> None:
        """Note an event; the answer to a load comes after those to all requests before it."""
        name = _request_of(event)
        if name not in self._names:
            return
        index = self._names.index(name)
        del self._names[0 if name == _LOAD else index : index + 1]


def _request_of(event: object) -> str | None:
    """Return the type of the request that an event answers, None if it answers none."""
    if isinstance(event, messages.Failure):
        return event.request
    if isinstance(event, messages.State):
        return _STATE.get(event.done)
    if isinstance(event, messages.StatesFile):
        return _STATES_FILE.get(event.done)
    if isinstance(event, messages.Saved):
        return messages.Save.type_name
    return _LOAD if isinstance(event, messages.Loaded) else None
