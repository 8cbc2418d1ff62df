"""A job: one take of one voice, which any process on any machine makes with the same samples.

The engine has one thread, and its samples depend neither on threads nor on the instruction set.
A job and its outcome are plain values that can be pickled.
"""

import threading
import time
from dataclasses import dataclass

import numpy as np

from sopilib import __version__
from sopilib.album.pack_store import find_pack
from sopilib.engine import is_built
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.packed_file import read_packed
from sopilib.errors import SampleRNNError
from sopilib.evaluation.choice import Candidate
from sopilib.generation.candidates import measured_takes
from sopilib.generation.take import TakeRequest
from sopilib.model.config import ModelConfig


@dataclass(frozen=True)
class Job:
    """What to generate.

    Attributes:
      track: its number, from 1.
      place: of the take among those from which the track is chosen, from 0.
      rng_seed, dur_s, temperature: of the take.
      config: of the model.
      weights: digest of the packed weights.
      weights_path: where they are on this machine, '' if that is not known.
      version: of the program that asks.
    """

    track: int
    place: int
    rng_seed: int
    dur_s: float
    temperature: float
    config: ModelConfig
    weights: str
    weights_path: str
    version: str = __version__

    @property
    def key(self) -> tuple[int, int]:
        """What tells this job and its outcome from others: the track and the place."""
        return self.track, self.place


@dataclass(frozen=True)
class MadeTake:
    """A take that a job made.

    Attributes:
      candidate: its measures.
      levels: of its samples, uint16 (num_samples,).
      sha256: of its samples, as in a TakeRecord.
      engine: that made them.
      seconds: that it took.
    """

    candidate: Candidate
    levels: np.ndarray
    sha256: str
    engine: str
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of a job; exactly one of the last three is not empty.

    Attributes:
      key: of the job.
      take: the take, if it was made.
      error: why it cannot be made, one line.
      lacks: the digest of the weights that the machine lacks.
    """

    key: tuple[int, int]
    take: MadeTake | None = None
    error: str = ""
    lacks: str = ""


def run_job(job: Job) -> Outcome:
    """Generate and measure the take of a job."""
    if job.version != __version__:
        text = f"samplernn {__version__} here and {job.version} there (install the same version)"
        return Outcome(job.key, error=text)
    try:
        path = find_pack(job.weights, job.weights_path)
        if path is None:
            return Outcome(job.key, lacks=job.weights)
        if not is_built():
            return Outcome(job.key, error="the engine is not built (run make install there)")
        return Outcome(job.key, take=_made(job, str(path)))
    except SampleRNNError as error:
        return Outcome(job.key, error=str(error))
    except MemoryError:
        return Outcome(job.key, error="out of memory (give a shorter --dur or fewer --processes)")


def _made(job: Job, path: str) -> MadeTake:
    begin = time.perf_counter()
    generator = _generator(job, path)
    request = TakeRequest(dur_s=job.dur_s, temperature=(job.temperature,))
    (take,) = measured_takes(generator, request, [job.rng_seed], keep_levels=True)
    assert take.levels is not None
    seconds = time.perf_counter() - begin
    return MadeTake(take.candidate, take.levels, take.sha256, generator.engine, seconds)


class _Loaded(threading.local):
    """The generator of the last job in this thread; a thread's generator is its own."""

    key: tuple[str, ModelConfig] | None = None
    generator: EngineGenerator | None = None


_loaded = _Loaded()


def _generator(job: Job, path: str) -> EngineGenerator:
    """Return the generator of a job's model."""
    key = job.weights, job.config
    if _loaded.generator is None or _loaded.key != key:
        _loaded.generator = None  # its memory is free before the next one's is needed
        _, packed = read_packed(path)
        _loaded.generator = EngineGenerator(job.config, packed, num_seqs=1, threads=1)
        _loaded.key = key
    return _loaded.generator
