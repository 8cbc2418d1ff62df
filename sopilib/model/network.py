"""The SampleRNN network in plain TensorFlow: the reference for every faster engine.

Three tiers, as in Mehri et al. 2017 (arXiv:1612.07837, section 2) and in PRiSM
SampleRNN: two frame tiers, each an RNN over frames of samples followed by a
learned upsampling, then an MLP over single samples. Variables have the names
and shapes of PRiSM's checkpoints, so the modules below are `tf.Module`s whose
attribute names are those of its object graph. RNN state goes in and comes out
explicitly; nothing is carried from one call to the next.

Shapes: N is num_seqs, F a number of frames, T a number of samples.
"""

from typing import NamedTuple

import numpy as np

from sopilib.model.quiet_tensorflow import tf


class RNNState(NamedTuple):
    """State of both frame tiers, each (num_rnn_layers, parts, N, dim) float32.

    `parts` is 1 for a GRU (its output) and 2 for an LSTM (its output, its cell).
    """

    big_frame: tf.Tensor
    frame: tf.Tensor


def _weights(rng, *shape):
    """A variable drawn uniformly from the Glorot range of its last two axes."""
    limit = np.sqrt(6.0 / sum(shape[-2:]))
    seed = rng.integers(2**31, size=2)
    return tf.Variable(tf.random.stateless_uniform(shape, seed, -limit, limit))


def _zeros(*shape):
    return tf.Variable(tf.zeros(shape))


class Dense(tf.Module):
    """Matrix product over the last axis, with or without bias."""

    def __init__(self, rng, dim_in, dim_out, use_bias=True):
        super().__init__()
        self.kernel = _weights(rng, dim_in, dim_out)
        if use_bias:
            self.bias = _zeros(dim_out)

    def __call__(self, x):
        y = tf.linalg.matmul(x, self.kernel)
        return y + self.bias if hasattr(self, "bias") else y


class GRUCell(tf.Module):
    """Gated recurrent unit, reset gate applied after the product; gates z, r, h."""

    parts = 1

    def __init__(self, rng, dim_in, dim):
        super().__init__()
        self.kernel = _weights(rng, dim_in, 3 * dim)
        self.recurrent_kernel = _weights(rng, dim, 3 * dim)
        self.bias = _zeros(2, 3 * dim)

    def project(self, x):
        """The part that does not depend on the state: (..., 3 * dim)."""
        return tf.linalg.matmul(x, self.kernel) + self.bias[0]

    def step(self, state, projected):
        """The state (1, N, dim) after one step whose input projects to (N, 3 * dim)."""
        h = state[0]  # (N, dim)
        recurrent = tf.linalg.matmul(h, self.recurrent_kernel) + self.bias[1]
        x_z, x_r, x_h = tf.split(projected, 3, axis=-1)
        h_z, h_r, h_h = tf.split(recurrent, 3, axis=-1)
        z = tf.sigmoid(x_z + h_z)
        candidate = tf.tanh(x_h + tf.sigmoid(x_r + h_r) * h_h)
        return (z * h + (1.0 - z) * candidate)[tf.newaxis]


