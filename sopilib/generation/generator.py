"""Which generator makes a model's samples: the engine where it is built, else TensorFlow.

Both have the interface of `sopilib.generation.tensorflow_generator.Generator` and the attributes
`engine`, their name, and `precision`; what they need is imported only once it is known
which.
"""

import contextlib
import dataclasses
from collections.abc import Iterator

from sopilib import engine as native_engine
from sopilib.engine.load import load_generator
from sopilib.errors import RequestError

ENGINES = ("auto", "native", "tensorflow")
MOST_VOICES = 4096


def make_generator(files, num_seqs, engine="auto", precision="auto", threads=None):
    """Returns a generator for a model on disk, in a clean state.

    Args:
        files: ModelFiles.
        num_seqs: number of voices, 1 to MOST_VOICES.
        engine: one of ENGINES; 'auto' is native where it is built.
        precision: of the native engine, see `sopilib.engine.load`; TensorFlow's is float32,
            any other is refused.
        threads: of the native engine, default one for each core but one of several.

    Raises:
        RequestError: the engine is not built, or an argument is out of range.
        CheckpointError: the checkpoint is damaged, does not fit its config, or is an
            exported one, which TensorFlow cannot read.
    """
    if engine not in ENGINES:
        raise RequestError(f"no engine {engine!r} (choose of {', '.join(ENGINES)})")
    if not 1 <= num_seqs <= MOST_VOICES:
        raise RequestError(f"{num_seqs} voices (give 1 to {MOST_VOICES})")
    if engine == "native" and not native_engine.is_built():
        raise RequestError("the engine is not built (install a C++ compiler, then make install)")
    if engine == "tensorflow" or not native_engine.is_built():
        if precision not in ("auto", "float32"):
            raise RequestError(f"TensorFlow has no precision {precision} (only float32)")
        return _tensorflow_generator(files, num_seqs)
    return load_generator(files, num_seqs, precision, threads)


@contextlib.contextmanager
def sample_rate_of(generator, rate: int) -> Iterator[None]:
    """Have a generator's samples count as those of a model of `rate` Hz; they stay the same.

    The rate stays after the `with`, unless that ends in an exception.
    """
    before = generator.config
    generator.config = dataclasses.replace(before, sample_rate=rate)
    try:
        yield
    except BaseException:
        generator.config = before
        raise


def _tensorflow_generator(files, num_seqs):
    # imports TensorFlow, which generation through the engine does without
    from sopilib.generation.tensorflow_generator import Generator
    from sopilib.model.checkpoint import load_model

    return Generator(load_model(files), num_seqs)
