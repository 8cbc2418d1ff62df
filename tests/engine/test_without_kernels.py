"""If the installation found no compiler, TensorFlow generates."""

import os
import subprocess
import sys

from golden import constant, golden_generator, needs_tensorflow
from places import GRU

import sopilib

_WITHOUT_KERNELS = """
import sys
sys.modules["sopilib.engine.native"] = None  # as if it had not been compiled
import numpy as np
from sopilib.errors import RequestError
from sopilib.generation.generator import make_generator
from sopilib.generation.record import model_record
from sopilib.model.folder import find_model

files = find_model(sys.argv[1])
generator = make_generator(files, 1)
print(generator.generate(np.ones((1, 9), np.float32)).tolist())
print(model_record(files, generator).engine)
try:
    make_generator(files, 1, engine="native")
except RequestError as error:
    print(error)
import sopilib.commands.audition, sopilib.commands.bench, sopilib.training.preview
"""


def test_without_kernels_tensorflow_generates_and_the_engine_is_refused_in_one_line():
    needs_tensorflow()
    result = subprocess.run(
        [sys.executable, "-c", _WITHOUT_KERNELS, str(GRU)],
        env={**os.environ, "PYTHONPATH": os.path.dirname(sopilib.__path__[0])},
        capture_output=True,
        text=True,
        check=True,
    )
    generator = golden_generator("gru_mulaw", 1)
    generator.reset(0)
    expected = generator.generate(constant(1.0, 9, num_seqs=1)).tolist()
    assert result.stdout.splitlines() == [
        str(expected),
        "tensorflow",
        "the engine is not built (install a C++ compiler, then make install)",
    ]
