"""A training on several machines: what a worker tells the others over the network.

The first worker is the chief. When a worker does something alone, all learn whether it
failed, so that they end together, each with a one-line error.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from sopilib.errors import RequestError, SampleRNNError
from sopilib.model.network import RNNState
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.replicas import Mirrored
from sopilib.training.stops import Request

# the last of these that any worker makes counts for all
REQUESTS: tuple[Request, ...] = ("save", "minutes", "interrupted")
_PIECE_BYTES = 1 << 20  # that are exchanged at a time
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


def error_text(error: Exception) -> str:
    """Return what TensorFlow says of a lost worker, in one line."""
    text = getattr(error, "message", None) or str(error)
    match = re.search(r"aborted by: *(.+)", text)
    line = " ".join((match[1] if match else text).split())
    return line.split(". ")[0].rstrip(".:")[:200]


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
                f"the workers have lost each other: {error_text(error)} (see the others' errors; "
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
