"""Mix channels to mono and resample (soxr), whole or chunk by chunk.

Audio is float32, -1 <= x <= 1; voices are (num_seqs, num_samples). A take is resampled
chunk by chunk: soxr computes every output sample from a window that holds all the input
that its filter reaches. So the result equals that of resampling the whole at once, to
float32 accuracy, and joints between chunks are inaudible. Fixed windows make the result
the same to the last bit for any chunks where that is required.
"""

import math
from typing import NamedTuple

import numpy as np
import soxr

QUALITY = "HQ"
# Half the length of soxr's HQ filter, in samples of the slower of the two rates:
# measured, windows with this margin differ from the whole by less than 1e-6.
_FILTER_MARGIN = 96
# numpy adds so many numbers in another order than one after another
_FAST_MEAN = 8
# channels cancel where their mean has less than this part of the power of unrelated channels
_CANCELLED = 0.1


def mix_to_mono(audio: np.ndarray) -> np.ndarray:
    """Return the mean over the channels: (num_samples,) from that or (num_samples, channels).

    Where channels cancel each other, as with one inverted, the loudest is returned instead.
    """
    audio = np.asarray(audio, dtype=np.float32)
    if audio.ndim == 1:
        return audio
    mixed = channel_mean(audio)
    if audio.shape[1] > 1 and len(audio):
        powers = audio.var(axis=0, dtype=np.float64)
        if channels_cancel(powers, float(mixed.var(dtype=np.float64))):
            return audio[:, int(powers.argmax())]
    return mixed


def channel_mean(audio: np.ndarray) -> np.ndarray:
    """Return the mean over the channels, float32 (num_samples,), of (num_samples, num_channels).

    It is numpy's to the last bit, several times as fast for few channels.
    """
    num_channels = audio.shape[1]
    mean: np.ndarray
    if num_channels >= _FAST_MEAN:
        mean = audio.mean(axis=1)
        return mean
    mean = audio[:, 0].copy()
    for k in range(1, num_channels):
        mean += audio[:, k]
    return mean / np.float32(num_channels)


def channels_cancel(powers: np.ndarray, mixed_power: float) -> bool:
    """Return whether the mean of channels is far softer than that of unrelated ones would be.

    Args:
      powers: of the channels, float (num_channels,), without a constant offset.
      mixed_power: of their mean.
    """
    unrelated = powers.mean() / len(powers)
    return bool(mixed_power < _CANCELLED * unrelated)


def resample(audio: np.ndarray, in_rate: int, out_rate: int) -> np.ndarray:
    """Return `audio` (num_samples,) at another rate: round(num_samples * out/in) samples."""
    if in_rate == out_rate:
        return audio
    resampler = StreamResampler(in_rate, out_rate, np.zeros((1, 0), np.float32))
    mono = np.asarray(audio, dtype=np.float32)[np.newaxis]
    resampled: np.ndarray = np.concatenate([resampler.push(mono), resampler.finish()], axis=1)[0]
    return resampled


