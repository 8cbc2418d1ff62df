"""A worker's session: requests in, sound and events out.

It answers the requests of one `[pyext samplernn_pd samplernn]` one after the other, and
between two chunks of a take looks for those that steer it. See docs/protocol.md.
"""

import dataclasses
import logging
import queue
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from sopilib import __version__
from sopilib.audio.files import read_audio
from sopilib.errors import ProtocolError, RequestError, SampleRNNError
from sopilib.generation.generator import make_generator
from sopilib.generation.record import model_record
from sopilib.generation.record_file import save_take
from sopilib.generation.stream import SEED_S
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.temperature import Curve, parse_temperature
from sopilib.installation import paths
from sopilib.model.folder import find_model
from sopilib.protocol import messages as protocol
from sopilib.worker import live_stream
from sopilib.worker.missing_package import missing_package_text

log = logging.getLogger("samplernn.worker")
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
        self._take = None  # Take, the last one
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
            self._fail(request, missing_package_text(error))
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
        files = find_model(
            request.path, config_path=request.config_path, search=_search_folders(request)
        )
        made = make_generator(  # a failure keeps the old
            files, request.num_seqs, request.engine, request.precision, request.threads
        )
        self._model = model_record(files, made)
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
        take = Take(self._generator, self._take_request(request))
        self._take, self._chunks = take, []
        self._is_recalled = False
        self._send(
            protocol.Started(request.take, take.num_samples, take.sample_rate, take.rng_seed)
        )
        self._make(request.take, take)

    def _stream(self, request):
        wish = self._take_request(request)
        if self._is_recalled:
            wish = dataclasses.replace(wish, resume=True, seed_audio=None)
        made = live_stream.LiveStream(
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
        if isinstance(request, protocol.SaveState):
            self._states[request.slot] = self._generator.save_state()
            self._send(protocol.State(request.slot, "saved"))
            return
        self._generator.restore_state(live_stream.saved_state(self._states, request.slot))
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
        path, audio = Path(request.path), np.concatenate(self._chunks, axis=1)
        save_take([path], path.with_suffix(".json"), audio, self._model, self._take.record)
        self._send(protocol.Saved(request.path))

    def _stop_requested(self, take):
        """Applies all waiting requests to the running take; True if one was `stop`."""
        while True:
            try:
                request = self._inbox.get_nowait()
            except queue.Empty:
                return False
            if isinstance(request, protocol.Stop):
                return True
            try:
                live_stream.steer(take.temperature, request)
            except SampleRNNError as error:
                self._fail(request, str(error))

    def _take_request(self, request):
        payload = np.frombuffer(request.payload, dtype="<f4")
        announced = request.seed_samples + request.envelope_samples
        if payload.size != announced:
            raise ProtocolError(f"a payload of {payload.size} samples, announced as {announced}")
        curve = payload[request.seed_samples :]
        seed = request.seed_file, request.seed_rate, payload[: request.seed_samples]
        seed_audio, seed_rate = self._seed(*seed, is_live=request.latency_s is not None)
        return TakeRequest(
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
            last_s = SEED_S if is_live else None
            name, (samples, rate) = file, read_audio(file, last_s)
        elif samples.size:
            name = "array"
        else:
            return None, None
        if _ends_silent(samples, rate or self._generator.config.sample_rate):
            self._send(
                protocol.Notice(
                    f"the seed {name} ends in silence: silence may follow (cut it where it sounds)"
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
    """A temperature track of the request as `sopilib.generation.take` takes it."""
    if entry is None:
        return Curve(curve, curve_s)
    return parse_temperature(entry) if isinstance(entry, str) else float(entry)


def _search_folders(request):
    """The folders of the request, then those of the bundled models, if there are any."""
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


def _first_line(error):
    return (str(error).strip().splitlines() or ["no details"])[0]
