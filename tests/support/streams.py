"""Streams of the GRU fixture, and what they are compared with."""

import numpy as np
from engine_models import engine_generator
from golden import golden_generator

from sopilib.generation.stream import Stream
from sopilib.generation.take import Take, TakeRequest


def make_generator(kind, num_seqs=1, rng_seed=0):
    """Return a generator of the GRU fixture: `kind` is native or tensorflow."""
    if kind == "native":
        return engine_generator("gru_mulaw", num_seqs, threads=1, rng_seed=rng_seed)
    generator = golden_generator("gru_mulaw", num_seqs)
    generator.reset(rng_seed)
    return generator


def begun(generator, latency_s=0.1, **fields):
    stream = Stream(generator, TakeRequest(**{"dur_s": None, "rng_seed": 5, **fields}), latency_s)
    stream.begin()
    return stream


def sound(stream, num_samples):
    """Receive at least this many samples."""
    chunks = [np.zeros(0, np.float32)]
    while sum(map(len, chunks)) < num_samples:
        chunks.append(stream.next_rows()[0])
    return np.concatenate(chunks)


def take_of(generator, dur_s, **fields):
    """Return the samples of a take, its voices summed."""
    take = Take(generator, TakeRequest(dur_s=dur_s, **{"rng_seed": 5, **fields}))
    return np.concatenate(list(take), axis=1).sum(axis=0)


def free_run(generator, num_samples, temperature=1.0):
    """Return the samples of the generator itself, its voices summed."""
    shape = (generator.num_seqs, num_samples)
    return generator.generate(np.full(shape, temperature, np.float32)).sum(axis=0)
