"""How fast a stream is generated: `settle` before it begins, a `Speedometer` while it plays."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence

import numpy as np

from sopilib.engine.live_speed import COMFORTABLE_STREAM, SLOWEST_STREAM
from sopilib.engine.pack import RECIPES
from sopilib.errors import RequestError
from sopilib.generation.sample_generator import SampleGenerator

_MEASURED_S = 0.05
_MIN_PIECES = 3
_AVERAGED_S = 1.0  # time over which the speed is averaged
_REMEMBERED_S = 0.02  # of it, where work begins under other conditions


def settle(generator: SampleGenerator, precisions: Sequence[str] = tuple(RECIPES)) -> float:
    """Limit the threads to as few as live play takes: fewer are held up less easily.

    Where no thread count is enough, take the fastest one. The generator's state stays as it
    is.

    Args:
      generator: of the stream.
      precisions: in which its model can be loaded, the most exact first.

    Returns:
      The speed of one voice, in times real time.

    Raises:
      RequestError: the generator is too slow to be played live.
    """
    state = generator.save_state()
    size, speeds = 0, {0: 0.0}
    while size < generator.threads and speeds[size] < COMFORTABLE_STREAM:
        size = min(max(1, 2 * size), generator.threads)
        generator.limit_threads(size)
        speeds[size] = _times_real_time(generator)
    generator.restore_state(state)
    fastest = max(speeds, key=lambda threads: speeds[threads])
    if speeds[fastest] < SLOWEST_STREAM:
        generator.limit_threads(generator.threads)
        raise RequestError(_too_slow_text(generator, speeds[fastest], precisions))
    generator.limit_threads(fastest)
    return speeds[fastest]


def _times_real_time(generator: SampleGenerator) -> float:
    """Return the speed of one voice, the best of some short pieces."""
    rate, best_s = generator.config.sample_rate, math.inf
    num_samples, num_pieces, total_s = generator.config.big_frame_size, 0, 0.0
    temperature = np.ones((generator.num_seqs, num_samples), np.float32)
    while num_pieces < _MIN_PIECES or total_s < _MEASURED_S:
        began = time.perf_counter()
        generator.generate(temperature)
        piece_s = time.perf_counter() - began
        best_s, total_s = min(best_s, piece_s), total_s + piece_s
        num_pieces += 1
    return num_samples / rate / best_s


def _too_slow_text(generator: SampleGenerator, speed: float, precisions: Sequence[str]) -> str:
    config, voices = generator.config, generator.num_seqs
    help_ = ["a smaller model"]
    if voices > 1:
        help_.insert(0, "fewer voices")
    if generator.engine == "tensorflow":
        help_.insert(0, "install a C++ compiler, then make")
    elif generator.precision != precisions[-1]:
        help_.insert(0, f"load it with precision {precisions[-1]}")
    return (
        f"{config.dim} x {config.num_rnn_layers} {config.rnn_type} with {voices} voice(s) runs "
        f"at {speed:.2g} times real time here, too slow to stream ({', '.join(help_)})"
    )


class Speedometer:
    """Times real time, averaged over about a second of work; `rate` is in Hz."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._sound_s = self._work_s = 0.0

    @property
    def times_real_time(self) -> float:
        """Seconds of sound generated in a second of work, 0 before the first."""
        return self._sound_s / self._work_s if self._work_s else 0.0

    def forget(self) -> None:
        """Let what was learnt until now count as little as a chunk."""
        share = min(1.0, _REMEMBERED_S / self._work_s) if self._work_s else 1.0
        self._work_s, self._sound_s = share * self._work_s, share * self._sound_s

    @contextlib.contextmanager
    def timing(self, num_samples: int) -> Iterator[None]:
        """Learn from how long the enclosed work on `num_samples` takes."""
        began = time.perf_counter()
        yield
        self._work_s += time.perf_counter() - began
        self._sound_s += num_samples / self._rate
        if self._work_s > _AVERAGED_S:
            self._work_s, self._sound_s = self._work_s / 2, self._sound_s / 2
