"""Apply each message that the state allows: one table from message class to function.

A message without a row goes to the worker unchanged.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samplernn_pd import model_list, requests
from samplernn_pd.host import absolute
from samplernn_pd.messages import (
    Apart,
    Card,
    Envelope,
    Generate,
    Info,
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
from samplernn_pd.pd_version import multichannel_refusal, pd_version
from samplernn_pd.settings import SETTINGS
from samplernn_pd.states import EndStream, State, row_of
from samplernn_pd.stream import StreamInPd
from samplernn_pd.take import TakeInPd
from sopilib.errors import RequestError
from sopilib.installation.worker_python import worker_python
from sopilib.protocol import messages

if TYPE_CHECKING:
    from samplernn_pd.control import Control

Action = Callable[["Control", Any], None]


def action_for(message: PdMessage) -> Action:
    """Return the function to call with the control and `message`."""
    row = row_of(message)
    return _ACTIONS.get(row) or (_set if row in SETTINGS else _forward)


def _forward(control: "Control", message: messages.Message) -> None:
    control.worker.send(message)


def _load(control: "Control", message: Load) -> None:
    python = worker_python(message.python)
    if control.worker.is_silent or control.worker.python not in (None, python):
        control.drop_worker()
    control.state = State.LOADING
    control.worker.load(
        python,
        messages.Load(
            path=os.path.expanduser(message.path),
            num_seqs=message.voices,
            config_path=message.config_path,
            search=control.models.search_folders(),
            engine=message.engine,
            precision=message.precision,
            threads=message.threads,
            sample_rate=message.sample_rate,
        ),
    )


def _unload(control: "Control", message: Unload) -> None:
    if control.wait_for_files(message):
        return
    if control.output.running and not control.output.stream:
        control.outbox.error("unload during a take: the finished part stays in the array")
    control.drop_worker()


def _info(control: "Control", message: Info) -> None:
    model = control.worker.model
    rows = (*model.facts, ("voices", model.num_seqs)) if model else (("model", "none"),)
    for row in (*rows, *control.settings.rows()):
        control.outbox.say("info", *row)


def _multichannel(control: "Control", message: Multichannel) -> None:
    if reason := multichannel_refusal(pd_version()):
        raise RequestError(reason)
    control.outbox.say("multichannel", "on")


def _models(control: "Control", message: Models) -> None:
    places = control.models.places()
    control.models.ask(lambda: model_list.list_rows(places))


def _models_in(control: "Control", message: ModelsIn) -> None:
    control.models.add_folder(message.folder)


def _patch_folder(control: "Control", message: PatchFolder) -> None:
    """Count relative paths from another folder; models are still found in the object's own."""
    own, folder = control.host.patch_folder, absolute(control.host, message.folder)
    if os.path.realpath(own) != os.path.realpath(folder):
        control.models.add_folder(own)
        control.host.patch_folder = folder


def _apart(control: "Control", message: Apart) -> None:
    for name in _numbered(message.array, message.count):
        if control.host.arrays.length(name):
            raise RequestError(
                f"{message.array!r} is in use, as there is an array {name!r} "
                "(give [samplernn~] another NAME)"
            )
    control.outbox.say("apart", message.count, message.array)


def _card(control: "Control", message: Card) -> None:
    name, loaded, places = message.model, control.worker.model, control.models.places()
    facts = loaded.facts if loaded and name is None else ()
    folder = next((Path(str(row[1])) for row in facts if row[0] == "folder"), None)
    control.models.ask(
        lambda: model_list.card_rows(folder or model_list.named_folder(name, places))
    )


def _stop(control: "Control", message: PdMessage) -> None:
    if control.worker.is_silent:
        control.lose_worker("stop: the worker does not answer and is ended (load again)")
        return
    control.forget_deferred()
    if control.output.stream:
        control.output.stream.fade_out()
    control.stop_take()


def _generate(control: "Control", message: Generate) -> None:
    if message.resume and not control.output.can_continue:
        raise RequestError("continue: there is no take to continue (generate one first)")
    number = control.output.num_takes + 1
    seed = None if message.resume else message.seed or control.settings.seed
    _tell_reading(control, seed, None if message.temperature else control.settings.envelope)
    request = requests.generate_request(
        number, message, control.settings, _model(control), control.host
    )
    take = TakeInPd(number, message.arrays, control.host.arrays, control.outbox.say)
    control.begin(take, request, State.TAKING)


