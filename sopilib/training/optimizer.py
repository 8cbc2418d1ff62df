"""Optimizers with PRiSM's constants, each variable updated by one fused operation.

The same updates as those of Keras: Adam (Kingma and Ba 2015, section 2, end, with
epsilon outside the corrected root), SGD and RMSprop with momentum.
"""

from collections.abc import Mapping, Sequence

from sopilib.model.quiet_tensorflow import tf

DEFAULT_EPSILON = {"adam": 1e-4, "sgd": 0.0, "rmsprop": 1e-5}
_SLOTS: dict[str, tuple[str, ...]] = {
    "adam": ("m", "v"),
    "sgd": ("momentum",),
    "rmsprop": ("mean_square", "momentum"),
}
_BETA_1, _BETA_2, _RHO = 0.9, 0.999, 0.9


class Optimizer:
    """Updates variables along clipped gradients.

    Args:
      variables: by path.
      name: one of `sopilib.training.plan.OPTIMIZERS`.
      epsilon: None for PRiSM's, see DEFAULT_EPSILON; sgd ignores it.
      momentum: of sgd and rmsprop, 0 <= x < 1.
      clip_norm: global norm to which larger gradients are scaled down.

    Attributes:
      variables: what is updated, in the order of gradients.
      slots: moments by names such as 'm/frame_rnn/upsample'.
      iterations: tf.Variable int64, the number of updates so far.
    """

    def __init__(
        self,
        variables: Mapping[str, tf.Variable],
        name: str = "adam",
        epsilon: float | None = None,
        momentum: float = 0.9,
        clip_norm: float = 5.0,
    ) -> None:
        self._paths, self._name = list(variables), name
        self.variables = list(variables.values())
        self._epsilon = DEFAULT_EPSILON[name] if epsilon is None else epsilon
        self._momentum, self._clip_norm = momentum, clip_norm
        self.iterations = tf.Variable(0, dtype=tf.int64)
        self.slots = {
            f"{slot}/{path}": tf.Variable(tf.zeros_like(variable))
            for slot in _SLOTS[name]
            for path, variable in variables.items()
        }

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
        update = {"adam": self._adam, "sgd": self._sgd, "rmsprop": self._rmsprop}[self._name]
        for path, variable, gradient in zip(self._paths, self.variables, gradients):
            slots = [self.slots[f"{slot}/{path}"].handle for slot in _SLOTS[self._name]]
            update(variable.handle, slots, gradient * scale, learning_rate)
        return norm

    def _adam(
        self,
        variable: tf.Tensor,
        slots: list[tf.Tensor],
        gradient: tf.Tensor,
        learning_rate: tf.Tensor,
    ) -> None:
        t = tf.cast(self.iterations, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable,
            m=slots[0],
            v=slots[1],
            beta1_power=_BETA_1**t,
            beta2_power=_BETA_2**t,
            lr=learning_rate,
            beta1=_BETA_1,
            beta2=_BETA_2,
            epsilon=self._epsilon,
            grad=gradient,
        )

    def _sgd(
        self,
        variable: tf.Tensor,
        slots: list[tf.Tensor],
        gradient: tf.Tensor,
        learning_rate: tf.Tensor,
    ) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable, accum=slots[0], lr=learning_rate, grad=gradient, momentum=self._momentum
        )

    def _rmsprop(
        self,
        variable: tf.Tensor,
        slots: list[tf.Tensor],
        gradient: tf.Tensor,
        learning_rate: tf.Tensor,
    ) -> None:
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable,
            ms=slots[0],
            mom=slots[1],
            lr=learning_rate,
            rho=_RHO,
            momentum=self._momentum,
            epsilon=self._epsilon,
            grad=gradient,
        )
