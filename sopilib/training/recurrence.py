"""Recurrent layers over a sequence, with gradients written out by hand.

They are fast for two reasons: the input's product for all frames comes before the loop, and
each step of the backward pass computes only what the next one needs, one product with the
recurrent kernel; the gradient of that kernel is a single product after the loop. XLA
compiles both loops.

Shapes: F is a number of frames, N of sequences; sequences are time-major.
"""

from collections.abc import Callable, Sequence

from sopilib.model.network import GRUCell, LSTMCell
from sopilib.model.quiet_tensorflow import tf
from sopilib.training.row_groups import compiled

Tensors = tuple[tf.Tensor, ...]


class Recurrence:
    """Runs cells over frames; see `compiled` for why each row group has one of its own."""

    def __init__(self) -> None:
        self._gru_forward, self._gru_backward = compiled(_gru_forward), compiled(_gru_backward)
        self._lstm_forward, self._lstm_backward = compiled(_lstm_forward), compiled(_lstm_backward)

    def run_cell(
        self, cell: GRUCell | LSTMCell, x: tf.Tensor, state: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Run a cell over frames.

        Args:
          cell: whose recurrent kernel and bias to use.
          x: float32 (F, N, gates * dim), what `cell.project` returns for the frames.
          state: float32 (parts, N, dim) before the first frame.

        Returns:
          Outputs float32 (F, N, dim), and the state (parts, N, dim) after the last frame.
        """
        kernel = tf.convert_to_tensor(cell.recurrent_kernel)
        if cell.parts == 1:
            outputs = tf.custom_gradient(self._gru)(x, state[0], kernel, cell.bias[1])
            return outputs, outputs[-1][tf.newaxis]
        outputs, c = tf.custom_gradient(self._lstm)(x, state[0], state[1], kernel)
        return outputs, tf.stack([outputs[-1], c])

    def _gru(
        self, x: tf.Tensor, h_first: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[..., Tensors]]:
        """Return outputs (F, N, dim) of a GRU with the reset gate after the product."""
        arguments = map(tf.stop_gradient, (x, h_first, kernel, bias))  # no tape looks inside
        outputs, gates = self._gru_forward(*arguments)

        def gradient(d_outputs: tf.Tensor) -> Tensors:
            # transposed here, once: XLA would transpose it in every step
            return self._gru_backward(d_outputs, h_first, outputs, gates, tf.transpose(kernel))

        return outputs, gradient

    def _lstm(
        self, x: tf.Tensor, h_first: tf.Tensor, c_first: tf.Tensor, kernel: tf.Tensor
    ) -> tuple[Tensors, Callable[..., Tensors]]:
        """Return outputs (F, N, dim) of an LSTM, and its last cell state (N, dim)."""
        arguments = map(tf.stop_gradient, (x, h_first, c_first, kernel))  # no tape looks inside
        outputs, cells, gates = self._lstm_forward(*arguments)

        def gradient(d_outputs: tf.Tensor, d_c_last: tf.Tensor) -> Tensors:
            return self._lstm_backward(
                d_outputs, d_c_last, h_first, c_first, outputs, cells, gates, tf.transpose(kernel)
            )

        return (outputs, cells[-1]), gradient


def _loop(
    step: Callable[..., tuple[Tensors, list[tf.Tensor]]],
    num_frames: int,
    carry: Tensors,
    shapes: Sequence[tuple[int, int]],
    backward: bool = False,
) -> tuple[Tensors, list[tf.Tensor]]:
    """Run `step` over frames, first to last or, `backward`, last to first.

    Args:
      step: called with the frame's index and the carried tensors; returns these for the next
        frame, and a list of what to keep of this one.
      num_frames: F.
      carry: the tensors carried into the first step.
      shapes: of what is kept.

    Returns:
      The carried tensors after the last step, and a list of what was kept, each (F, *shape).
    """
    arrays = [tf.TensorArray(tf.float32, num_frames, element_shape=shape) for shape in shapes]

    def body(
        i: tf.Tensor, carry: Tensors, arrays: list[tf.TensorArray]
    ) -> tuple[tf.Tensor, Tensors, list[tf.TensorArray]]:
        t = num_frames - 1 - i if backward else i
        carry, kept = step(t, *carry)
        return i + 1, carry, [array.write(t, value) for array, value in zip(arrays, kept)]

    _, carry, arrays = tf.while_loop(
        lambda i, *_: i < num_frames, body, (0, carry, arrays), maximum_iterations=num_frames
    )
    return carry, [array.stack() for array in arrays]


def _shifted(h_first: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the state before each frame: (F, N, dim)."""
    return tf.concat([h_first[tf.newaxis], outputs[:-1]], axis=0)


def _kernel_gradient(states: tf.Tensor, d_gates: tf.Tensor) -> tf.Tensor:
    """Return the gradient (dim, gates * dim) of the recurrent kernel, from all frames at once."""
    dim, width = states.shape[-1], d_gates.shape[-1]
    return tf.matmul(
        tf.reshape(states, [-1, dim]), tf.reshape(d_gates, [-1, width]), transpose_a=True
    )


def _gru_forward(
    x: tf.Tensor, h_first: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
) -> list[tf.Tensor]:
    num_frames, num_seqs, width = x.shape
    dim = width // 3

    def step(t: tf.Tensor, h: tf.Tensor) -> tuple[Tensors, list[tf.Tensor]]:
        x_z, x_r, x_c = tf.split(x[t], 3, axis=-1)
        h_z, h_r, h_c = tf.split(tf.matmul(h, kernel) + bias, 3, axis=-1)
        z, r = tf.sigmoid(x_z + h_z), tf.sigmoid(x_r + h_r)
        candidate = tf.tanh(x_c + r * h_c)
        h = z * h + (1.0 - z) * candidate
        return (h,), [h, tf.concat([z, r, candidate, h_c], axis=-1)]

    _, kept = _loop(step, num_frames, (h_first,), [(num_seqs, dim), (num_seqs, 4 * dim)])
    return kept


def _gru_backward(
    d_outputs: tf.Tensor,
    h_first: tf.Tensor,
    outputs: tf.Tensor,
    gates: tf.Tensor,
    transposed: tf.Tensor,
) -> Tensors:
    num_frames, num_seqs, dim = outputs.shape
    before = _shifted(h_first, outputs)

    def step(t: tf.Tensor, d_h: tf.Tensor) -> tuple[Tensors, list[tf.Tensor]]:
        z, r, candidate, h_c = tf.split(gates[t], 4, axis=-1)
        d_h += d_outputs[t]
        d_z = d_h * (before[t] - candidate) * z * (1.0 - z)
        d_c = d_h * (1.0 - z) * (1.0 - candidate * candidate)
        d_r = d_c * h_c * r * (1.0 - r)
        d_recurrent = tf.concat([d_z, d_r, d_c * r], axis=-1)
        d_h = d_h * z + tf.matmul(d_recurrent, transposed)
        return (d_h,), [d_recurrent, d_c]

    shapes = [(num_seqs, 3 * dim), (num_seqs, dim)]
    zeros = tf.zeros([num_seqs, dim])
    (d_first,), (d_recurrent, d_c) = _loop(step, num_frames, (zeros,), shapes, backward=True)
    d_x = tf.concat([d_recurrent[..., : 2 * dim], d_c], axis=-1)
    d_bias = tf.reduce_sum(d_recurrent, axis=[0, 1])
    return d_x, d_first, _kernel_gradient(before, d_recurrent), d_bias


def _lstm_forward(
    x: tf.Tensor, h_first: tf.Tensor, c_first: tf.Tensor, kernel: tf.Tensor
) -> list[tf.Tensor]:
    num_frames, num_seqs, width = x.shape
    dim = width // 4

    def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> tuple[Tensors, list[tf.Tensor]]:
        i, f, candidate, o = tf.split(x[t] + tf.matmul(h, kernel), 4, axis=-1)
        i, f, candidate, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(candidate), tf.sigmoid(o)
        c = f * c + i * candidate
        h = o * tf.tanh(c)
        return (h, c), [h, c, tf.concat([i, f, candidate, o], axis=-1)]

    shapes = [(num_seqs, dim), (num_seqs, dim), (num_seqs, width)]
    _, kept = _loop(step, num_frames, (h_first, c_first), shapes)
    return kept


def _lstm_backward(
    d_outputs: tf.Tensor,
    d_c_last: tf.Tensor,
    h_first: tf.Tensor,
    c_first: tf.Tensor,
    outputs: tf.Tensor,
    cells: tf.Tensor,
    gates: tf.Tensor,
    transposed: tf.Tensor,
) -> Tensors:
    num_frames, num_seqs, dim = outputs.shape
    cells_before = _shifted(c_first, cells)

    def step(t: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor) -> tuple[Tensors, list[tf.Tensor]]:
        i, f, candidate, o = tf.split(gates[t], 4, axis=-1)
        squashed = tf.tanh(cells[t])
        d_h += d_outputs[t]
        d_c += d_h * o * (1.0 - squashed * squashed)
        d_gates = tf.concat(
            [
                d_c * candidate * i * (1.0 - i),
                d_c * cells_before[t] * f * (1.0 - f),
                d_c * i * (1.0 - candidate * candidate),
                d_h * squashed * o * (1.0 - o),
            ],
            axis=-1,
        )
        return (tf.matmul(d_gates, transposed), d_c * f), [d_gates]

    carry = tf.zeros([num_seqs, dim]), d_c_last
    shapes = [(num_seqs, 4 * dim)]
    (d_h, d_c), (d_x,) = _loop(step, num_frames, carry, shapes, backward=True)
    return d_x, d_h, d_c, _kernel_gradient(_shifted(h_first, outputs), d_x)
