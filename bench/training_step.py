"""Measure one training step in a process of its own, on chosen cores, of any checkout.

`training_speed.py --against` and `training_profile.py` start this script. It uses only what
every version of the training has.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

# label, dim, layers, frame sizes, sequence length, batch size
MODELS = (
    ("256 x 1, frames 4/32", 256, 1, (4, 32), 512, 16),
    ("256 x 2, frames 16/64", 256, 2, (16, 64), 1024, 16),
    ("384 x 1, frames 4/32", 384, 1, (4, 32), 256, 32),
)
# what a checkout sets itself as it imports TensorFlow, which must not reach the other one
_OWN_SETTINGS = ("TF_CPP_MIN_LOG_LEVEL", "TF_CPU_ALLOCATOR_USE_BFC")


def settings(dim, layers, frame_sizes, seq_len):
    """Return the arguments of a ModelConfig."""
    return {
        "dim": dim,
        "num_rnn_layers": layers,
        "frame_sizes": list(frame_sizes),
        "seq_len": seq_len,
    }


def step_seconds(model, num_cores=None, checkout=None, least_s=2.0):
    """Return the median seconds of a step, measured in another process.

    Args:
      model: a row of MODELS.
      num_cores: to use, or None for all.
      checkout: whose training to measure, or None for this one.
      least_s: seconds to measure, after two warm-up steps.
    """
    _, *shape, batch_size = model
    order = json.dumps([settings(*shape), batch_size, num_cores, least_s])
    root = checkout or Path(__file__).resolve().parent.parent
    environment = {name: value for name, value in os.environ.items() if name not in _OWN_SETTINGS}
    environment["PYTHONPATH"] = str(Path(root).resolve())
    command = [sys.executable, __file__, order]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return float(done.stdout)


def measure(config, batch_size, num_cores, least_s):
    """Return the median seconds of a step in this process."""
    use_cores(num_cores)
    import numpy as np

    from sopilib.model.config import ModelConfig
    from sopilib.model.network import SampleRNN, named_variables
    from sopilib.model.quiet_tensorflow import tf
    from sopilib.training.network import Network
    from sopilib.training.optimizer import Optimizer
    from sopilib.training.step import Trainer

    model = SampleRNN(ModelConfig(**config))
    trainer = Trainer(Network(model), Optimizer(named_variables(model)))
    width = model.config.big_frame_size + model.config.seq_len
    levels = np.random.default_rng(0).integers(0, 256, (batch_size, width))
    samples, state = tf.constant(levels.astype(np.int32)), model.zero_state(batch_size)
    no, times = tf.constant(False), []
    while len(times) < 5 or sum(times[2:]) < least_s:
        begin = time.perf_counter()
        trainer.train(samples, state, no, 1e-3, [0, 0])[0].nats.numpy()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[2:])


def use_cores(num_cores):
    """Keep this process, before TensorFlow starts, on so many cores; None for all."""
    if num_cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:num_cores])


if __name__ == "__main__":
    print(measure(*json.loads(sys.argv[1])))
