"""A worker's session: requests in, sound and events out.

It answers the requests of one `[pyext samplernn_pd samplernn]` one after the other; a
running take or stream applies those that steer it itself. See docs/protocol.md.
"""

import dataclasses
import logging
import shlex
import sys
import traceback
from pathlib import Path

import numpy as np

from sopilib import __version__, engine
from sopilib.audio.files import read_audio
from sopilib.engine.load import loadable_precisions
from sopilib.errors import (
    ProtocolError,
    PythonError,
    RequestError,
    SampleRNNError,
    refused_text,
)
from sopilib.generation.generator import make_generator, sample_rate_of
from sopilib.generation.record import ModelRecord, TakeRecord, model_record, record_at_rate
from sopilib.generation.record_file import save_take
from sopilib.generation.request_checks import checked_rate
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.take_files import names_for
from sopilib.generation.temperature import Curve, Envelope
from sopilib.generation.temperature_text import parse_temperature
from sopilib.installation import models
from sopilib.limits import STREAM_SEED_S
from sopilib.model.folder import ModelFiles, find_model
from sopilib.model.generator_state import SavedState, state_of_voices
from sopilib.model.sample_rate import RateSource
from sopilib.protocol import messages
from sopilib.worker import live_stream
from sopilib.worker.channels import Inbox, Send
from sopilib.worker.missing_package import missing_package_text, slow_generator_text
from sopilib.worker.notices import warnings_as_notices
from sopilib.worker.priority import RealTime, leaves_processors
from sopilib.worker.running_take import RunningTake
from sopilib.worker.states import KeepsStates, States, voice_index
from sopilib.worker.steering import handles

log = logging.getLogger("samplernn.worker")
_SEED_END_S = 0.3
_SOFT = 10 ** (-50 / 20)


class Worker(KeepsStates):
    """Answers the requests in `inbox` by calling `send(event)`."""

    def __init__(self, inbox: Inbox, send: Send) -> None:
        self._inbox = inbox
        self._send = send
        self._generator: SampleGenerator | None = None
        self._files: ModelFiles | None = None  # of the generator
        self._model: ModelRecord | None = None  # of the generator
        self._told_rates: set[int] = set()  # that takes of this model have been given
        self._states = States()  # of this generator
        self._is_recalled = False  # the next take or stream resumes from a recalled state
        self._last: RunningTake | None = None

    def run(self) -> None:
        """Say hello, then answer for ever."""
        self._send(messages.Hello(messages.PROTOCOL_VERSION, __version__))
        while True:
            self._answer(self._inbox.get())

    def _answer(self, request: messages.Message) -> None:
        try:
            if not self.apply(request) and isinstance(request, messages.Unknown):
                raise RequestError(f"unknown request {request.type!r}")
            # Other requests steer a take and came after its end: nothing is left to steer.
        except PythonError as error:
            self._fail(request, str(error), other_python=True)
        except SampleRNNError as error:
            self._fail(request, str(error))
        except ImportError as error:
            self._fail(request, missing_package_text(error), other_python=True)
        except OSError as error:
            self._fail(request, refused_text(error))
        except Exception as error:
            log.error("%s", traceback.format_exc())
            self._fail(request, f"{type(error).__name__} in the worker: {_first_line(error)}")

    @handles(messages.Hello)
    def _check_version(self, hello: messages.Hello) -> None:
        """Hang up on a Pd that speaks another protocol."""
        if hello.protocol != messages.PROTOCOL_VERSION:
            self._fail(
                hello,
                f"Pd speaks protocol {hello.protocol}, this worker "
                f"{messages.PROTOCOL_VERSION} (install both from one version)",
            )
            sys.exit(1)

    @handles(messages.Load)
    def _load(self, request: messages.Load) -> None:
        with warnings_as_notices(self._send):
            folders = models.search_folders(request.search)
            path = models.complete_name(request.path, folders)
            files = find_model(path, request.config_path, folders, request.sample_rate)
            made = _make_generator(files, request)  # a failure keeps the old one
        if text := slow_generator_text():
            self._send(messages.Notice(text))
        self._model, self._files, self._told_rates = model_record(files, made), files, set()
        self._generator, self._states, self._is_recalled = made, States(self._model), False
        self._last = None
        self._send(
            messages.Loaded(
                files.name,
                files.config.sample_rate,
                request.num_seqs,
                _facts(files, made),
                files.rate_source.value,
            )
        )

    @handles(messages.Generate)
    def _generate(self, request: messages.Generate) -> None:
        generator, files = self._require_generator(), self._files
        assert files is not None
        if request.latency_s is not None:
            self._stream(generator, files, request, request.latency_s)
            return
        with sample_rate_of(generator, self._rate(request, generator, files)):
            take = Take(generator, self._take_request(request))
        assert self._model is not None
        self._model = record_at_rate(self._model, generator.config)
        self._last, self._is_recalled = RunningTake(request.take, take), False
        with RealTime(leaves_processors(generator.threads)):
            self._last.run(self._inbox, self._send, self._fail)

    def _rate(
        self, request: messages.Generate, generator: SampleGenerator, files: ModelFiles
    ) -> int:
        """Return the model's rate in Hz for a take; `out_rate` where it is only assumed."""
        if request.resume:
            return generator.config.sample_rate
        known = files.config.sample_rate
        if request.out_rate is None or not files.rate_is_assumed:
            return known
        rate = checked_rate("output", request.out_rate)
        if rate != known and rate not in self._told_rates:
            self._told_rates.add(rate)
            folder = shlex.quote(str(files.folder))
            self._send(
                messages.Notice(
                    f"the sample rate of {files.name} is unknown: --out_sr {rate} is taken as it, "
                    f"without resampling (samplernn set-rate {folder} {rate} records it)"
                )
            )
        return rate

    def _stream(
        self,
        generator: SampleGenerator,
        files: ModelFiles,
        request: messages.Generate,
        latency_s: float,
    ) -> None:
        with RealTime() as real_time:  # also while the stream tries how fast it can be
            with sample_rate_of(generator, files.config.sample_rate):
                take_request = self._take_request(request)
                if self._is_recalled:
                    take_request = dataclasses.replace(take_request, resume=True, seed_audio=None)
                stream = live_stream.LiveStream(
                    request.take,
                    generator,
                    take_request,
                    latency_s,
                    self._states,
                    self._live_seed,
                    request.apart,
                    loadable_precisions(files),
                )
            self._is_recalled, self._last = False, None
            stream.apply(messages.Heal(int(request.heal)))
            stream.apply(messages.Release(request.release_ms))
            stream.begin_with_gains(request.gains)
            stream.run(self._inbox, self._send, self._fail, real_time)

    def _recall(self, state: SavedState, voice: int | None) -> None:
        generator = self._require_generator()
        if voice is not None:
            chosen = voice_index("recall_state", voice, generator.num_seqs)
            rows, base = {chosen: (state, chosen)}, generator.save_state()
            state = state_of_voices(base, rows, generator.voice_axes)
        generator.restore_state(state)
        self._is_recalled = True

    @handles(messages.Save)
    def _save(self, request: messages.Save) -> None:
        """Write the generated part of the last take, and its record."""
        if self._last is None or self._model is None or not self._last.chunks:
            raise RequestError("there is no take to save (generate one first)")
        take, audio = self._last.take.record, np.concatenate(self._last.chunks, axis=1)
        files, reason = names_for(Path(request.path), take, request.replaces)
        save_take(files.sounds, files.record, audio, self._model, take)
        if reason is not None:
            self._send(messages.Notice(f"{reason}: the take is saved as {files.sounds[0].name}"))
        self._send(messages.Saved(str(files.sounds[0])))

    def _require_generator(self) -> SampleGenerator:
        if self._generator is None:
            raise RequestError("no model is loaded (load one first)")
        return self._generator

    def _take_request(self, request: messages.Generate) -> TakeRequest:
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

    def _continued(self, request: messages.Generate) -> TakeRecord | None:
        """Return the record of the take that `request` continues, None if there is none."""
        if not request.resume or self._last is None or self._is_recalled:
            return None
        return self._last.take.record

    def _live_seed(self, request: messages.Prime) -> tuple[np.ndarray, int | None]:
        """Return (audio, rate) of a seed for the running stream."""
        samples = np.frombuffer(request.payload, dtype="<f4")
        audio, rate = self._seed(request.seed_file, request.seed_rate, samples, is_live=True)
        if audio is None:
            raise RequestError("seed: no sound (give a file, or samples)")
        return audio, rate

    def _seed(
        self, file: str | None, rate: int | None, samples: np.ndarray, is_live: bool
    ) -> tuple[np.ndarray | None, int | None]:
        """Return (audio, rate) of the seed, (None, None) without one; send a notice of silence.

        Of a file only the end is read for a stream: a long one would hold the stream up.
        """
        if file is not None:
            last_s = STREAM_SEED_S if is_live else None
            with warnings_as_notices(self._send):
                name, (samples, rate) = file, read_audio(file, last_s)
        elif samples.size:
            name = "array"
        else:
            return None, None
        if _ends_silent(samples, rate or self._require_generator().config.sample_rate):
            self._send(
                messages.Notice(
                    f"the seed {name} ends in silence: silence may follow (cut it where it sounds)"
                )
            )
        return samples, rate

    def _fail(self, request: messages.Message, text: str, other_python: bool = False) -> None:
        type_, take = messages.type_of(request), getattr(request, "take", None)
        self._send(messages.Failure(type_, text, take, other_python))


