"""Measure how fast this machine plays a model, and how fast it could at best."""

import contextlib
import hashlib
import json
import platform
import time
from dataclasses import dataclass

import numpy as np

from sopilib.engine.cache import user_cache_folder
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.live_speed import LIVE
from sopilib.engine.pack import RECIPES, pack
from sopilib.engine.random_model import random_folded
from sopilib.engine.thread_count import default_threads
from sopilib.model.config import ModelConfig
from sopilib.small_files import read_json

_MOST_EXACT = next(iter(RECIPES))

# share of the time that the threads of an undisturbed process run: the threads of a team
# spin even while they wait for each other
_UNDISTURBED = 0.85

# samples of the first chunk of a take
FIRST_CHUNK = 32

# raise it when the engine gets faster, so that choices made before are made again
_ENGINE_SPEED = 2

# long enough that one interruption by another process does not decide the result
_PIECES = 5
_PIECE_S = 0.05


@dataclass(frozen=True)
class Speed:
    """The measured speed of a generator.

    Attributes:
      samples_per_second: of all voices together.
      times_real_time: of one voice; 1 is live.
      first_chunk_ms: from the request to the first 32 samples.
      read_floor_times_real_time: the speed of only reading the same weights.
    """

    samples_per_second: float
    times_real_time: float
    first_chunk_ms: float
    read_floor_times_real_time: float


@dataclass(frozen=True)
class Choice:
    """A precision and its measured speed.

    Attributes:
      precision: one of RECIPES.
      times_real_time: of one voice.
      undisturbed: whether the processors were free while it was measured.
    """

    precision: str
    times_real_time: float
    undisturbed: bool


def measure_speed(generator: EngineGenerator, dur_s: float | None = None) -> Speed:
    """Return the Speed of a generator, which advances.

    Args:
      generator: EngineGenerator.
      dur_s: seconds of sound to generate, or None to measure for about half a second and
        take the best of several pieces.
    """
    rate, num_seqs = generator.config.sample_rate, generator.num_seqs
    first_s = _seconds(generator, FIRST_CHUNK)
    if dur_s is None:
        num_samples = _piece(first_s)
        seconds = min(_seconds(generator, num_samples) for _ in range(_PIECES))
    else:
        num_samples = max(1, round(dur_s * rate))
        seconds = _seconds(generator, num_samples)
    per_second = num_samples / seconds
    return Speed(
        samples_per_second=per_second * num_seqs,
        times_real_time=per_second / rate,
        first_chunk_ms=first_s * 1e3,
        read_floor_times_real_time=_read_floor(generator, first_s) / rate,
    )


def profile_sample(generator: EngineGenerator) -> dict[str, float]:
    """Return the microseconds per sample of each part of the loop, of a generator, which advances.

    The best of several pieces, see `EngineGenerator.profile`.
    """
    num_samples = _piece(_seconds(generator, FIRST_CHUNK))
    profiles = [generator.profile(num_samples) for _ in range(_PIECES)]
    return min(profiles, key=lambda profile: profile[1])[0]


def choose_precision(config: ModelConfig, num_seqs: int, threads: int | None = None) -> str:
    """Return the most exact precision in which this machine plays such a model live.

    The speed is measured with random weights, once for each kind of model. The answer is
    kept in the user's cache folder, unless another program kept the processors busy and a
    more exact precision might be live without it.

    Returns:
      'float32', 'int8' or 'int4'; the fastest if none is live.
    """
    threads = threads or default_threads()
    path = user_cache_folder() / f"precision-{_digest(config, num_seqs, threads)}.json"
    try:
        known = read_json(path)
        if isinstance(known, str) and known in RECIPES:
            return known
    except (OSError, ValueError):
        pass
    chosen = measured_precision(config, num_seqs, threads)
    if chosen.undisturbed or chosen.precision == _MOST_EXACT:
        with contextlib.suppress(OSError):  # the next load measures again
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(chosen.precision))
    return chosen.precision


def measured_precision(config: ModelConfig, num_seqs: int, threads: int | None = None) -> Choice:
    """Return the Choice that `choose_precision` makes, measured now."""
    folded = random_folded(config)
    choices = []
    for precision in RECIPES:  # the most exact first
        packed = pack(config, folded, precision)
        generator = EngineGenerator(config, packed, num_seqs, threads)
        began, began_cpu = time.perf_counter(), time.process_time()
        speed = measure_speed(generator).times_real_time
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        undisturbed = cpu_s >= _UNDISTURBED * generator.threads * seconds
        choices.append(Choice(precision, speed, undisturbed))
        if speed >= LIVE:
            break
    return max(choices, key=lambda choice: choice.times_real_time)


def _digest(config: ModelConfig, num_seqs: int, threads: int) -> str:
    what = [
        config.as_trained().to_dict(),
        num_seqs,
        threads,
        LIVE,
        _ENGINE_SPEED,
        platform.node(),
        platform.processor(),
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def _seconds(generator: EngineGenerator, num_samples: int) -> float:
    temperature = np.ones((generator.num_seqs, num_samples), np.float32)
    began = time.perf_counter()
    generator.generate(temperature)
    return time.perf_counter() - began


def _piece(first_s: float) -> int:
    """Return the samples in a piece, a multiple of 64, from how long the first chunk took."""
    return 64 * max(1, round(_PIECE_S / first_s * FIRST_CHUNK / 64))


def _read_floor(generator: EngineGenerator, first_s: float) -> float:
    """Return the samples per second of only reading the weights."""
    num_samples = _piece(first_s)
    best = float("inf")
    for _ in range(_PIECES):
        began = time.perf_counter()
        generator.read_weights(num_samples)
        best = min(best, time.perf_counter() - began)
    return num_samples / best
