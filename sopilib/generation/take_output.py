"""TakeOutput: samples at the model's rate in, audio at a take's rate out."""

import numpy as np

from sopilib.audio.resample import StreamResampler
from sopilib.generation.take_state import OutputState
from sopilib.model.generator_state import Handover

# a resampled take is computed in blocks of this length, see StreamResampler
_BLOCKS_PER_S = 50


class TakeOutput:
    """Resamples and cuts what a take generates, and hands over its end to the next take.

    Args:
      handover: of the generator; the take continues the sound in it.
      in_rate: of the model, in Hz.
      out_rate: of the take, in Hz.
      num_samples: length of the take, at out_rate.

    Attributes:
      num_needed: samples at in_rate that are still to be pushed.
      num_left: samples at out_rate that are still to come.
    """

    def __init__(self, handover: Handover, in_rate: int, out_rate: int, num_samples: int) -> None:
        self._handover = handover
        self._rates = in_rate, out_rate
        self._resampler: StreamResampler | None = None
        self.num_needed = num_samples
        if in_rate != out_rate:
            block = out_rate // _BLOCKS_PER_S
            self._resampler = StreamResampler(in_rate, out_rate, handover.played, block)
            self.num_needed = self._resampler.num_needed(num_samples)
        self._recent = handover.played  # (num_seqs, any)
        self.num_left = num_samples
        self._num_in = self._num_out = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Return the audio (num_seqs, any) that `samples` (num_seqs, any) completes."""
        self._num_in += samples.shape[1]
        self.num_needed -= samples.shape[1]
        chunk = samples if self._resampler is None else self._resampler.push(samples)
        chunk = chunk[:, : self.num_left]
        self._num_out += chunk.shape[1]
        self.num_left -= chunk.shape[1]
        num_unplayed = self._num_in - round(self._num_out * self._rates[0] / self._rates[1])
        recent = np.concatenate([self._recent, samples], axis=1)
        self._recent = self._handover.replace(recent, num_unplayed)
        return chunk

    def save(self) -> OutputState:
        """Return the state that `restore` takes."""
        resampler = None if self._resampler is None else self._resampler.save()
        counts = self.num_needed, self.num_left, self._num_in, self._num_out
        return OutputState(*counts, resampler)

    def restore(self, state: OutputState) -> None:
        """Continue from where `save` was called after a push; the handover is as it was."""
        *counts, resampler = state
        self.num_needed, self.num_left, self._num_in, self._num_out = counts
        if self._resampler is not None and resampler is not None:
            self._resampler.restore(resampler)
        self._recent = np.concatenate([self._handover.played, self._handover.unplayed], axis=1)
