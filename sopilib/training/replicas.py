"""Replicas that train together: one device, the GPUs of one machine, or several machines.

A replica is the network on one device, with rows of each batch and an RNN state of its own.
Gradients are averaged over all replicas, so that their weights stay equal. The environment
variable TF_CONFIG names the machines, a worker each. The first is the chief: it alone reads
and writes the run folder, and sends the others what they need of it over the network. When a
worker does something alone, all learn whether it failed, so that they end together, each
with a one-line error.

`OneReplica` is training without any of this; it does not use tf.distribute.
"""

import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np

from sopilib.errors import RequestError, SampleRNNError
from sopilib.model.network import RNNState
from sopilib.model.quiet_tensorflow import tf, without_notes
from sopilib.training.stops import Request

# the last of these that any worker makes counts for all
REQUESTS: tuple[Request, ...] = ("save", "minutes", "interrupted")
_PIECE_BYTES = 1 << 20  # that are exchanged at a time
_TF_CONFIG = "TF_CONFIG"
_FORM = (
    '\'{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, '
    '"task": {"type": "worker", "index": 0}}\''
)
# errors of TensorFlow where another worker does not answer
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)
# a text in its error where one worker has more devices than another
_UNEVEN = "is joining a group with size"

_Result = TypeVar("_Result")
# a training step: samples, state, is_first, learning rate, random seed; metrics, state
_Step = Callable[..., tuple[Any, RNNState]]


def find_replicas(num_gpus: int | None = None) -> "OneReplica":
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
            f"this worker cannot begin: {_reason(error)} (its port in {_TF_CONFIG} must be free)"
        ) from error
    finally:
        signal.signal(signal.SIGINT, handler)


def _reason(error: Exception) -> str:
    """Return what TensorFlow says of a lost worker, in one line."""
    text = getattr(error, "message", None) or str(error)
    match = re.search(r"aborted by: *(.+)", text)
    line = " ".join((match[1] if match else text).split())
    return line.split(". ")[0].rstrip(".:")[:200]


