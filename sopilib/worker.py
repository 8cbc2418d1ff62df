"""The worker: makes sound for one `[pyext samplernn_pd samplernn]`, in a process of its own.

Started by `samplernn_pd.client` with two pipes. A reader thread turns standard
input into messages and ends the process when its parent is gone; the main thread
answers them one after the other, and between two chunks of a take looks for those
that steer it. See PROTOCOL.md.
"""

import contextlib
import dataclasses
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from sopilib import __version__, frames, protocol
from sopilib.errors import ProtocolError, RequestError, SampleRNNError

log = logging.getLogger("samplernn.worker")
READ_BYTES = 1 << 16
NICENESS = 5
_SEED_END_S = 0.3
_SOFT = 10 ** (-50 / 20)


class Worker:
    """Answers the requests in `inbox` (a `queue.Queue`) by calling `send(event)`."""

    def __init__(self, inbox, send):
        self._inbox = inbox
        self._send = send
        self._generator = None
        self._states = {}  # by slot, of this generator
        self._is_recalled = False  # what comes next goes on from a recalled state
        self._model = None  # record.ModelRecord of the generator
        self._take = None  # generate.Take, the last one
        self._chunks = []  # of the last take, each float32 (num_seqs, any)

    def run(self):
        """Says hello, then answers for ever."""
        self._send(protocol.Hello(protocol.PROTOCOL_VERSION, __version__))
        while True:
            self._answer(self._inbox.get())

    def _answer(self, request):
        try:
            self._dispatch(request)
        except SampleRNNError as error:
            self._fail(request, str(error))
        except ImportError as error:
            self._fail(request, _missing_package_text(error))
        except Exception as error:
            log.error("%s", traceback.format_exc())
            self._fail(request, f"{type(error).__name__} in the worker: {_first_line(error)}")

    def _dispatch(self, request):
        if isinstance(request, protocol.Hello):
            self._check_version(request)
        elif isinstance(request, protocol.Load):
            self._load(request)
        elif isinstance(request, protocol.Generate):
            self._generate(request)
        elif isinstance(request, (protocol.SaveState, protocol.RecallState)):
            self._keep_or_recall(request)
        elif isinstance(request, protocol.Save):
            self._save(request)
        elif isinstance(request, protocol.Unknown):
            raise RequestError(f"unknown request {request.type!r}")
        # What steers a take came after its end: nothing is left to steer.

    def _check_version(self, hello):
        """Hangs up on a Pd that speaks another protocol."""
        if hello.protocol != protocol.PROTOCOL_VERSION:
            self._fail(
                hello,
                f"Pd speaks protocol {hello.protocol}, this worker "
                f"{protocol.PROTOCOL_VERSION} (install both from one version)",
            )
            sys.exit(1)

    def _load(self, request):
        from sopilib import generator, model_folder, record

        files = model_folder.find_model(
            request.path, config_path=request.config_path, search=_search_folders(request)
        )
        made = generator.make_generator(  # a failure keeps the old
            files, request.num_seqs, request.engine, request.precision, request.threads
        )
        self._model = record.model_record(files, made)
        self._generator, self._states, self._is_recalled = made, {}, False
        self._forget_take()
        self._send(
            protocol.Loaded(
                files.name, files.config.sample_rate, request.num_seqs, _facts(files, made)
            )
        )

    def _generate(self, request):
        self._require_model()
        if request.latency_s is not None:
            self._stream(request)
            return
        from sopilib import generate

        take = generate.Take(self._generator, self._take_request(request))
        self._take, self._chunks = take, []
        self._is_recalled = False
        self._send(
            protocol.Started(request.take, take.num_samples, take.sample_rate, take.rng_seed)
        )
        self._make(request.take, take)

    def _stream(self, request):
        from sopilib import live

        wish = self._take_request(request)
        if self._is_recalled:
            wish = dataclasses.replace(wish, resume=True, seed_audio=None)
        made = live.LiveStream(
            request.take,
            self._generator,
            wish,
            request.latency_s,
            self._states,
            self._live_seed,
        )
        self._is_recalled = False
        self._forget_take()
        made.run(self._inbox, self._send, self._fail)

    def _keep_or_recall(self, request):
        self._require_model()
        from sopilib import live

        if isinstance(request, protocol.SaveState):
            self._states[request.slot] = self._generator.save_state()
            self._send(protocol.State(request.slot, "saved"))
            return
        self._generator.restore_state(live.saved_state(self._states, request.slot))
        self._is_recalled = True
        self._send(protocol.State(request.slot, "recalled"))

    def _forget_take(self):
        self._take, self._chunks = None, []

    def _require_model(self):
        if self._generator is None:
            raise RequestError("no model is loaded (load one first)")

    def _make(self, number, take):
        """Sends the chunks of `take`, obeying what arrives between them."""
        position, began = 0, time.monotonic()
        for chunk in take:
            if chunk.shape[1]:
                self._chunks.append(chunk)
                self._send(_chunk_message(number, position, chunk, take.sample_rate, began))
                position += chunk.shape[1]
            if self._stop_requested(take):
                self._send(protocol.Stopped(number, position))
                return
        self._send(protocol.Finished(number, position))

    def _save(self, request):
        """Writes the last take, as far as it was made, and its record."""
        if not self._chunks:
            raise RequestError("there is no take to save (generate one first)")
        import numpy as np
        from sopilib import record_file

        path, audio = Path(request.path), np.concatenate(self._chunks, axis=1)
        record_file.save_take(
            [path], path.with_suffix(".json"), audio, self._model, self._take.record
        )
        self._send(protocol.Saved(request.path))

    def _stop_requested(self, take):
        """Applies all waiting requests to the running take; True if one was `stop`."""
        from sopilib import live

        while True:
            try:
                request = self._inbox.get_nowait()
            except queue.Empty:
                return False
            if isinstance(request, protocol.Stop):
                return True
            try:
                live.steer(take.temperature, request)
            except SampleRNNError as error:
                self._fail(request, str(error))

    def _take_request(self, request):
        import numpy as np
        from sopilib import generate

        payload = np.frombuffer(request.payload, dtype="<f4")
        announced = request.seed_samples + request.envelope_samples
        if payload.size != announced:
            raise ProtocolError(f"a payload of {payload.size} samples, announced as {announced}")
        curve = payload[request.seed_samples :]
        seed = request.seed_file, request.seed_rate, payload[: request.seed_samples]
        seed_audio, seed_rate = self._seed(*seed, is_live=request.latency_s is not None)
        return generate.TakeRequest(
            dur_s=request.dur_s,
            out_rate=request.out_rate,
            temperature=tuple(
                _track(entry, curve, request.envelope_s) for entry in request.temperature
            ),
            seed_audio=seed_audio,
            seed_rate=seed_rate,
            seed_name=request.seed_file or request.seed_name,
            rng_seed=request.rng_seed,
            resume=request.resume,
            ramp=request.ramp,
            continues=self._continued(request),
        )

    def _continued(self, request):
        """The record of the take that a request goes on from, None if it does not or none is."""
        goes_on = request.resume and self._take and not self._is_recalled
        return self._take.record if goes_on else None

    def _live_seed(self, request):
        """Returns (audio, rate) of a `protocol.Prime`."""
        import numpy as np

        samples = np.frombuffer(request.payload, dtype="<f4")
        audio, rate = self._seed(request.seed_file, request.seed_rate, samples, is_live=True)
        if audio is None:
            raise RequestError("seed: no sound (give a file, or samples)")
        return audio, rate

    def _seed(self, file, rate, samples, is_live):
        """Returns (audio, rate) of the seed, (None, None) without one; warns of silence.

        Live, only the end of a file is read: a long one would hold the stream up.
        """
        if file is not None:
            from sopilib import audio, stream

            last_s = stream.SEED_S if is_live else None
            name, (samples, rate) = file, audio.read_audio(file, last_s)
        elif samples.size:
            name = "array"
        else:
            return None, None
        if _ends_silent(samples, rate or self._generator.config.sample_rate):
            self._send(
                protocol.Notice(
                    f"the seed {name} ends in silence: silence may follow "
                    "(cut it where it sounds)"
                )
            )
        return samples, rate

    def _fail(self, request, text):
        type_ = protocol.type_of(request)
        self._send(protocol.Failure(type_, text, getattr(request, "take", None)))


