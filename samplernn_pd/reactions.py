"""Apply the events of the worker: one table from event class to function."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from samplernn_pd.client import WorkerGone
from samplernn_pd.silence import WorkerSilent
from samplernn_pd.states import SILENT, State
from samplernn_pd.worker_link import NotWritten
from sopilib.errors import RequestError
from sopilib.protocol import messages

if TYPE_CHECKING:
    from samplernn_pd.control import Control

_OF_LEAVING = (messages.State, messages.StatesFile, messages.Saved, messages.Notice)


def react(control: "Control", event: object) -> None:
    """Apply an event of the worker; ignore one of an unknown class."""
    reaction = _REACTIONS.get(type(event))
    if reaction:
        reaction(control, event)


def react_to_leaving(control: "Control", event: object) -> None:
    """Report what a worker that leaves still answers."""
    if isinstance(event, NotWritten):
        tell_not_written(control, event.requests)
    elif isinstance(event, messages.Failure):
        control.outbox.error(event.text)
    elif isinstance(event, _OF_LEAVING):
        react(control, event)


def tell_not_written(control: "Control", requests: Sequence[str]) -> None:
    """Report requests to write a file after which the worker has ended without an answer."""
    for name in requests:
        control.outbox.error(f"{name}: the worker has ended before the file was written")


def _on_hello(control: "Control", event: messages.Hello) -> None:
    if event.protocol != messages.PROTOCOL_VERSION:
        control.lose_worker(
            f"the worker speaks protocol {event.protocol}, this class "
            f"{messages.PROTOCOL_VERSION} (install both from one version)"
        )


def _on_loaded(control: "Control", event: messages.Loaded) -> None:
    """Report that the worker is ready; to a patch every model looks like a new worker."""
    if control.state is not State.LOADING:
        return
    if control.worker.model:
        control.outbox.say("worker", "off")
    control.outbox.say("worker", "on")
    control.end_load(event)
    control.output.can_continue = False
    control.outbox.say("rate", event.sample_rate, event.rate_source)
    control.outbox.say("loaded", event.name, event.sample_rate, event.num_seqs)


def _on_started(control: "Control", event: messages.Started) -> None:
    if not _is_running(control, event):
        return
    control.settings.ramp = None  # it applied to this take only
    if not control.output.begin(event.num_samples, event.sample_rate):
        control.give_up_take()


def _on_chunk(control: "Control", event: messages.Chunk) -> None:
    take = control.output.running
    if take and take.begun and event.take == take.number and not take.write(event):
        control.give_up_take()


def _on_finished(control: "Control", event: messages.Finished) -> None:
    if _is_running(control, event):
        control.end_take("generated")


def _on_stopped(control: "Control", event: messages.Stopped) -> None:
    if _is_running(control, event):
        control.end_take("stopped")


def _on_latency_used(control: "Control", event: messages.LatencyUsed) -> None:
    stream = control.output.stream
    if stream is None or not _is_running(control, event):
        return
    try:
        if notice := stream.use_latency(event.seconds, event.asked):
            control.outbox.notice(notice)
    except RequestError as error:
        control.outbox.error(str(error))
        stream.cut()
        control.stop_take()


def _on_warning(control: "Control", event: messages.SoundWarning) -> None:
    if _is_running(control, event):
        control.outbox.say("warning", event.kind, *(("healed",) if event.healed else ()))


def _on_state(control: "Control", event: messages.State) -> None:
    control.outbox.say("state", event.done, event.slot)


def _on_states_file(control: "Control", event: messages.StatesFile) -> None:
    if event.done == "read":
        for slot in event.slots:
            control.outbox.say("state", "read", slot)
    control.outbox.say("states", event.done, len(event.slots), event.path)


def _on_saved(control: "Control", event: messages.Saved) -> None:
    control.outbox.say("saved", event.path)


def _on_notice(control: "Control", event: messages.Notice) -> None:
    control.outbox.notice(event.text)


def _on_failure(control: "Control", event: messages.Failure) -> None:
    control.outbox.error(event.text)
    if event.request == messages.Load.type_name:
        if control.state is State.LOADING:
            control.end_load(None)
    elif _is_running(control, event):
        control.end_take("stopped")


def _on_gone(control: "Control", event: WorkerGone) -> None:
    control.lose_worker(event.reason)


def _on_silence(control: "Control", event: WorkerSilent) -> None:
    control.worker.is_silent = event.is_silent
    if event.is_silent:
        control.outbox.error(SILENT.reason)
    else:
        control.outbox.notice("the worker answers again")


def _is_running(control: "Control", event: Any) -> bool:
    """Return whether `event` is about the running take."""
    take = control.output.running
    return take is not None and event.take == take.number


_REACTIONS: dict[type, Callable[["Control", Any], None]] = {
    messages.Hello: _on_hello,
    messages.Loaded: _on_loaded,
    messages.Started: _on_started,
    messages.Chunk: _on_chunk,
    messages.Finished: _on_finished,
    messages.Stopped: _on_stopped,
    messages.LatencyUsed: _on_latency_used,
    messages.SoundWarning: _on_warning,
    messages.State: _on_state,
    messages.StatesFile: _on_states_file,
    messages.Saved: _on_saved,
    messages.Notice: _on_notice,
    messages.Failure: _on_failure,
    WorkerGone: _on_gone,
    WorkerSilent: _on_silence,
}