class OneReplica:
    """A training on one device.

    Attributes:
      num_replicas: in all.
      num_here: of this process.
      num_workers: processes.
      index: this worker's number; the chief's is 0.
    """

    num_replicas: int = 1
    num_here: int = 1
    num_workers: int = 1
    index: int = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process reads and writes the run folder."""
        return self.index == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Return a with block; each replica has the variables that are made in it."""
        return contextlib.nullcontext()

    def watched(self) -> AbstractContextManager[None]:
        """Return a with block in which the loss of another worker raises a SampleRNNError."""
        return contextlib.nullcontext()

    def own_rows(self, batch_size: int) -> slice:
        """Return the rows of this process in a batch of all replicas, `batch_size` rows each."""
        num_rows = self.num_here * batch_size
        return slice(self.index * num_rows, (self.index + 1) * num_rows)

    def over(self, step: _Step) -> _Step:
        """Return a training step on this process's rows, given the step of a replica."""
        return step

    def means(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        """Return, in the step of a replica, the means of its tensors over all replicas."""
        return tensors

    def agreed(self, request: Request | None) -> Request | None:
        """Return the request that counts for all workers between two steps, or None."""
        return request

    def by_chief(self, function: Callable[[], _Result]) -> _Result:
        """Return what `function` returns, ready for JSON; the chief alone calls it.

        Raises:
          SampleRNNError: the chief's, on all.
        """
        return function()

    def by_all(self, function: Callable[[], _Result]) -> _Result:
        """Return what `function` returns here, if it succeeds on all workers.

        Raises:
          SampleRNNError: that of `function`, or that it failed on another worker.
        """
        return function()

    def chiefs(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the chief's arrays; names, shapes and dtypes are those of this worker's."""
        return arrays

    def gathered(self, state: RNNState) -> RNNState:
        """Return the RNN states of all replicas, as arrays, given those of this process."""
        return RNNState(*(part.numpy() for part in state))


class Mirrored(OneReplica):
    """A training on several devices of this machine.

    Args:
      strategy: of the devices.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        self.num_replicas = self.num_here = strategy.num_replicas_in_sync

    def scope(self) -> AbstractContextManager[Any]:
        """Return the strategy's scope."""
        return self._strategy.scope()

    def over(self, step: _Step) -> _Step:
        """Return a step that divides the rows among this process's replicas."""

        def step_here(
            samples: tf.Tensor,
            state: RNNState,
            is_first: tf.Tensor,
            learning_rate: tf.Tensor,
            random_seed: tf.Tensor,
        ) -> tuple[Any, RNNState]:
            num_rows = samples.shape[0] // self.num_here

            def step_of_replica() -> tuple[Any, RNNState]:
                number = tf.distribute.get_replica_context().replica_id_in_sync_group
                begin = number % self.num_here * num_rows
                part = RNNState(*(_rows(s, 2, begin, num_rows) for s in state))
                seed = tf.random.experimental.stateless_fold_in(random_seed, number)
                rows = _rows(samples, 0, begin, num_rows)
                return step(rows, part, is_first, learning_rate, seed)

            metrics, states = self._strategy.run(step_of_replica)
            # the metrics are means, the same everywhere
            metrics = type(metrics)(*(self._here(mean)[0] for mean in metrics))
            return metrics, RNNState(*(tf.concat(self._here(part), axis=2) for part in states))

        return step_here

    def _here(self, value: Any) -> tuple[tf.Tensor, ...]:
        return self._strategy.experimental_local_results(value)

    def means(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        """Return the means over all replicas."""
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, tensors)


def _rows(x: tf.Tensor, axis: int, begin: tf.Tensor, num_rows: int) -> tf.Tensor:
    """Return `num_rows` of `x` along an axis, their number in the static shape."""
    begins: list[Any] = [0] * len(x.shape)
    sizes = list(x.shape)
    begins[axis], sizes[axis] = begin, num_rows
    return tf.slice(x, begins, sizes)


class Workers(Mirrored):
    """A training on several machines with equal numbers of devices.

    Args:
      strategy: of all devices.
      index: this worker's number.
      num_workers: number of machines.
    """

    def __init__(
        self, strategy: tf.distribute.MultiWorkerMirroredStrategy, index: int, num_workers: int
    ) -> None:
        super().__init__(strategy)
        self.index, self.num_workers = index, num_workers
        self.num_here = self.num_replicas // num_workers
        self._sum = tf.function(self._sum_of_workers, autograph=False)

    def _sum_of_workers(self, values: tf.Tensor) -> tf.Tensor:
        def of_replica() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            is_first_here = tf.equal(context.replica_id_in_sync_group % self.num_here, 0)
            mine = tf.where(is_first_here, values, tf.zeros_like(values))
            return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

        return self._here(self._strategy.run(of_replica))[0]

    def _counts(self, flags: Sequence[int]) -> np.ndarray:
        """Return the sum over all workers of each flag or number: int64 (num_flags,)."""
        return self._sum(tf.constant(flags, tf.int64)).numpy()

    def _united(self, data: bytes) -> bytes:
        """Return bytes of which each comes from the one worker that has no 0 there."""
        united = []
        for begin in range(0, len(data), _PIECE_BYTES):
            piece = data[begin : begin + _PIECE_BYTES].ljust(_PIECE_BYTES, b"\0")
            united.append(self._sum(tf.constant(np.frombuffer(piece, np.int64))).numpy().tobytes())
        return b"".join(united)[: len(data)]

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Raise a SampleRNNError where another worker is lost."""
        try:
            yield
        except _LOST as error:
            if _UNEVEN in str(error):
                raise RequestError(
                    "the machines train on different numbers of GPUs (give all the same --num_gpus)"
                ) from error
            raise SampleRNNError(
                f"the workers have lost each other: {_reason(error)} (see the others' errors; "
                "the same command on all machines resumes from the saved state)"
            ) from error

    def agreed(self, request: Request | None) -> Request | None:
        """Return the last of REQUESTS that any worker makes, or None."""
        counts = self._counts([request == known for known in REQUESTS])
        requested = [known for known, count in zip(REQUESTS, counts) if count]
        return requested[-1] if requested else None

    def by_chief(self, function: Callable[[], _Result]) -> _Result:
        """Return the chief's result on all workers."""
        answer: dict[str, Any] = {}
        if self.is_chief:
            try:
                answer = {"value": function()}
            except SampleRNNError as error:
                self._broadcast({"error": str(error)})
                raise
        answer = self._broadcast(answer)
        if "error" in answer:
            raise SampleRNNError(f"the first worker says: {answer['error']}")
        return answer["value"]

    def _broadcast(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the chief's answer."""
        data = json.dumps(answer).encode() if self.is_chief else b""
        (size,) = self._counts([len(data)])
        return json.loads(self._united(data.ljust(size, b"\0")))

    def by_all(self, function: Callable[[], _Result]) -> _Result:
        """Return the result of this worker, if all succeed."""
        try:
            value = function()
        except SampleRNNError:
            self._counts([True])
            raise
        (num_failed,) = self._counts([False])
        if num_failed:
            raise SampleRNNError("another worker cannot train (see what it says itself)")
        return value

    def chiefs(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the chief's arrays on all workers."""
        data = b"".join(array.tobytes() for array in arrays.values())
        return _split(self._united(data if self.is_chief else bytes(len(data))), arrays)

    def gathered(self, state: RNNState) -> RNNState:
        """Return the RNN states of all workers."""
        wide: dict[str, np.ndarray] = {}
        for name, part in super().gathered(state)._asdict().items():
            layers, parts, num_rows, dim = part.shape
            wide[name] = np.zeros([layers, parts, self.num_workers, num_rows, dim], part.dtype)
            wide[name][:, :, self.index] = part
        united = _split(self._united(b"".join(part.tobytes() for part in wide.values())), wide)
        return RNNState(*(p.reshape(*p.shape[:2], -1, p.shape[-1]) for p in united.values()))


def _split(data: bytes, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays from their concatenated bytes, with names, shapes and dtypes of `like`."""
    arrays: dict[str, np.ndarray] = {}
    begin = 0
    for name, array in like.items():
        values = np.frombuffer(data, array.dtype, array.size, begin)
        arrays[name] = values.reshape(array.shape)
        begin += array.nbytes
    return arrays
