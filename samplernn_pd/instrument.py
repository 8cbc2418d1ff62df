"""The instrument behind the class: messages in, worker requests out, and back.

Knows nothing of Pd but its host, the object that it is given:

    host.send(selector, *atoms)   a status message
    host.print(text)              a line on the console
    host.arrays                   as `samplernn_pd.arrays.PdArrays`
    host.patch_folder             where relative paths begin
    host.sample_rate              Pd's, in Hz
    host.missing_polls()          why nothing is delivered, a str, or None

Every method returns at once. What the worker sends is delivered by `poll`. What the
host is told goes through an outbox, see there why.
"""

import os
import threading
import time

from samplernn_pd import grammar, messages, requests
from samplernn_pd.client import WorkerClient, WorkerGone
from samplernn_pd.outbox import Outbox
from samplernn_pd.settings import Settings
from samplernn_pd.stream import StreamInPd
from samplernn_pd.take import TakeInPd
from sopilib.errors import RequestError, SampleRNNError
from sopilib.installation.worker_python import worker_python
from sopilib.protocol import messages as protocol

POLL_LIMIT_S = 0.001
HELLO_LIMIT_S = 60.0
JOIN_LIMIT_S = 0.2
_BEGINNINGS = (messages.Load, messages.Generate, messages.Stream, messages.Save)
_NEVER_DEFERRED = (messages.Stop, messages.Unload, messages.Info, messages.Poll)