class LSTMCell(tf.Module):
    """Long short-term memory; gates i, f, c, o."""

    parts = 2

    def __init__(self, rng, dim_in, dim):
        super().__init__()
        self.kernel = _weights(rng, dim_in, 4 * dim)
        self.recurrent_kernel = _weights(rng, dim, 4 * dim)
        # ones open the forget gate, so that the untrained cell remembers
        self.bias = tf.Variable(np.repeat(np.float32([0, 1, 0, 0]), dim))

    def project(self, x):
        """The part that does not depend on the state: (..., 4 * dim)."""
        return tf.linalg.matmul(x, self.kernel) + self.bias

    def step(self, state, projected):
        """The state (2, N, dim) after one step whose input projects to (N, 4 * dim)."""
        h, c = state[0], state[1]  # each (N, dim)
        gates = projected + tf.linalg.matmul(h, self.recurrent_kernel)
        i, f, candidate, o = tf.split(gates, 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(candidate)
        return tf.stack([tf.sigmoid(o) * tf.tanh(c), c])


CELLS = {"gru": GRUCell, "lstm": LSTMCell}


class RecurrentLayer(tf.Module):
    """One cell run over a sequence of frames."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def __call__(self, x, state):
        """Outputs (N, F, dim) for `x` (N, F, dim_in), and the state after them."""
        projected = tf.transpose(self.cell.project(x), [1, 0, 2])  # (F, N, gates)
        if projected.shape[0] == 1:  # generation: no loop within the loop over samples
            states = self.cell.step(state, projected[0])[tf.newaxis]
        else:
            states = tf.scan(self.cell.step, projected, initializer=state)
        return tf.transpose(states[:, 0], [1, 0, 2]), states[-1]


class RNN(tf.Module):
    """A stack of recurrent layers, with or without skip connections."""

    def __init__(self, rng, config):
        super().__init__()
        self._num_layers, self._skip_conn = config.num_rnn_layers, config.skip_conn
        dim = config.dim
        for k in range(config.num_rnn_layers):
            dim_in = 2 * dim if config.skip_conn and k == 0 else dim
            layer = RecurrentLayer(CELLS[config.rnn_type](rng, dim_in, dim))
            setattr(self, f"layer_{k}", layer)
            if config.skip_conn:
                setattr(self, f"layer_{k}_skip_out", Dense(rng, dim, dim, k == 0))

    def __call__(self, x, states):
        """Outputs (N, F, dim) for `x` (N, F, dim), and the states after them.

        With skip connections the first layer sees its input concatenated with
        itself, and the output is the sum of a Dense of each layer's output:
        peculiarities of PRiSM's implementation that its checkpoints rely on.
        """
        skip_sum, new_states = 0.0, []
        if self._skip_conn:
            x = tf.concat([x, x], axis=-1)
        for k in range(self._num_layers):
            x, state = getattr(self, f"layer_{k}")(x, states[k])
            new_states.append(state)
            if self._skip_conn:
                skip_sum += getattr(self, f"layer_{k}_skip_out")(x)
        return (skip_sum if self._skip_conn else x), tf.stack(new_states)


class FrameRNN(tf.Module):
    """A frame tier: frames of samples in, a conditioning vector per finer step out."""

    def __init__(self, rng, config, frame_size, stride):
        super().__init__()
        self._frame_size, self._dim = frame_size, config.dim
        self._q_levels = config.q_levels
        self.inputs = Dense(rng, frame_size, config.dim)
        self.rnn = RNN(rng, config)
        self.upsample = _weights(rng, stride, config.dim, config.dim)

    def __call__(self, samples, states, conditioning=None):
        """Conditioning for the tier below, and the state after it.

        Args:
          samples: int32 (N, F * frame_size), levels 0 <= x < q_levels.
          states: float32 (num_rnn_layers, parts, N, dim).
          conditioning: float32 (N, F, dim) from the tier above, or None.

        Returns:
          float32 (N, F * stride, dim) and the states.
        """
        num_seqs = samples.shape[0]
        frames = tf.reshape(samples, [num_seqs, -1, self._frame_size])
        half = self._q_levels / 2
        x = self.inputs((tf.cast(frames, tf.float32) / half - 1.0) * 2.0)
        if conditioning is not None:
            x += conditioning
        h, states = self.rnn(x, states)  # (N, F, dim)
        # a transposed convolution whose stride is its width is one product
        upsampled = tf.einsum("nfi,joi->nfjo", h, self.upsample)
        return tf.reshape(upsampled, [num_seqs, -1, self._dim]), states


class Embedding(tf.Module):
    """A vector per level: (q_levels, q_levels), `emb_size` notwithstanding."""

    def __init__(self, rng, q_levels):
        super().__init__()
        self.embeddings = _weights(rng, q_levels, q_levels)


class Convolution(tf.Module):
    """Kernel (width, q_levels, dim) of the convolution over embedded samples."""

    def __init__(self, rng, width, dim_in, dim_out):
        super().__init__()
        self.kernel = _weights(rng, width, dim_in, dim_out)


class SampleMLP(tf.Module):
    """The sample tier: logits of a sample from the `frame_size` samples before it."""

    def __init__(self, rng, config):
        super().__init__()
        dim, q_levels = config.dim, config.q_levels
        self._frame_size = config.frame_sizes[0]
        self.embedding = Embedding(rng, q_levels)
        self.inputs = Convolution(rng, self._frame_size, q_levels, dim)
        self.hidden1 = Dense(rng, dim, dim)
        self.hidden2 = Dense(rng, dim, dim)
        self.outputs = Dense(rng, dim, q_levels)

    def convolution_table(self):
        """Embedding and convolution as one table: (frame_size, q_levels, dim).

        Row (j, q) is what level q contributes when it stands at place j of the
        `frame_size` samples before the one predicted.
        """
        return tf.linalg.matmul(self.embedding.embeddings, self.inputs.kernel)

    def __call__(self, samples, conditioning, table):
        """Logits (N, T, q_levels) of the T samples that follow each window.

        Args:
          samples: int32 (N, frame_size + T - 1), levels.
          conditioning: float32 (N, T, dim) from the frame tier.
          table: what `convolution_table` returns.
        """
        num_predicted = tf.shape(conditioning)[1]
        x = conditioning
        for j in range(self._frame_size):
            x += tf.gather(table[j], samples[:, j : j + num_predicted])
        x = tf.nn.relu(self.hidden1(x))
        x = tf.nn.relu(self.hidden2(x))
        return self.outputs(x)


class SampleRNN(tf.Module):
    """The whole network: `config` and its variables, no other state."""

    def __init__(self, config, rng_seed=0):
        super().__init__()
        self.config = config
        rng = np.random.default_rng(rng_seed)
        frame_size, big_frame_size = config.frame_sizes
        ratio = big_frame_size // frame_size
        self.big_frame_rnn = FrameRNN(rng, config, big_frame_size, ratio)
        self.frame_rnn = FrameRNN(rng, config, frame_size, frame_size)
        self.sample_mlp = SampleMLP(rng, config)

    def zero_state(self, num_seqs):
        """The state before the first frame of `num_seqs` sequences."""
        parts = CELLS[self.config.rnn_type].parts
        zeros = tf.zeros([self.config.num_rnn_layers, parts, num_seqs, self.config.dim])
        return RNNState(zeros, zeros)

    def __call__(self, samples, state):
        """Teacher-forced logits, and the state to carry into the next segment.

        Args:
          samples: int32 (N, big_frame_size + T), T a multiple of the big frame
            size; the first `big_frame_size` are what came before, the others
            are those predicted.
          state: RNNState before them.

        Returns:
          float32 (N, T, q_levels) and the RNNState after them.
        """
        frame_size, big_frame_size = self.config.frame_sizes
        before = big_frame_size - frame_size
        conditioning, big_frame = self.big_frame_rnn(samples[:, :-big_frame_size], state.big_frame)
        conditioning, frame = self.frame_rnn(
            samples[:, before:-frame_size], state.frame, conditioning
        )
        logits = self.sample_mlp(
            samples[:, before:-1], conditioning, self.sample_mlp.convolution_table()
        )
        return logits, RNNState(big_frame, frame)


def variable_shapes(config):
    """The shape of each variable of a SampleRNN by its path; nothing is allocated."""
    with tf.Graph().as_default():
        variables = named_variables(SampleRNN(config))
        return {path: tuple(variable.shape) for path, variable in variables.items()}


def named_variables(module):
    """The variables below `module` by path, such as 'frame_rnn/inputs/kernel'."""
    variables = {}
    for name, child in vars(module).items():
        if isinstance(child, tf.Variable):
            variables[name] = child
        elif isinstance(child, tf.Module):
            for path, variable in named_variables(child).items():
                variables[f"{name}/{path}"] = variable
    return variables