class BlockResampler:
    """Resamples a sound block by block in little memory; the result is that of `resample`.

    It is the same to the last bit. As in `resample`, one stream of soxr's gives all but the
    samples that its filter computes from what follows the sound; a window at the end gives those.

    Args:
      in_rate, out_rate: in Hz, integers.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self._rates = in_rate, out_rate
        self._margin = math.ceil(StreamResampler.margin_s(in_rate, out_rate) * in_rate)
        self._period = in_rate // math.gcd(in_rate, out_rate)
        step = math.ceil(in_rate / out_rate) + 1
        self._num_held = self._margin + step  # input not yet given to soxr
        self._num_kept = 2 * self._margin + self._period + 2 * step  # for the window at the end
        self._recent = np.zeros(0, np.float32)
        self._num_in = self._num_fed = self._num_out = 0
        self._stream = soxr.ResampleStream(*self._rates, 1, dtype="float32", quality=QUALITY)

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Return the output (any,) that `audio`, float32 (num_samples,), completes."""
        if self._rates[0] == self._rates[1]:
            return audio
        self._recent = np.concatenate([self._recent, audio])
        self._num_in += len(audio)
        out = self._feed(max(self._num_fed, self._num_in - self._num_held), is_last=False)
        surplus = min(len(self._recent) - self._num_kept, self._num_fed - self._first)
        self._recent = self._recent[max(0, surplus) :]
        return out

    def finish(self) -> np.ndarray:
        """Return the rest, as if silence followed: in all round(num_in * out/in) samples."""
        in_rate, out_rate = self._rates
        if in_rate == out_rate:
            return np.zeros(0, np.float32)
        body_end = max(0, (self._num_in - self._margin) * out_rate // in_rate)
        body = np.zeros(0, np.float32)
        if body_end:
            num_before, num_in = self._num_out, -(-body_end * in_rate // out_rate) + self._margin
            body = self._feed(num_in, is_last=True)[: body_end - num_before]
        return np.concatenate([body, self._ending(body_end)])

    @property
    def _first(self) -> int:
        """The place in the input of the first sample that is still kept."""
        return self._num_in - len(self._recent)

    def _feed(self, end: int, is_last: bool) -> np.ndarray:
        """Give soxr the input before sample `end`; return what it completes."""
        part = self._recent[self._num_fed - self._first : end - self._first]
        self._num_fed = end
        out: np.ndarray = self._stream.resample_chunk(part, last=is_last)
        self._num_out += len(out)
        return out

    def _ending(self, begin: int) -> np.ndarray:
        """Return the output from sample `begin` on, from a window that silence follows."""
        in_rate, out_rate = self._rates
        needed = begin * in_rate // out_rate - self._margin
        start = max(0, needed // self._period * self._period)
        end = round(self._num_in * out_rate / in_rate)
        sound = np.pad(self._recent[start - self._first :], (0, self._margin))
        num_in = -(-end * in_rate // out_rate) + self._margin - start
        window = soxr.resample(sound[:num_in], in_rate, out_rate, quality=QUALITY)
        first = start * out_rate // in_rate
        ending: np.ndarray = window[begin - first : end - first]
        return ending


class ResamplerState(NamedTuple):
    """Where a StreamResampler stands; `buffer` is float32 (num_seqs, any)."""

    buffer: np.ndarray
    start: int
    num_in: int
    num_out: int


class StreamResampler:
    """Resamples voices chunk by chunk, as if the whole were resampled at once.

    Output sample k stands at the time of input sample k * in_rate / out_rate.

    Args:
      in_rate, out_rate: in Hz, integers.
      context: float32 (num_seqs, any), the input just before the first sample, so
        that a sound that continues does not start with a click; (num_seqs, 0) where
        there was silence.
      block: output samples that are always computed together, so that the output is
        the same to the last bit for any chunks; default: the samples that a push completes.
    """

    def __init__(
        self, in_rate: int, out_rate: int, context: np.ndarray, block: int | None = None
    ) -> None:
        self._rates = in_rate, out_rate
        self._block = block
        self._margin = math.ceil(self.margin_s(in_rate, out_rate) * in_rate)
        # input samples after which input and output samples coincide again:
        # windows start there so that soxr's phase in them is that of the whole
        self._period = in_rate // math.gcd(in_rate, out_rate)
        self._buffer = self._aligned(np.asarray(context, dtype=np.float32))
        self._start = -self._buffer.shape[1]  # input position of the buffer's start
        self._num_in = 0
        self._num_out = 0

    @staticmethod
    def margin_s(in_rate: int, out_rate: int) -> float:
        """Return the seconds of input needed beyond the last sample handed out."""
        return _FILTER_MARGIN / min(in_rate, out_rate)

    def _aligned(self, context: np.ndarray) -> np.ndarray:
        """Return the end of `context` that matters, padded to a multiple of the period."""
        context = context[:, max(0, context.shape[1] - self._margin) :]
        silence = -context.shape[1] % self._period
        return np.pad(context, ((0, 0), (silence, 0)))

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Return the output float32 (num_seqs, any) that `audio` (num_seqs, any) completes."""
        self._num_in += audio.shape[1]
        self._buffer = np.concatenate([self._buffer, audio], axis=1)
        complete = self._num_in - self._margin
        end = complete * self._rates[1] // self._rates[0]
        return self._blocks(end // self._block * self._block if self._block else end)

    def save(self) -> ResamplerState:
        """Return the state that `restore` takes."""
        return ResamplerState(self._buffer, self._start, self._num_in, self._num_out)

    def restore(self, state: ResamplerState) -> None:
        """Continue from where `save` was called on a resampler of the same arguments."""
        self._buffer, self._start, self._num_in, self._num_out = state

    def num_needed(self, num_samples: int) -> int:
        """Return the input samples after which the output has at least `num_samples`."""
        if self._block:
            num_samples = -(-num_samples // self._block) * self._block
        return self._num_in_before(num_samples) + self._margin

    def finish(self) -> np.ndarray:
        """Return the rest, as if silence followed: in all round(num_in * out/in) samples."""
        end = round(self._num_in * self._rates[1] / self._rates[0])
        self._buffer = np.pad(self._buffer, ((0, 0), (0, self._margin)))
        return self._blocks(end)

    def _num_in_before(self, num_out: int) -> int:
        """Return the input samples that stand before output sample `num_out`."""
        return -(-num_out * self._rates[0] // self._rates[1])

    def _blocks(self, end: int) -> np.ndarray:
        """Return the output samples from the last one given to before sample `end`."""
        pieces = [np.zeros((len(self._buffer), 0), np.float32)]
        while self._num_out < end:
            pieces.append(self._up_to(min(end, self._num_out + (self._block or end))))
        return np.concatenate(pieces, axis=1)

    def _up_to(self, end: int) -> np.ndarray:
        """Return the output samples from the last one given to before sample `end`, one window."""
        num_in = self._num_in_before(end) + self._margin - self._start
        window = soxr.resample(self._buffer[:, :num_in].T, *self._rates, quality=QUALITY)
        first = self._start * self._rates[1] // self._rates[0]
        out = window[self._num_out - first : end - first].T
        self._num_out = end
        self._forget_past()
        return np.ascontiguousarray(out)

    def _forget_past(self) -> None:
        """Drop the input that no further output sample depends on."""
        needed = self._num_out * self._rates[0] // self._rates[1] - self._margin
        surplus = (needed - self._start) // self._period * self._period
        if surplus > 0:
            self._buffer = self._buffer[:, surplus:]
            self._start += surplus
