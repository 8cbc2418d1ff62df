"""Read a sound file as it is, mono at another rate, block by block.

The blocks are those of reading the whole, `mix_to_mono` and `resample`, to the last bit, in
memory that does not depend on the file's length. A file of several channels is read twice:
whether its channels cancel each other is known at its end.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sopilib.audio.files import check_finite, empty_error, tell_notice
from sopilib.audio.resample import BlockResampler, channel_mean, channels_cancel
from sopilib.audio.sound_reader import SoundReader


def mono_file_blocks(path: str | Path, sample_rate: int) -> Iterator[np.ndarray]:
    """Yield the sound of a file at `sample_rate`, float32 (num_samples,), as many at a time.

    Raises:
      AudioError: no such file, not a sound file, no samples in it, or not finite.
    """
    channel, num_samples = _loudest_of_cancelling(path), 0
    with SoundReader(path) as reader:
        resampler = BlockResampler(reader.sample_rate, sample_rate)
        for block in reader.blocks():
            check_finite(block, path)
            num_samples += len(block)
            yield resampler.push(channel_mean(block) if channel is None else block[:, channel])
        tell_notice(reader)
    if not num_samples:
        raise empty_error(path)
    yield resampler.finish()


def _loudest_of_cancelling(path: str | Path) -> int | None:
    """Return the number of the loudest channel if the channels cancel each other, else None."""
    with SoundReader(path) as reader:
        if reader.num_channels == 1:
            return None
        channels, mixed = _Power(reader.num_channels), _Power(1)
        for block in reader.blocks():
            check_finite(block, path)
            channels.add(block)
            mixed.add(channel_mean(block)[:, np.newaxis])
    powers = channels.powers()
    return int(powers.argmax()) if channels_cancel(powers, mixed.powers()[0]) else None


class _Power:
    """The variance of signals that come block by block (Chan et al., 1979)."""

    def __init__(self, num_channels: int) -> None:
        self._count, self._mean = 0, np.zeros(num_channels)
        self._squares = np.zeros(num_channels)  # of the distances from the mean

    def add(self, block: np.ndarray) -> None:
        """Count a block (num_samples, num_channels)."""
        count = self._count + len(block)
        mean = block.mean(axis=0, dtype=np.float64)
        step = mean - self._mean
        self._squares += block.var(axis=0, dtype=np.float64) * len(block)
        self._squares += np.square(step) * self._count * len(block) / count
        self._mean += step * len(block) / count
        self._count = count

    def powers(self) -> np.ndarray:
        """Return the variance of each channel, float64 (num_channels,)."""
        variances: np.ndarray = self._squares / max(1, self._count)
        return variances
