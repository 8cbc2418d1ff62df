"""Gains: how loud each voice of a stream is, gliding to each new value."""

import numpy as np

GLIDE_S = 0.02


class VoiceGains:
    """One gain for each voice, 1 to begin with.

    Args:
      num_seqs: number of voices.
      rate: in Hz, of the samples to which `apply` applies them.
    """

    def __init__(self, num_seqs: int, rate: int) -> None:
        self._rate = rate
        self._now = np.ones(num_seqs)  # of the newest sample
        self._targets = np.ones(num_seqs)
        self._num_left = np.zeros(num_seqs, np.int64)  # samples until the target is reached

    def glide(self, voice: int, gain: float, seconds: float = GLIDE_S) -> None:
        """Glide in a straight line to `gain`, 0 or more, within `seconds` of sound."""
        self._targets[voice] = gain
        self._num_left[voice] = max(1, round(seconds * self._rate))

    def jump(self, voice: int, gain: float) -> None:
        """Take `gain` at once."""
        self._now[voice] = self._targets[voice] = gain
        self._num_left[voice] = 0

    def apply(self, voices: np.ndarray) -> np.ndarray:
        """Return the next samples float32 (num_seqs, n), louder or softer; may overwrite them."""
        for voice in np.flatnonzero((self._now != 1) | (self._targets != 1)):
            voices[voice] *= self._next(int(voice), voices.shape[1])
        return voices

    def _next(self, voice: int, num_samples: int) -> np.ndarray:
        """Return the next gains of a voice, float32 (num_samples,)."""
        left, now, target = self._num_left[voice], self._now[voice], self._targets[voice]
        steps = np.minimum(np.arange(1, num_samples + 1), left)
        gains = now + (target - now) * steps / left if left else np.full(num_samples, target)
        self._num_left[voice] = max(0, left - num_samples)
        if num_samples:
            self._now[voice] = gains[-1] if self._num_left[voice] else target
        return gains.astype(np.float32)