def _ends_silent(samples, rate):
    """Whether the end of a seed (n,) or (n, channels) is too soft to go on from."""
    end = samples[-max(1, round(_SEED_END_S * rate)) :]
    return abs(end).max() < _SOFT


def _track(entry, curve, curve_s):
    """A temperature track of the request as `sopilib.generate` takes it."""
    from sopilib import envelope

    if entry is None:
        return envelope.Curve(curve, curve_s)
    return envelope.parse_temperature(entry) if isinstance(entry, str) else float(entry)


def _search_folders(request):
    """The folders of the request, then those of the bundled models, if there are any."""
    from sopilib import paths

    try:
        models = paths.models_folder()
    except paths.NotInstalledError:
        return request.search
    return (*request.search, models, models.parent)


def _facts(files, generator):
    config = files.config
    return (
        ("model", files.name),
        ("checkpoint", str(files.prefix)),
        ("sample_rate", config.sample_rate),
        ("rnn", config.rnn_type, config.dim, config.num_rnn_layers),
        ("frame_sizes", *config.frame_sizes),
        ("quantization", config.q_type, config.q_levels),
        ("skip_conn", int(config.skip_conn)),
        ("engine", generator.engine),
        ("precision", generator.precision),
        ("threads", generator.threads),
    )


def _chunk_message(number, position, chunk, sample_rate, began):
    done_s = (position + chunk.shape[1]) / sample_rate
    speed = done_s / max(time.monotonic() - began, 1e-6)
    payload = chunk.astype("<f4").tobytes()  # (num_seqs, n), voice after voice
    return protocol.Chunk(number, position, chunk.shape[0], round(speed, 3), payload)


