"""What is odd about the levels of a sound file, and how it is treated.

`Levels` gathers statistics block by block while a file is read; `Levels.treatment` decides:

    channels   that cancel each other are not mixed: the loudest is taken
    offset     a constant offset of the whole file is subtracted
    damage     samples far above all others, beyond full scale or a few clicks, are cut down to
               the loudest of the others; a NaN becomes silence
    scale      a file whose samples lie far beyond full scale, as integers written as floating
               point do, is divided by its full scale, a power of two

An ordinary file is treated in no way, and its samples stay what they are, to the last bit.
"""

from dataclasses import dataclass

import numpy as np

from sopilib.audio.resample import channel_mean, channels_cancel
from sopilib.errors import AudioError, printable

OFFSET_FRAME_S = 0.1  # an offset has to show in frames of this length
# of the file's peak: a smaller offset is silence in a pause; in fewer frames than the second
# number chance makes one, so that it has to be larger
_LEAST_OFFSET, _LEAST_OFFSET_OF_FEW = 0.001, 0.02
_LEAST_FRAMES, _FEW_FRAMES = 4, 20
# the level of a file: what all but one of 1000 samples that are not 0 stay below
_LEVEL_PERCENT = 99.9
# samples above so many times that level are damage if they exceed full scale, or if there
# are at most so many of them
_DAMAGE_RATIO = 16.0
_MOST_CLICKS = 8
# no full scale is as large: such a number is damage, like NaN
_ABSURD = 2.0**40
# a file of which more is damaged than this part is not used
_MOST_DAMAGE = 0.001
# a level from here on is taken for a sound written with another full scale
_LEAST_SCALED = 4.0
_FULL_SCALES = (2.0**7, 2.0**15, 2.0**23, 2.0**31)
# no sound is softer, not even in 24 bits
SILENT = 2.0**-24
# magnitudes are counted in bins of 5 bits of the mantissa: 3 % wide
_BIN_BITS = 18
_NUM_BINS = 1 << (31 - _BIN_BITS)


@dataclass(frozen=True)
class Treatment:
    """How the samples of a file become mono sound.

    Attributes:
      channel: which is taken, or None for the mean of all.
      limit: magnitude to which samples are cut down, or None.
      offset: subtracted after that.
      scale: factor after that.
    """

    channel: int | None = None
    limit: float | None = None
    offset: float = 0.0
    scale: float = 1.0

    def mono(self, block: np.ndarray) -> np.ndarray:
        """Return the sound, float32 (num_samples,), of a block (num_samples, num_channels)."""
        if self.limit is not None:
            limit = np.float32(self.limit)
            finite = np.nan_to_num(block, nan=0.0, posinf=limit, neginf=-limit)
            block = np.clip(finite, -limit, limit)
        mono: np.ndarray
        mono = channel_mean(block) if self.channel is None else block[:, self.channel]
        if self.offset:
            mono = mono - np.float32(self.offset)
        return mono * np.float32(self.scale) if self.scale != 1.0 else mono


