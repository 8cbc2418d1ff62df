"""SampleRNN written in plain Keras, layer by layer: the reference for training speed.

It has the layers, initial values and updates of Mehri et al. 2017 as PRiSM SampleRNN
arranges them, for mu-law and linear models, without skip connections and dropout: embedding
and convolution at every sample, stateful recurrent layers, Adam, gradients clipped to 5.
"""

from sopilib.model.quiet_tensorflow import tf


class FrameTier(tf.keras.layers.Layer):
    """A frame tier: frames in, recurrent layers, conditioning for the tier below out.

    Args:
      config: ModelConfig.
      frame_size: samples of a frame.
      stride: frames of the tier below for each of this one.
    """

    def __init__(self, config, frame_size, stride):
        super().__init__()
        self._frame_size, self._half = frame_size, config.q_levels / 2
        rnn = {"gru": tf.keras.layers.GRU, "lstm": tf.keras.layers.LSTM}[config.rnn_type]
        self._inputs = tf.keras.layers.Dense(config.dim)
        self._rnn_layers = [
            rnn(config.dim, return_sequences=True, stateful=True)
            for _ in range(config.num_rnn_layers)
        ]
        self._upsample = tf.keras.layers.Conv1DTranspose(
            config.dim, stride, strides=stride, use_bias=False
        )

    def call(self, samples, conditioning=None):
        """Map samples int32 (N, F * frame_size) to float32 (N, F * stride, dim)."""
        frames = tf.reshape(samples, [samples.shape[0], -1, self._frame_size])
        x = self._inputs((tf.cast(frames, tf.float32) / self._half - 1.0) * 2.0)
        if conditioning is not None:
            x += conditioning
        for layer in self._rnn_layers:
            x = layer(x)
        return self._upsample(x)


class PlainSampleRNN(tf.keras.Model):
    """Map levels int32 (N, big_frame_size + T) to logits (N, T, q_levels)."""

    def __init__(self, config):
        super().__init__()
        self._frame_size, self._big_frame_size = config.frame_sizes
        stride = self._big_frame_size // self._frame_size
        self._big_frame_tier = FrameTier(config, self._big_frame_size, stride)
        self._frame_tier = FrameTier(config, self._frame_size, self._frame_size)
        self._embedding = tf.keras.layers.Embedding(config.q_levels, config.emb_size)
        self._inputs = tf.keras.layers.Conv1D(config.dim, self._frame_size, use_bias=False)
        self._hidden1 = tf.keras.layers.Dense(config.dim, activation="relu")
        self._hidden2 = tf.keras.layers.Dense(config.dim, activation="relu")
        self._outputs = tf.keras.layers.Dense(config.q_levels)

    def call(self, samples):
        before = self._big_frame_size - self._frame_size
        x = self._big_frame_tier(samples[:, : -self._big_frame_size])
        x = self._frame_tier(samples[:, before : -self._frame_size], x)
        x += self._inputs(self._embedding(samples[:, before:-1]))
        return self._outputs(self._hidden2(self._hidden1(x)))


def training_step(config):
    """Return a compiled training step of a new PlainSampleRNN on a segment; it returns the loss.

    Args:
      config: ModelConfig without skip connections and dropout.
    """
    model, optimizer = PlainSampleRNN(config), tf.keras.optimizers.Adam(1e-3, epsilon=1e-4)

    @tf.function(autograph=False)
    def step(samples):
        with tf.GradientTape() as tape:
            logits = model(samples)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=samples[:, config.big_frame_size :], logits=logits
            )
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    return step
