"""The numbered states of a generator that a performer saves and recalls."""

from collections.abc import MutableMapping

from sopilib.errors import RequestError
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.model.generator_state import SavedState
from sopilib.protocol import messages
from sopilib.worker.channels import Send
from sopilib.worker.steering import Handlers, handles

States = MutableMapping[int, SavedState]  # by slot


class KeepsStates(Handlers):
    """Base of the worker and its stream, which save and recall the states of one generator."""

    _states: States
    _send: Send

    def _require_generator(self) -> SampleGenerator:
        """Return the generator; RequestError where no model is loaded."""
        raise NotImplementedError

    def _recall(self, state: SavedState) -> None:
        """Continue from `state`."""
        raise NotImplementedError

    @handles(messages.SaveState)
    def _save_state(self, request: messages.SaveState) -> None:
        self._states[request.slot] = self._require_generator().save_state()
        self._send(messages.State(request.slot, "saved"))

    @handles(messages.RecallState)
    def _recall_state(self, request: messages.RecallState) -> None:
        slot = request.slot
        self._require_generator()
        if slot not in self._states:
            raise RequestError(f"recall_state: no state {slot} is saved (save_state {slot} first)")
        self._recall(self._states[slot])
        self._send(messages.State(slot, "recalled"))