class Instrument:
    """One worker, one model, one take at a time."""

    def __init__(self, host, library_folder):
        self._host = host
        self._library_folder = library_folder
        self._settings = Settings()
        self._client = None
        self._greeted = False
        self._load_began = None  # time.monotonic() while a model is being loaded
        self._model = None  # protocol.Loaded
        self._take = None  # TakeInPd or StreamInPd while one is being made
        self._num_takes = 0
        self._can_continue = False
        self._num_saving = 0  # saves that the worker has not answered yet
        self._silencing = []  # takes whose arrays still hold something older behind them
        self._after_stop = []  # messages that came while a stopped take was ending
        self._outbox = Outbox(host)
        self._lock = threading.RLock()  # detached handlers come on threads of their own
        self._polling = self._closed = False
        self._actions = {
            messages.Load: self._load,
            messages.Unload: self._unload,
            messages.Info: self._info,
            messages.Poll: lambda message: self.poll(position=message.position),
            messages.Stop: self._stop,
            messages.Temperature: self._temperature,
            messages.Ramp: self._ramp,
            messages.Generate: self._generate,
            messages.Stream: self._stream,
            messages.Freeze: self._freeze,
            messages.SaveState: lambda wish: self._send(protocol.SaveState(wish.slot)),
            messages.RecallState: lambda wish: self._send(protocol.RecallState(wish.slot)),
            messages.Save: self._save,
        }
        self._reactions = {
            protocol.Hello: self._on_hello,
            protocol.Loaded: self._on_loaded,
            protocol.Started: self._on_started,
            protocol.Chunk: self._on_chunk,
            protocol.Finished: self._on_finished,
            protocol.Stopped: self._on_stopped,
            protocol.State: lambda event: self._outbox.say("state", event.done, event.slot),
            protocol.Saved: self._on_saved,
            protocol.Notice: lambda event: self._outbox.notice(event.text),
            protocol.Failure: self._on_failure,
            WorkerGone: lambda event: self._lose_worker(event.reason),
        }

    @property
    def busy(self):
        """True while there is something for `poll` to wait for or to do."""
        waiting = self._load_began is not None or self._take or self._num_saving
        return bool(waiting or self._silencing)

    def receive(self, selector, atoms):
        """Obeys a Pd message; whatever is wrong with it becomes one `error`."""
        with self._lock:
            if not self._closed:
                self._try(self._parse_and_obey, selector, atoms)
                self._outbox.send()

    def poll(self, limit_s=POLL_LIMIT_S, position=None):
        """Delivers what has arrived, for about `limit_s` seconds at most.

        `position` is where the patch plays the ring of a stream, in samples.
        """
        with self._lock:
            if self._polling:  # a status message came back as a poll
                return
            self._polling = True
            try:
                self._play_streams_at(position)
                self._deliver(limit_s)
                self._outbox.send()
            finally:
                self._polling = False

    def error(self, text: str) -> None:
        """Send a line as `error`, and to the console."""
        with self._lock:
            self._outbox.error(text)
            self._outbox.send()

    def wait(self, timeout_s):
        """Waits for something to deliver. Not for Pd's thread."""
        client = self._client
        if client:
            client.wait(timeout_s)

    def close(self):
        """Ends the worker for good; nothing is sent or obeyed any more."""
        with self._lock:
            self._closed = True
            client, streams = self._client, self._streams
            self._close_client()
            for stream in streams:
                stream.cut()
        if client:
            client.join(JOIN_LIMIT_S)

    def _play_streams_at(self, position):
        for stream in self._streams:
            try:
                stream.play_at(position)
            except SampleRNNError as error:
                self._outbox.error(str(error))
                stream.cut()
                self._stop_take()

    def _deliver(self, limit_s):
        deadline = time.monotonic() + limit_s
        while self._client and (event := self._client.next_event()) is not None:
            reaction = self._reactions.get(type(event))
            if reaction:
                reaction(event)
            if time.monotonic() > deadline:
                break
        self._silencing = [take for take in self._silencing if take.silence_slice()]
        if self._running_stream and not self._running_stream.advance():
            self._give_up_take()
        if self._take:
            self._take.show_progress()
        self._check_hello()

    def _try(self, action, *args):
        try:
            action(*args)
        except SampleRNNError as error:
            self._outbox.error(str(error))

    # Messages

    def _parse_and_obey(self, selector, atoms):
        self._obey(grammar.parse(selector, atoms))

    def _obey(self, message):
        if self._must_wait(message):
            self._after_stop.append(message)
        else:
            self._actions.get(type(message), self._set)(message)

    def _must_wait(self, message):
        """True for a beginning while a stopped take is ending, and for all that follows it."""
        if not (self._take and self._take.stopping) or isinstance(message, _NEVER_DEFERRED):
            return False
        return bool(self._after_stop) or isinstance(message, _BEGINNINGS)

    def _load(self, message):
        if self._load_began is not None:
            raise RequestError("load: a model is being loaded (wait for it, or unload)")
        self._require_rest("load")
        python = worker_python(message.python)
        if self._client and self._client.python != python:
            self._drop_worker()
        if not self._client:
            self._client = WorkerClient(python, self._library_folder)
            self._greeted = False
        self._load_began = time.monotonic()
        self._client.send(
            protocol.Load(
                path=os.path.expanduser(message.path),
                num_seqs=message.voices,
                config_path=message.config_path,
                search=(self._host.patch_folder,),
                engine=message.engine,
                precision=message.precision,
                threads=message.threads,
            )
        )

    def _unload(self, message):
        if self._take and not self._running_stream:
            self._outbox.error("unload in mid-take: what is finished stays in the array")
        self._drop_worker()

    def _stop(self, message):
        if not self._take:
            raise RequestError("stop: no take is running")
        self._after_stop.clear()
        if self._running_stream:
            self._running_stream.fade_out()
        self._stop_take()

    def _set(self, message):
        if self._running_stream:
            self._running_stream.obey(message)
        self._settings.change(message)

    def _temperature(self, message):
        if self._model and self._load_began is None:
            requests.check_temperatures(message.values, self._model.num_seqs)
        self._set(message)
        if self._take:
            self._client.send(protocol.SetTemperature(message.values))

    def _ramp(self, message):
        if self._take:
            self._client.send(protocol.Ramp(message.target, message.seconds))
            self._set(messages.Temperature((message.target,)))
        else:
            self._settings.change(message)

    def _generate(self, message):
        self._require_model("generate")
        self._require_rest("generate")
        if message.resume and not self._can_continue:
            raise RequestError("continue: there is no take to continue (generate one first)")
        number = self._num_takes + 1
        request = requests.generate_request(
            number, message, self._settings, self._model, self._host
        )
        self._num_takes = number
        self._take = TakeInPd(number, message.arrays, self._host.arrays, self._outbox.say)
        self._client.send(request)

    def _stream(self, message):
        if message.array is None:
            if self._running_stream:
                self._stop(message)
            return
        self._require_model("stream")
        self._require_rest("stream")
        if message.latency_s is not None:
            self._settings.change(messages.Latency(message.latency_s))
        self._num_takes += 1
        request = requests.stream_request(
            self._num_takes, message, self._settings, self._model, self._host
        )
        self._take = StreamInPd(
            request,
            message.array,
            self._settings,
            self._host,
            self._send,
            self._outbox.say,
        )
        self._silencing = [
            self._take if isinstance(older, StreamInPd) and self._take.takes_over(older) else older
            for older in self._silencing
        ]
        self._send(request)

    def _freeze(self, message):
        if not self._running_stream:
            raise RequestError("freeze: no stream is running (start one first)")
        self._running_stream.obey(message)

    def _save(self, message):
        if not self._client:
            raise RequestError("save: there is no take (generate one first)")
        self._require_rest("save")
        path = os.path.join(self._host.patch_folder, os.path.expanduser(message.path))
        self._num_saving += 1
        self._client.send(protocol.Save(path))

    def _send(self, request):
        self._require_model(protocol.type_of(request))
        self._client.send(request)

    @property
    def _running_stream(self):
        return self._take if isinstance(self._take, StreamInPd) else None

    @property
    def _streams(self):
        """The running stream, and those over whose last sound is still to be heard."""
        takes = [self._take, *(take for take in self._silencing if take is not self._take)]
        return [take for take in takes if isinstance(take, StreamInPd)]

    def _require_model(self, name):
        if self._load_began is not None and (reason := self._host.missing_polls()):
            raise RequestError(f"{name}: {reason}")
        if not self._model or self._load_began is not None:
            raise RequestError(f"{name}: no model is loaded (load one, wait for `loaded`)")

    def _require_rest(self, name):
        if self._running_stream:
            raise RequestError(f"{name}: a stream is running (stop it first)")
        if self._take:
            raise RequestError(f"{name}: a take is running (stop it first)")

    def _info(self, message):
        if self._model:
            rows = (*self._model.facts, ("voices", self._model.num_seqs))
        else:
            rows = (("model", "none"),)
        for row in (*rows, *self._settings.rows()):
            self._outbox.say("info", *row)

    # Events

    def _on_hello(self, event):
        if event.protocol != protocol.PROTOCOL_VERSION:
            self._lose_worker(
                f"the worker speaks protocol {event.protocol}, this class "
                f"{protocol.PROTOCOL_VERSION} (install both from one version)"
            )
            return
        self._greeted = True

    def _on_loaded(self, event):
        self._load_began = None
        if self._model:
            self._outbox.say("worker", "off")  # to a patch a second model is a second worker
        self._outbox.say("worker", "on")
        self._model = event
        self._can_continue = False
        self._outbox.say("loaded", event.name, event.sample_rate, event.num_seqs)

    def _on_started(self, event):
        if not self._is_current(event):
            return
        self._can_continue = True
        self._settings.ramp = None  # it was for this take
        take = self._take
        self._silencing = [older for older in self._silencing if not older.shares_arrays(take)]
        if take.begin(event.num_samples, event.sample_rate):
            self._silencing.append(take)
        else:
            self._give_up_take()

    def _on_chunk(self, event):
        if self._is_current(event) and not self._take.write(event):
            self._give_up_take()

    def _on_finished(self, event):
        if self._is_current(event):
            self._end_take("generated")

    def _on_stopped(self, event):
        if self._is_current(event):
            self._end_take("stopped")

    def _on_saved(self, event):
        self._num_saving -= 1
        self._outbox.say("saved", event.path)

    def _on_failure(self, event):
        self._outbox.error(event.text)
        if event.request == "load":
            self._load_began = None
        elif event.request == "save":
            self._num_saving -= 1
        elif self._is_current(event):
            self._end_take("stopped")

    def _is_current(self, event):
        return self._take is not None and event.take == self._take.number

    def _end_take(self, selector):
        take, self._take = self._take, None
        waiting, self._after_stop = self._after_stop, []
        if take.begun:
            take.report(selector)
        for message in waiting:
            self._try(self._obey, message)

    def _stop_take(self):
        if not self._take.stopping:
            self._take.stopping = True
            self._client.send(protocol.Stop())

    def _give_up_take(self):
        """The arrays no longer take what the worker makes."""
        if not self._take.stopping:
            self._outbox.error(
                f"the arrays {' '.join(self._take.array_names)} are gone or of another length "
                "(the take is stopped; make them anew)"
            )
            if self._running_stream:
                self._running_stream.cut()
            self._stop_take()

    # The worker's end

    def _lose_worker(self, reason):
        self._outbox.error(reason)
        self._drop_worker()

    def _drop_worker(self):
        take = self._take
        self._close_client()
        if take and take.begun:
            take.report("stopped")
        self._outbox.say("worker", "off")

    def _close_client(self):
        client, self._client = self._client, None
        self._model = self._take = self._load_began = None
        self._num_saving = 0
        self._after_stop = []
        self._can_continue = False
        if client:
            client.close()

    def _check_hello(self):
        waited = 0.0 if self._load_began is None else time.monotonic() - self._load_began
        if not self._greeted and waited > HELLO_LIMIT_S:
            self._lose_worker(f"the worker did not answer within {HELLO_LIMIT_S:g} s")
