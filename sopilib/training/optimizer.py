"""Optimizers with PRiSM's constants, and the average of the weights over the last steps.

The same updates as those of Keras: Adam (Kingma and Ba 2015, section 2, end, with
epsilon outside the corrected root), SGD and RMSprop with momentum, each one fused operation a
variable. Muon (Jordan 2024) makes the update of a hidden matrix orthogonal; the other
variables get Adam's.

The average is exponential (Polyak and Juditsky 1992; Keras's `use_ema`): after step t its
momentum is at most (1 + t) / (10 + t), so that it forgets the first steps soon.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sopilib.model.quiet_tensorflow import tf
from sopilib.training import muon

DEFAULT_EPSILON = {"adam": 1e-4, "muon": 1e-4, "sgd": 0.0, "rmsprop": 1e-5}
_SLOTS: dict[str, tuple[str, ...]] = {
    "adam": ("m", "v"),
    "muon": ("momentum",),
    "sgd": ("momentum",),
    "rmsprop": ("mean_square", "momentum"),
}
_BETA_1, _BETA_2, _RHO = 0.9, 0.999, 0.9
_AVERAGE = "average"


class _Step(NamedTuple):
    """What one update of a variable needs.

    Attributes:
      variable: its handle.
      slots: the handles of its moments, in the order of _SLOTS.
      gradient: clipped, float32 of the variable's shape.
      learning_rate: float32 ().
    """

    variable: tf.Tensor
    slots: list[tf.Tensor]
    gradient: tf.Tensor
    learning_rate: tf.Tensor


class Optimizer:
    """Updates variables along clipped gradients.

    Args:
      variables: by path.
      name: one of `sopilib.training.plan.OPTIMIZERS`.
      epsilon: None for PRiSM's, see DEFAULT_EPSILON; sgd ignores it.
      momentum: of sgd and rmsprop, 0 <= x < 1.
      clip_norm: global norm to which larger gradients are scaled down.
      ema_momentum: of the average of the weights, 0 < x < 1, or None for no average.

    Attributes:
      variables: what is updated, in the order of gradients.
      slots: moments, and averages if there are any, by names such as 'm/frame_rnn/upsample'.
      iterations: tf.Variable int64, the number of updates so far.
    """

    def __init__(
        self,
        variables: Mapping[str, tf.Variable],
        name: str = "adam",
        epsilon: float | None = None,
        momentum: float = 0.9,
        clip_norm: float = 5.0,
        ema_momentum: float | None = None,
    ) -> None:
        self._paths = list(variables)
        self._rules = [_rule(name, path, variable) for path, variable in variables.items()]
        self.variables = list(variables.values())
        self._epsilon = DEFAULT_EPSILON[name] if epsilon is None else epsilon
        self._momentum, self._clip_norm = momentum, clip_norm
        self._ema_momentum = ema_momentum
        self.iterations = tf.Variable(0, dtype=tf.int64)
        self.slots = {
            f"{slot}/{path}": tf.Variable(tf.zeros_like(variable))
            for rule, (path, variable) in zip(self._rules, variables.items())
            for slot in _SLOTS[rule]
        }
        if ema_momentum is not None:
            self.slots |= {f"{_AVERAGE}/{p}": tf.Variable(v) for p, v in variables.items()}

    def apply(self, gradients: Sequence[tf.Tensor], learning_rate: tf.Tensor) -> tf.Tensor:
        """Update the variables; return the gradients' global norm before clipping.

        Args:
          gradients: in the order of the variables.
          learning_rate: float32 ().
        """
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        norm = tf.linalg.global_norm(gradients)
        scale = self._clip_norm / tf.maximum(norm, self._clip_norm)
        # handles are each replica's own
        tf.raw_ops.AssignAddVariableOp(
            resource=self.iterations.handle, value=tf.constant(1, tf.int64)
        )
        updates = {
            "adam": self._adam,
            "muon": self._muon,
            "sgd": self._sgd,
            "rmsprop": self._rmsprop,
        }
        for path, rule, variable, gradient in zip(
            self._paths, self._rules, self.variables, gradients
        ):
            slots = [self.slots[f"{slot}/{path}"].handle for slot in _SLOTS[rule]]
            updates[rule](_Step(variable.handle, slots, gradient * scale, learning_rate))
        if self._ema_momentum is not None:
            self._move_averages(self._ema_momentum)
        return norm

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Put the averages, if there are any, in place of the variables within the block."""
        if self._ema_momentum is None:
            yield
            return
        kept = [variable.numpy() for variable in self.variables]
        for path, variable in zip(self._paths, self.variables):
            variable.assign(self.slots[f"{_AVERAGE}/{path}"])
        try:
            yield
        finally:
            for variable, value in zip(self.variables, kept):
                variable.assign(value)

    def _move_averages(self, momentum: float) -> None:
        t = tf.cast(self.iterations, tf.float32)
        part = 1.0 - tf.minimum(momentum, (1.0 + t) / (10.0 + t))
        for path, variable in zip(self._paths, self.variables):
            average = self.slots[f"{_AVERAGE}/{path}"]
            value = tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=tf.float32)
            before = tf.raw_ops.ReadVariableOp(resource=average.handle, dtype=tf.float32)
            tf.raw_ops.AssignAddVariableOp(resource=average.handle, value=part * (value - before))

    def _adam(self, step: _Step) -> None:
        t = tf.cast(self.iterations, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=step.variable,
            m=step.slots[0],
            v=step.slots[1],
            beta1_power=_BETA_1**t,
            beta2_power=_BETA_2**t,
            lr=step.learning_rate,
            beta1=_BETA_1,
            beta2=_BETA_2,
            epsilon=self._epsilon,
            grad=step.gradient,
        )

    def _muon(self, step: _Step) -> None:
        before = tf.raw_ops.ReadVariableOp(resource=step.slots[0], dtype=tf.float32)
        momentum, update = muon.update(before, step.gradient)
        tf.raw_ops.AssignVariableOp(resource=step.slots[0], value=momentum)
        tf.raw_ops.AssignSubVariableOp(resource=step.variable, value=step.learning_rate * update)

    def _sgd(self, step: _Step) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=step.variable,
            accum=step.slots[0],
            lr=step.learning_rate,
            grad=step.gradient,
            momentum=self._momentum,
        )

    def _rmsprop(self, step: _Step) -> None:
        tf.raw_ops.ResourceApplyRMSProp(
            var=step.variable,
            ms=step.slots[0],
            mom=step.slots[1],
            lr=step.learning_rate,
            rho=_RHO,
            momentum=self._momentum,
            epsilon=self._epsilon,
            grad=step.gradient,
        )


def _rule(name: str, path: str, variable: tf.Variable) -> str:
    """Return the update of a variable: the optimizer's, but Adam's where Muon's does not fit."""
    return "adam" if name == "muon" and not muon.fits(path, variable.shape) else name
