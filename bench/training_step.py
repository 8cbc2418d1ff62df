"""Measure one training step in a process of its own, on chosen cores, of any checkout.

`training_speed.py --against` and `training_profile.py` start this script. It uses only what
every version of the training has, and trains on random levels.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

_LEAST_S = 2.0  # of measuring
# what a checkout sets itself as it imports TensorFlow, which must not reach the other one
_OWN_SETTINGS = (
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_CPU_ALLOCATOR_USE_BFC",
    "TF_CPU_BFC_MEM_LIMIT_IN_MB",
)


def step_seconds(config, batch_size, mixed_precision=False, num_cores=None, checkout=None):
    """Return the median seconds of a step, measured in another process.

    Args:
      config: arguments of a ModelConfig, ready for JSON.
      batch_size: sequences in a step.
      mixed_precision: whether to compute products in bfloat16.
      num_cores: to use, or None for all.
      checkout: whose training to measure, or None for this one.
    """
    order = json.dumps([config, batch_size, mixed_precision, num_cores])
    root = checkout or Path(__file__).resolve().parent.parent
    environment = {name: value for name, value in os.environ.items() if name not in _OWN_SETTINGS}
    environment["PYTHONPATH"] = str(Path(root).resolve())
    command = [sys.executable, __file__, order]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return float(done.stdout)


def measure(config, batch_size, mixed_precision, num_cores):
    """Return the median seconds of a step in this process, after two warm-up steps."""
    use_cores(num_cores)
    import numpy as np

    from sopilib.model.config import ModelConfig
    from sopilib.model.network import SampleRNN, named_variables
    from sopilib.model.quiet_tensorflow import tf
    from sopilib.training.network import Network
    from sopilib.training.optimizer import Optimizer
    from sopilib.training.step import Trainer

    model = SampleRNN(ModelConfig(**config))
    trainer = Trainer(Network(model, mixed_precision), Optimizer(named_variables(model)))
    width = model.config.big_frame_size + model.config.seq_len
    levels = np.random.default_rng(0).integers(0, model.config.q_levels, (batch_size, width))
    samples, state = tf.constant(levels.astype(np.int32)), model.zero_state(batch_size)
    no, times = tf.constant(False), []
    while len(times) < 5 or sum(times[2:]) < _LEAST_S:
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