def _tell_reading(control: "Control", seed: Seed | None, envelope: Envelope | None) -> None:
    """Write on the console, before it happens, that Pd stands still to read long arrays."""
    if text := requests.reading_notice(seed, envelope, control.host.arrays):
        control.outbox.notice(text)


def _stream(control: "Control", message: Stream) -> None:
    if message.latency_s is not None:
        control.settings.change(messages.Latency(message.latency_s))
    _tell_reading(control, None, control.settings.envelope)
    request = requests.stream_request(
        control.output.num_takes + 1,
        message,
        control.settings,
        _model(control),
        control.host,
    )
    stream = StreamInPd(
        request,
        str(message.array),
        control.settings,
        control.host,
        control.worker.send,
        control.outbox.say,
        _voice_names(message, _model(control)),
    )
    control.begin(stream, request, State.STREAMING)


def _voice_names(message: Stream, model: messages.Loaded) -> tuple[str, ...]:
    if message.voices is None:
        return ()
    return _numbered(message.voices, model.num_seqs)


def _numbered(name: str, count: int) -> tuple[str, ...]:
    """Return the names of the arrays for each voice by itself."""
    return tuple(f"{name}-{number}" for number in range(1, count + 1))


def _model(control: "Control") -> messages.Loaded:
    """Return the model, which exists in the states that allow the message."""
    model = control.worker.model
    assert model is not None
    return model


def _save(control: "Control", message: messages.Save) -> None:
    control.worker.send(messages.Save(absolute(control.host, message.path), message.replaces))


def _write_states(control: "Control", message: messages.WriteStates) -> None:
    control.worker.send(messages.WriteStates(absolute(control.host, message.path)))


def _read_states(control: "Control", message: messages.ReadStates) -> None:
    control.worker.send(messages.ReadStates(absolute(control.host, message.path)))


def _seed(control: "Control", message: Seed) -> None:
    """Keep a seed; a file by its whole path, so that another patch folder leaves it as it is."""
    source = message.source
    if source is not None and not control.host.arrays.length(source):
        path = absolute(control.host, source)
        message = replace(message, source=path if os.path.isfile(path) else source)
    _set(control, message)


def _seed_voice(control: "Control", message: SeedVoice) -> None:
    if control.output.stream:
        control.output.stream.prime_voice(message)


def _set(control: "Control", message: PdMessage) -> None:
    if control.state is State.STREAMING and control.output.stream:
        if isinstance(message, Envelope):
            _tell_reading(control, None, message)
        control.output.stream.apply(message)
    control.settings.change(message)


def _set_temperature(control: "Control", message: messages.SetTemperature) -> None:
    model = control.worker.model
    if model and control.state is not State.LOADING:
        requests.check_temperatures(message.values, model.num_seqs)
    _set(control, message)
    if control.state in (State.TAKING, State.STREAMING):
        control.worker.send(message)


def _ramp(control: "Control", message: messages.Ramp) -> None:
    if control.state in (State.TAKING, State.STREAMING):
        control.worker.send(message)
        _set(control, messages.SetTemperature((message.target,)))
    else:
        control.settings.change(message)


def _set_gain(control: "Control", message: messages.Gain) -> None:
    model = control.worker.model
    if model and control.state is not State.LOADING:
        messages.check_voice_of("gain", message.voice, model.num_seqs)
    control.settings.set_gain(message)
    if control.state is State.STREAMING:
        control.worker.send(message)


_ACTIONS: dict[type, Action] = {
    Load: _load,
    Unload: _unload,
    Info: _info,
    Multichannel: _multichannel,
    Models: _models,
    ModelsIn: _models_in,
    PatchFolder: _patch_folder,
    Apart: _apart,
    Card: _card,
    messages.Stop: _stop,
    EndStream: _stop,
    Generate: _generate,
    Stream: _stream,
    Seed: _seed,
    SeedVoice: _seed_voice,
    messages.Save: _save,
    messages.WriteStates: _write_states,
    messages.ReadStates: _read_states,
    messages.SetTemperature: _set_temperature,
    messages.Ramp: _ramp,
    messages.Gain: _set_gain,
}
