"""Find the replicas that train: by TF_CONFIG and by the GPUs of this machine."""

import json
import os
import signal
import sys

from sopilib.errors import RequestError, SampleRNNError
from sopilib.model.quiet_tensorflow import tf, without_notes
from sopilib.training.replicas import Mirrored, OneReplica
from sopilib.training.workers import Workers, error_text

_TF_CONFIG = "TF_CONFIG"
_FORM = (
    '\'{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, '
    '"task": {"type": "worker", "index": 0}}\''
)


def find_replicas(num_gpus: int | None = None) -> OneReplica:
    """Return the replicas that TF_CONFIG and this machine's GPUs make.

    With TF_CONFIG, call it before TensorFlow computes anything.

    Args:
      num_gpus: how many of this machine's GPUs to use, None for all.

    Raises:
      RequestError: there are fewer GPUs, or TF_CONFIG is malformed.
      SampleRNNError: the port of this worker cannot be used.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if num_gpus is not None and not 1 <= num_gpus <= len(gpus):
        raise RequestError(
            f"--num_gpus {num_gpus}, and TensorFlow finds {len(gpus)} GPUs here (give 1 to "
            "as many as there are, or leave it out)"
        )
    gpus = gpus[:num_gpus]
    index, num_workers = _place_in_cluster(os.environ.get(_TF_CONFIG))
    if num_workers > 1:
        tf.config.set_visible_devices(gpus, "GPU")
        print(f"worker {index + 1} of {num_workers} waits for the others", file=sys.stderr)
        return Workers(_multi_worker_strategy(), index, num_workers)
    if len(gpus) > 1:
        names = [f"GPU:{k}" for k in range(len(gpus))]
        return Mirrored(tf.distribute.MirroredStrategy(names))
    return OneReplica()


def _place_in_cluster(text: str | None) -> tuple[int, int]:
    """Return this worker's number, from 0, and how many there are, from TF_CONFIG's text."""
    if text is None:
        return 0, 1
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        tasks = [(job, k) for job in ("chief", "worker") for k in range(len(cluster.get(job, [])))]
        if len(tasks) < 2 and len(cluster) < 2:
            return 0, 1
        return tasks.index((task["type"], int(task["index"]))), len(tasks)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RequestError(
            f"{_TF_CONFIG} names no place of this machine among workers: {error!r} (give {_FORM}, "
            "on each machine its own index)"
        ) from error


def _multi_worker_strategy() -> tf.distribute.MultiWorkerMirroredStrategy:
    # it waits in native code, which no Python signal handler interrupts
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with without_notes():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise SampleRNNError(
            f"this worker cannot begin: {error_text(error)} (its port in {_TF_CONFIG} must be free)"
        ) from error
    finally:
        signal.signal(signal.SIGINT, handler)
