"""Who trains together: one replica, the GPUs of one machine, or several machines.

A replica is the network on one device, with rows of each batch and an RNN state of
its own; gradients are averaged over all, so that weights stay the same everywhere.
The environment variable TF_CONFIG names the machines, a worker each. The first is
the chief: it alone reads and writes the run folder, and what the others need of it
comes over the network. Whatever a worker does alone, all hear how it went, so that
they end together, each with one line.

`OneReplica` is training without any of this, and touches nothing of tf.distribute.
"""

import contextlib
import json
import os
import re
import signal
import sys

import numpy as np

from sopilib.errors import RequestError, SampleRNNError
from sopilib.model.network import RNNState
from sopilib.model.quiet_tensorflow import tf, without_notes

# what a worker may ask of all between two steps, the one that goes first last
WISHES = ("save", "minutes", "interrupted")
_PIECE_BYTES = 1 << 20  # that are exchanged at a time
_TF_CONFIG = "TF_CONFIG"
_FORM = '\'{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}\''
# what TensorFlow raises where another worker does not answer
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)
# and where one has more devices than another
_UNEVEN = "is joining a group with size"


def find_replicas(num_gpus=None):
    """The replicas that TF_CONFIG and this machine's GPUs make.

    With TF_CONFIG it must be called before TensorFlow computes anything.

    Args:
      num_gpus: how many of this machine's to use, default all.

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


def _place_in_cluster(text):
    """This worker's number, from 0, and how many there are, by the text of TF_CONFIG."""
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


def _multi_worker_strategy():
    # it waits in native code, which no handler of Python's interrupts
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


def _reason(error):
    """What TensorFlow says of a lost worker, in one line."""
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
      index: this worker's number, the chief's is 0.
    """

    num_replicas = num_here = num_workers = 1
    index = 0

    @property
    def is_chief(self):
        """Whether this process keeps the run folder."""
        return self.index == 0

    def scope(self):
        """A with block in which variables are made that all replicas have."""
        return contextlib.nullcontext()

    def watched(self):
        """A with block in which the loss of another worker is a SampleRNNError."""
        return contextlib.nullcontext()

    def own_rows(self, batch_size):
        """The slice of a batch of all replicas, `batch_size` rows each, that is trained here."""
        num_rows = self.num_here * batch_size
        return slice(self.index * num_rows, (self.index + 1) * num_rows)

    def over(self, step):
        """A training step on this process's rows, made of one that a replica takes."""
        return step

    def means(self, tensors):
        """The means of a replica's tensors over all replicas, in such a step."""
        return tensors

    def agreed(self, wish):
        """The wish that counts of all workers' between two steps: of WISHES, or None."""
        return wish

    def by_chief(self, function):
        """What `function` returns, ready for JSON; the chief alone calls it.

        Raises:
          SampleRNNError: the chief's, on all.
        """
        return function()

    def by_all(self, function):
        """What `function` returns here, if it raises on none.

        Raises:
          SampleRNNError: that of `function`, or that another worker has one.
        """
        return function()

    def chiefs(self, arrays):
        """The chief's arrays of these names, shapes and dtypes, as a dict."""
        return arrays

    def gathered(self, state):
        """The RNN states of all replicas, RNNState of arrays, of those of this process."""
        return RNNState(*(part.numpy() for part in state))


class Mirrored(OneReplica):
    """A training on several devices of this machine.

    Args:
      strategy: tf.distribute.MirroredStrategy.
    """

    def __init__(self, strategy):
        self._strategy = strategy
        self.num_replicas = self.num_here = strategy.num_replicas_in_sync

    def scope(self):
        return self._strategy.scope()

    def over(self, step):
        def step_here(samples, state, is_first, learning_rate, random_seed):
            num_rows = samples.shape[0] // self.num_here

            def step_of_replica():
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

    def _here(self, value):
        return self._strategy.experimental_local_results(value)

    def means(self, tensors):
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, tensors)


