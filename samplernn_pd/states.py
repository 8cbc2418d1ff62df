"""Define in one table which message is allowed in which state.

A message that is not allowed becomes one error, `name: reason`. While a stopped take ends,
messages that start something wait, and so do the messages after them. `poll` and `at` have no
row: they say in every state where Pd plays.
"""

import enum
from dataclasses import dataclass

from samplernn_pd.messages import (
    Apart,
    Card,
    Envelope,
    Generate,
    Info,
    Length,
    Load,
    Models,
    ModelsIn,
    Multichannel,
    PatchFolder,
    PdMessage,
    Seed,
    SeedVoice,
    Stream,
    Unload,
)
from sopilib.protocol import messages


class State(enum.Enum):
    """The states of the class."""

    EMPTY = enum.auto()  # no model is loaded
    IDLE = enum.auto()  # a model is loaded
    LOADING = enum.auto()
    TAKING = enum.auto()  # a take is running
    STREAMING = enum.auto()
    STOPPING = enum.auto()  # the worker has not yet ended a stopped take or stream
    SILENT = enum.auto()  # whatever it was, the worker does not answer


class Answer(enum.Enum):
    """The ways to treat a message."""

    APPLY = enum.auto()
    IN_TURN = enum.auto()  # apply, but after the messages that wait
    DEFER = enum.auto()  # apply once the stopped take has ended
    IGNORE = enum.auto()


@dataclass(frozen=True)
class Refusal:
    """The error for a message that is not allowed; `reason` follows its name."""

    reason: str


class EndStream:
    """Stands for `Stream(None)` in tables by class."""


_APPLY, _TURN, _DEFER, _IGNORE = Answer.APPLY, Answer.IN_TURN, Answer.DEFER, Answer.IGNORE
_LOADING = Refusal("a model is being loaded (wait for it, or unload)")
_IN_TAKE = Refusal("a take is running (stop it first)")
_IN_STREAM = Refusal("a stream is running (stop it first)")
NO_MODEL = Refusal("no model is loaded (load one, wait for `loaded`)")
_NO_TAKE = Refusal("no take is running")
_NO_STREAM = Refusal("no stream is running (start one first)")
_NOTHING = Refusal("there is no take (generate one first)")
SILENT = Refusal("the worker does not answer (unload, then load)")

# fmt: off
TABLE: dict[type, tuple[Answer | Refusal, ...]] = {
    #                         EMPTY     IDLE      LOADING   TAKING    STREAMING   STOPPING  SILENT
    Load:                    (_APPLY,   _APPLY,   _LOADING, _IN_TAKE, _IN_STREAM, _DEFER,   _APPLY),
    Generate:                (NO_MODEL, _APPLY,   NO_MODEL, _IN_TAKE, _IN_STREAM, _DEFER,   SILENT),
    Stream:                  (NO_MODEL, _APPLY,   NO_MODEL, _IN_TAKE, _IN_STREAM, _DEFER,   SILENT),
    EndStream:               (_IGNORE,  _IGNORE,  _IGNORE,  _IGNORE,  _APPLY,     _DEFER,   _APPLY),
    messages.Save:           (_NOTHING, _APPLY,   _APPLY,   _IN_TAKE, _IN_STREAM, _DEFER,   SILENT),
    messages.SaveState:      (NO_MODEL, _APPLY,   NO_MODEL, _IN_TAKE, _APPLY,     _DEFER,   SILENT),
    messages.RecallState:    (NO_MODEL, _APPLY,   NO_MODEL, _IN_TAKE, _APPLY,     _DEFER,   SILENT),
    messages.WriteStates:    (NO_MODEL, _APPLY,   NO_MODEL, _IN_TAKE, _APPLY,     _DEFER,   SILENT),
    messages.ReadStates:     (NO_MODEL, _APPLY,   NO_MODEL, _IN_TAKE, _APPLY,     _DEFER,   SILENT),
    messages.Stop:           (_NO_TAKE, _NO_TAKE, _NO_TAKE, _APPLY,   _APPLY,     _APPLY,   _APPLY),
    Unload:                  (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _APPLY,   _APPLY),
    Info:                    (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _APPLY,   _APPLY),
    Multichannel:            (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _APPLY,   _APPLY),
    Models:                  (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _APPLY,   _APPLY),
    ModelsIn:                (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _APPLY,   _APPLY),
    PatchFolder:             (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _APPLY,   _APPLY),
    Apart:                   (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _APPLY,   _APPLY),
    Card:                    (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _APPLY,   _APPLY),
    Length:                  (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    Envelope:                (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    Seed:                    (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    messages.SetTemperature: (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    messages.Ramp:           (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    messages.Reseed:         (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    messages.Latency:        (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    messages.Heal:           (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    messages.Release:        (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
    messages.Gain:           (_APPLY,   _APPLY,   _APPLY,   _APPLY,   _APPLY,     _TURN,    _TURN),
}
# all others, among them those of one voice
_STEERS_STREAM = (_NO_STREAM, _NO_STREAM, _NO_STREAM, _NO_STREAM, _APPLY, _TURN, SILENT)
TABLE |= {SeedVoice: _STEERS_STREAM, messages.ReseedVoice: _STEERS_STREAM}
# fmt: on


def row_of(message: PdMessage) -> type:
    """Return the class under which `message` has its row."""
    if isinstance(message, Stream) and message.array is None:
        return EndStream
    return type(message)


def answer_to(message: PdMessage, state: State, has_waiting: bool) -> Answer | Refusal:
    """Return how to treat `message`: APPLY, DEFER, IGNORE or a `Refusal`.

    Args:
        message: as `samplernn_pd.grammar.parse` returns it.
        state: of the class.
        has_waiting: whether messages wait for the end of a stopped take.
    """
    row = TABLE.get(row_of(message), _STEERS_STREAM)
    answer = row[list(State).index(state)]
    if answer is Answer.IN_TURN:
        return Answer.DEFER if has_waiting else Answer.APPLY
    return answer