class Levels:
    """Statistics of a file's samples, given block by block.

    Args:
      num_channels: of the file.
      sample_rate: of the file, in Hz.
    """

    def __init__(self, num_channels: int, sample_rate: int) -> None:
        self.frame = max(1, round(OFFSET_FRAME_S * sample_rate))  # samples
        self.num_samples, self._num_damaged = 0, 0
        self._sums = np.zeros((2, num_channels + 1))  # of x and of x ** 2; the last is the mix
        self._counts = np.zeros(_NUM_BINS, np.int64)  # samples by their magnitude
        self._frames: list[np.ndarray] = []  # means, float32 (num_frames, num_channels)

    def add(self, block: np.ndarray) -> None:
        """Count a block, float32 (num_samples, num_channels): whole frames, or the last."""
        self.num_samples += len(block)
        magnitudes = np.abs(block)
        is_sound = magnitudes < _ABSURD  # false for NaN, too
        if not is_sound.all():
            self._num_damaged += int(np.count_nonzero(~is_sound))
            block, magnitudes = np.where(is_sound, block, 0), np.where(is_sound, magnitudes, 0)
        bins = magnitudes.view(np.uint32).ravel() >> _BIN_BITS
        self._counts += np.bincount(bins, minlength=_NUM_BINS)
        channels = np.ascontiguousarray(block.T)  # sums along rows are fast
        if len(channels) > 1:
            for k, channel in enumerate((*channels, channel_mean(block))):
                exact = channel.astype(np.float64)
                self._sums[:, k] += exact.sum(), np.square(exact).sum()
        whole = channels.shape[1] // self.frame * self.frame
        frames = channels[:, :whole].reshape(len(channels), -1, self.frame)
        self._frames.append(frames.mean(axis=2).T)

    def treatment(self, name: object, mono: bool, channel: int = 0) -> tuple[Treatment, list[str]]:
        """Return the Treatment of the file, and a text for each thing that is odd about it.

        Args:
          name: of the file, for the texts.
          mono: whether the channels are mixed; else only `channel` counts.

        Raises:
          AudioError: too much of the file is damaged.
        """
        name, notes = printable(name), list[str]()
        limit, num_damaged = self._damage()
        if num_damaged:
            if num_damaged > _MOST_DAMAGE * self.num_samples * (self._sums.shape[1] - 1):
                raise AudioError(f"the sound file {name} holds NaN or infinity (export it again)")
            damaged = f"{num_damaged} damaged sample{'s' * (num_damaged > 1)}"
            notes.append(f"{name}: {damaged}, cut down to the loudest of the others")
        chosen = self._chosen_channel() if mono else channel
        if mono and chosen is not None:
            notes.append(f"{name}: its channels cancel each other, channel {chosen + 1} is used")
        peak = min(self._peak(), np.inf if limit is None else limit)
        offset = self._offset(chosen, peak)
        if offset:
            notes.append(f"{name}: a constant offset of {offset:+.3g} is removed")
        scale = 1.0
        if min(self._level(), peak) >= _LEAST_SCALED:
            full = next((size for size in _FULL_SCALES if peak <= size), peak)
            scale = 1 / full
            notes.append(f"{name}: its full scale is not 1, so it is divided by {full:.0f}")
        return Treatment(chosen, limit, offset, scale), notes

    def _edges(self) -> np.ndarray:
        """Return the upper edges of the bins, float32."""
        bits = (np.arange(1, _NUM_BINS + 1, dtype=np.uint32) << _BIN_BITS) - np.uint32(1)
        return bits.view(np.float32)

    def _peak(self) -> float:
        """Return the largest finite magnitude, the upper edge of its bin; 0 for none."""
        filled = np.flatnonzero(self._counts)
        return float(self._edges()[filled[-1]]) if len(filled) and filled[-1] else 0.0

    def _level(self) -> float:
        """Return the level that all but one of 1000 samples other than 0 stay below."""
        counts = self._counts.copy()
        counts[0] = 0
        total = counts.sum()
        if not total:
            return 0.0
        place = np.searchsorted(np.cumsum(counts), total * _LEVEL_PERCENT / 100)
        return float(self._edges()[place])

    def _damage(self) -> tuple[float | None, int]:
        """Return the limit to which damaged samples are cut down, or None, and their number."""
        counts, edges = self._counts, self._edges()
        num_clicks = int(counts[edges > _DAMAGE_RATIO * self._level()].sum())
        threshold = _DAMAGE_RATIO * self._level()
        if num_clicks > _MOST_CLICKS:
            threshold = max(1.0, threshold)
        is_damage = edges > threshold
        num_damaged = self._num_damaged + int(counts[is_damage].sum())
        if not num_damaged:
            return None, 0
        sound = np.flatnonzero(np.where(is_damage, 0, counts))
        return (float(edges[sound[-1]]) if len(sound) else 0.0), num_damaged

    def _chosen_channel(self) -> int | None:
        """Return the loudest channel where all cancel each other, else None."""
        means, squares = self._sums / max(1, self.num_samples)
        powers = np.maximum(squares - np.square(means), 0.0)
        if len(powers) > 2 and channels_cancel(powers[:-1], float(powers[-1])):
            return int(powers[:-1].argmax())
        return None

    def _offset(self, channel: int | None, peak: float) -> float:
        """Return the constant offset of the mix or a channel, 0 where there is none.

        It is in all frames: their middle half lies closer together than to 0.
        """
        frames = np.concatenate(self._frames)
        if len(frames) < _LEAST_FRAMES:
            return 0.0
        means = frames.mean(axis=1) if channel is None else frames[:, channel]
        low, middle, high = np.percentile(means.astype(np.float64), (25, 50, 75))
        if high - low >= abs(middle) / 2:
            return 0.0
        least = _LEAST_OFFSET if len(means) >= _FEW_FRAMES else _LEAST_OFFSET_OF_FEW
        return float(middle) if abs(middle) > least * peak else 0.0