def _make_generator(files: ModelFiles, request: messages.Load) -> SampleGenerator:
    """Return the generator for a `messages.Load`.

    Raises:
        PythonError: this Python has only TensorFlow, which cannot do it.
        SampleRNNError: see `make_generator`.
    """
    try:
        return make_generator(
            files, request.num_seqs, request.engine, request.precision, request.threads
        )
    except SampleRNNError as error:
        if engine.is_built():
            raise
        raise PythonError(str(error)) from error


def _ends_silent(samples: np.ndarray, rate: int) -> bool:
    """Return whether the end of a seed (n,) or (n, channels) is too soft to prime with."""
    end = samples[-max(1, round(_SEED_END_S * rate)) :]
    return bool(abs(end).max() < _SOFT)


def _track(
    entry: float | str | None, curve: np.ndarray, curve_s: float | None
) -> float | Envelope | Curve:
    """Return a temperature of the request as `sopilib.generation.take` has it."""
    if entry is None:
        return Curve(curve, curve_s)
    return parse_temperature(entry) if isinstance(entry, str) else float(entry)


def _facts(files: ModelFiles, generator: SampleGenerator) -> tuple[tuple[str | float, ...], ...]:
    config = files.config
    return (
        ("model", files.name),
        ("folder", str(files.folder)),
        *((("checkpoint", str(files.prefix)),) if files.prefix else ()),
        ("sample_rate", config.sample_rate, *_unless_config(files.rate_source)),
        ("rnn", config.rnn_type, config.dim, config.num_rnn_layers),
        ("frame_sizes", *config.frame_sizes),
        ("quantization", config.q_type, config.q_levels),
        ("skip_conn", int(config.skip_conn)),
        ("engine", generator.engine),
        ("precision", generator.precision),
        ("threads", generator.threads),
    )


def _unless_config(source: RateSource) -> tuple[str, ...]:
    return () if source is RateSource.CONFIG else (source.value,)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no details"])[0]
