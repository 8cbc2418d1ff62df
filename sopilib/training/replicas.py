"""Replicas that train together: one device, or the GPUs of one machine.

A replica is the network on one device, with rows of each batch and an RNN state of its own.
Gradients are averaged over all replicas, so that their weights stay equal.

With several machines, see `sopilib.training.workers`, the environment variable TF_CONFIG names
them, a worker each. The first is the chief: it alone reads and writes the run folder, and
sends the others what they need of it over the network.

`OneReplica` is training without any of this; it does not use tf.distribute.
"""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np

from sopilib.model.network import RNNState
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.stops import Request

_Result = TypeVar("_Result")
# a training step: samples, state, is_first, learning rate, random seed; metrics, state
_Step = Callable[..., tuple[Any, RNNState]]


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
