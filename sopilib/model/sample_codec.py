"""From audio to the levels of a model and back, with the model's pre-emphasis and gain.

A model may be trained on pre-emphasized sound, as in J.-M. Valin and J. Skoglund, LPCNet,
ICASSP 2019, section 3.2: x[n] - k x[n-1] with k = `pre_emphasis` of its config is quantized,
and y[n] = x[n] + k y[n-1] undoes it at the output. So the noise of 8-bit levels follows the
sound's own spectrum, low where most sounds are weak, in the treble. With k = 0 levels and
audio are those of `sopilib.model.quantize` alone.

What a model plays is made louder or softer by `gain_db` of its config, as one that plays at
another level than its recordings needs. What it reads, a seed, is not.
"""

import numpy as np

from sopilib.model.config import ModelConfig
from sopilib.model.quantize import dequantize, quantize


class SampleCodec:
    """Turns the audio of voices into levels and back, each call continuing where the last ended.

    Args:
      config: of the model.
      num_seqs: number of voices.
    """

    def __init__(self, config: ModelConfig, num_seqs: int = 1) -> None:
        self._config, self._num_seqs = config, num_seqs
        levels = np.arange(config.q_levels)
        self._audio_of_level = dequantize(levels, config.q_type, config.q_levels)
        self._gain = np.float32(10 ** (config.gain_db / 20))
        self.reset()

    def reset(self) -> None:
        """Begin after silence."""
        self._newest = np.zeros(self._num_seqs)

    def encode(self, audio: np.ndarray) -> np.ndarray:
        """Return the levels of the next audio.

        Args:
          audio: float (n,) for all voices or (num_seqs, n), -1 <= x <= 1, clipped outside.

        Returns:
          int32 (num_seqs, n).
        """
        audio = np.asarray(audio)
        audio = np.broadcast_to(audio, (self._num_seqs, audio.shape[-1]))
        if self._config.pre_emphasis and audio.shape[1]:
            exact = np.clip(audio.astype(np.float64), -1, 1)
            before = np.column_stack([self._newest, exact[:, :-1]])
            self._newest = exact[:, -1].copy()
            audio = exact - self._config.pre_emphasis * before
        return quantize(audio, self._config.q_type, self._config.q_levels)

    def played(self, levels: np.ndarray) -> np.ndarray:
        """Return the audio of the next levels with the model's gain; see `decode`."""
        audio = self.decode(levels)
        return np.clip(audio * self._gain, -1, 1) if self._config.gain_db else audio

    def decode(self, levels: np.ndarray) -> np.ndarray:
        """Return the audio of the next levels, without the model's gain.

        Args:
          levels: int (num_seqs, n), 0 <= level < q_levels.

        Returns:
          float32 (num_seqs, n), -1 <= x <= 1.
        """
        audio: np.ndarray = self._audio_of_level[levels]
        if self._config.pre_emphasis:
            voices = map(self._deemphasized, range(self._num_seqs), audio)
            audio = np.array(list(voices), np.float32).reshape(audio.shape)
        return audio

    def _deemphasized(self, voice: int, samples: np.ndarray) -> list[float]:
        """Return the samples of a voice without the emphasis, clipped to full scale.

        A loop over Python's floats, so that where the audio is cut makes no difference.
        """
        factor, newest, audio = self._config.pre_emphasis, float(self._newest[voice]), []
        for sample in samples.tolist():
            newest = min(1.0, max(-1.0, sample + factor * newest))
            audio.append(newest)
        self._newest[voice] = newest
        return audio

    def save(self) -> np.ndarray:
        """Return the newest sample of each voice, for `restore`."""
        newest: np.ndarray = self._newest.copy()
        return newest

    def restore(self, newest: np.ndarray) -> None:
        """Go on from where `save` was called."""
        self._newest = newest.copy()