def _rows(x, axis, begin, num_rows):
    """So many rows of `x` along an axis, their number in the static shape."""
    begins, sizes = [0] * len(x.shape), list(x.shape)
    begins[axis], sizes[axis] = begin, num_rows
    return tf.slice(x, begins, sizes)


class Workers(Mirrored):
    """A training on several machines, each with as many devices.

    Args:
      strategy: tf.distribute.MultiWorkerMirroredStrategy.
      index: this worker's number.
      num_workers: int.
    """

    def __init__(self, strategy, index, num_workers):
        super().__init__(strategy)
        self.index, self.num_workers = index, num_workers
        self.num_here = self.num_replicas // num_workers
        self._sum = tf.function(self._sum_of_workers, autograph=False)

    def _sum_of_workers(self, values):
        def of_replica():
            context = tf.distribute.get_replica_context()
            is_first_here = tf.equal(context.replica_id_in_sync_group % self.num_here, 0)
            mine = tf.where(is_first_here, values, tf.zeros_like(values))
            return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

        return self._here(self._strategy.run(of_replica))[0]

    def _counts(self, flags):
        """On how many workers each flag is set: int64 (num_flags,)."""
        return self._sum(tf.constant(flags, tf.int64)).numpy()

    def _united(self, data):
        """Bytes of which each comes from the one worker that has no 0 there."""
        united = []
        for begin in range(0, len(data), _PIECE_BYTES):
            piece = data[begin : begin + _PIECE_BYTES].ljust(_PIECE_BYTES, b"\0")
            united.append(self._sum(tf.constant(np.frombuffer(piece, np.int64))).numpy().tobytes())
        return b"".join(united)[: len(data)]

    @contextlib.contextmanager
    def watched(self):
        try:
            yield
        except _LOST as error:
            if _UNEVEN in str(error):
                raise RequestError(
                    "the machines do not train on as many GPUs each (give all the same --num_gpus)"
                ) from error
            raise SampleRNNError(
                f"the workers have lost each other: {_reason(error)} (see what the others say; the "
                "same command on all machines goes on from what was saved)"
            ) from error

    def agreed(self, wish):
        counts = self._counts([wish == known for known in WISHES])
        asked = [known for known, count in zip(WISHES, counts) if count]
        return asked[-1] if asked else None

    def by_chief(self, function):
        answer = {}
        if self.is_chief:
            try:
                answer = {"value": function()}
            except SampleRNNError as error:
                self._told({"error": str(error)})
                raise
        answer = self._told(answer)
        if "error" in answer:
            raise SampleRNNError(f"the first worker says: {answer['error']}")
        return answer["value"]

    def _told(self, answer):
        """The chief's answer."""
        data = json.dumps(answer).encode() if self.is_chief else b""
        (size,) = self._counts([len(data)])
        return json.loads(self._united(data.ljust(size, b"\0")))

    def by_all(self, function):
        value = raised = None
        try:
            value = function()
        except SampleRNNError as error:
            raised = error
        (num_failed,) = self._counts([raised is not None])
        if raised is not None:
            raise raised
        if num_failed:
            raise SampleRNNError("another worker cannot train (see what it says itself)")
        return value

    def chiefs(self, arrays):
        data = b"".join(array.tobytes() for array in arrays.values())
        return _split(self._united(data if self.is_chief else bytes(len(data))), arrays)

    def gathered(self, state):
        wide = {}
        for name, part in super().gathered(state)._asdict().items():
            layers, parts, num_rows, dim = part.shape
            wide[name] = np.zeros([layers, parts, self.num_workers, num_rows, dim], part.dtype)
            wide[name][:, :, self.index] = part
        united = _split(self._united(b"".join(part.tobytes() for part in wide.values())), wide)
        return RNNState(*(p.reshape(*p.shape[:2], -1, p.shape[-1]) for p in united.values()))


def _split(data, like):
    """Arrays out of their bytes one after another, of the names, shapes and dtypes of `like`."""
    arrays, begin = {}, 0
    for name, array in like.items():
        values = np.frombuffer(data, array.dtype, array.size, begin)
        arrays[name] = values.reshape(array.shape)
        begin += array.nbytes
    return arrays
