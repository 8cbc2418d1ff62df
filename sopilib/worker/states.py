"""The numbered states of a generator that a performer saves and recalls."""

from collections.abc import Callable
from typing import Any, TypeVar

from sopilib.errors import RequestError
from sopilib.generation.record import ModelRecord
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.state_file import read_states, write_states
from sopilib.model.generator_state import SavedState
from sopilib.protocol import messages
from sopilib.worker.channels import Send
from sopilib.worker.steering import Handlers, handles

Result = TypeVar("Result")


class States(dict[int, SavedState]):
    """The states of one generator by number; `model` is what it plays, None without one."""

    def __init__(self, model: ModelRecord | None = None) -> None:
        super().__init__()
        self.model = model

    def kept(self, selector: str, slot: int) -> SavedState:
        """Return the state of this number; RequestError, for the message `selector`, without."""
        if slot not in self:
            raise RequestError(f"{selector}: no state {slot} is saved (save_state {slot} first)")
        return self[slot]


class KeepsStates(Handlers):
    """Base of the worker and its stream, which save and recall the states of one generator."""

    _states: States
    _send: Send

    def _require_generator(self) -> SampleGenerator:
        """Return the generator; RequestError where no model is loaded."""
        raise NotImplementedError

    def _recall(self, state: SavedState, voice: int | None) -> None:
        """Continue from `state`, of one voice, counted from 1, or of all."""
        raise NotImplementedError

    @handles(messages.SaveState)
    def _save_state(self, request: messages.SaveState) -> None:
        self._states[request.slot] = self._require_generator().save_state()
        self._send(messages.State(request.slot, "saved"))

    @handles(messages.RecallState)
    def _recall_state(self, request: messages.RecallState) -> None:
        self._require_generator()
        state = self._states.kept("recall_state", request.slot)
        self._recall(state, request.voice)
        self._send(messages.State(request.slot, "recalled"))

    @handles(messages.WriteStates)
    def _write_states(self, request: messages.WriteStates) -> None:
        self._require_generator()
        if not self._states or self._states.model is None:
            raise RequestError("write_states: no state is saved (save_state N first)")
        states, model = dict(self._states), self._states.model

        def write() -> None:
            _refused("write_states", write_states, request.path, states, model)
            self._tell("written", request.path, sorted(states))

        self._work_aside(request, write)

    def _work_aside(self, request: messages.Message, work: Callable[[], None]) -> None:
        """Do the slow work of a request; a stream does it beside its sound."""
        work()

    @handles(messages.ReadStates)
    def _read_states(self, request: messages.ReadStates) -> None:
        generator, model = self._require_generator(), self._states.model
        assert model is not None  # there is one for each generator
        read = _refused("read_states", read_states, request.path, generator, model)
        self._states.update(read)
        self._tell("read", request.path, sorted(read))

    def _tell(self, done: str, path: str, slots: list[int]) -> None:
        self._send(messages.StatesFile(path, done, tuple(slots)))


def voice_index(selector: str, voice: int, num_seqs: int) -> int:
    """Return the index of a voice that counts from 1; RequestError if there is none."""
    messages.check_voice_of(selector, voice, num_seqs)
    return voice - 1


def _refused(selector: str, function: Callable[..., Result], *arguments: Any) -> Result:
    """Return what the function does; name the message in the reason of a RequestError."""
    try:
        return function(*arguments)
    except RequestError as error:
        raise RequestError(f"{selector}: {error}") from None