def _missing_package_text(error):
    name = getattr(error, "name", None) or str(error)
    package = name.partition(".")[0]
    return f"{sys.executable} has no {package} ({sys.executable} -m pip install {package})"


def _first_line(error):
    return (str(error).strip().splitlines() or ["no details"])[0]


def read_requests(stream, inbox):
    """Puts the messages on the raw `stream` into `inbox`; ends the process at its end."""
    decoder = frames.Decoder()
    try:
        while data := stream.read(READ_BYTES):
            for message in decoder.feed(data):
                inbox.put(message)
    except ProtocolError as error:
        log.error("hanging up: %s", error)
    finally:
        os._exit(0)


def _give_way():
    """Puts Pd's audio first: leaves the real-time class that children inherit, and is nice."""
    os.nice(NICENESS)
    if hasattr(os, "sched_setscheduler"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _private_stdout():
    """Keeps standard output for the protocol: whatever else prints goes to standard error."""
    stream = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return stream


def _sender(stream):
    def send(message):
        view = memoryview(frames.encode(message))
        while view:
            view = view[stream.write(view) :]

    return send


def main():
    """Runs the worker on the process's own pipes until the parent hangs up."""
    _give_way()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for Pd; its end is ours
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    stdin = os.fdopen(os.dup(0), "rb", buffering=0)
    send = _sender(_private_stdout())
    inbox = queue.Queue()
    threading.Thread(target=read_requests, args=(stdin, inbox), daemon=True).start()
    try:
        Worker(inbox, send).run()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
