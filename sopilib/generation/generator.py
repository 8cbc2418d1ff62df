"""Make a generator for a model on disk: the engine's where it is built, else TensorFlow's.

TensorFlow is imported only for its own generator.
"""

import contextlib
import dataclasses
from collections.abc import Iterator

from sopilib.engine import is_built
from sopilib.engine.load import load_generator
from sopilib.errors import RequestError
from sopilib.generation.sample_generator import SampleGenerator
from sopilib.limits import MOST_VOICES
from sopilib.model.folder import ModelFiles

ENGINES = ("auto", "native", "tensorflow")


def make_generator(
    files: ModelFiles,
    num_seqs: int,
    engine: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> SampleGenerator:
    """Return a generator for a model on disk, in a clean state.

    Args:
      files: ModelFiles.
      num_seqs: number of voices, 1 to MOST_VOICES.
      engine: one of ENGINES; 'auto' is native where it is built.
      precision: of the native engine, see `sopilib.engine.load`; TensorFlow has float32 and
        refuses any other.
      threads: thread count of the native engine, default one for each core but one of several.

    Raises:
      RequestError: the engine is not built, or an argument is out of range.
      CheckpointError: the checkpoint is damaged, does not fit its config, or is an
        exported one, which TensorFlow cannot read.
    """
    if engine not in ENGINES:
        raise RequestError(f"no engine {engine!r} (choose from {', '.join(ENGINES)})")
    if not 1 <= num_seqs <= MOST_VOICES:
        raise RequestError(f"{num_seqs} voices (give 1 to {MOST_VOICES})")
    if engine == "native" and not is_built():
        raise RequestError("the engine is not built (install a C++ compiler, then make install)")
    if engine == "tensorflow" or not is_built():
        if precision not in ("auto", "float32"):
            raise RequestError(f"TensorFlow has no precision {precision} (only float32)")
        return _tensorflow_generator(files, num_seqs)
    return load_generator(files, num_seqs, precision, threads)


@contextlib.contextmanager
def sample_rate_of(generator: SampleGenerator, rate: int) -> Iterator[None]:
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


def _tensorflow_generator(files: ModelFiles, num_seqs: int) -> SampleGenerator:
    # imports TensorFlow, which takes seconds and may be missing
    from sopilib.generation.tensorflow_generator import Generator
    from sopilib.model.checkpoint import load_model

    return Generator(load_model(files), num_seqs)
