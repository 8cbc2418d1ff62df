"""Survey a sound file: read it once to learn its length, its levels and how to treat it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib.audio.file_sound import FileSound, FileSource, OpenFile, mono_blocks
from sopilib.audio.resample import BlockResampler
from sopilib.audio.sound_reader import SoundReader
from sopilib.audio.treatment import SILENT, Levels, Treatment
from sopilib.errors import AudioError


@dataclass(frozen=True)
class Survey:
    """What is known of a file that can be used.

    Attributes:
      sound: of the file, without gain.
      peak: largest magnitude of the sound.
      notes: a text for each thing that is odd about the file.
    """

    sound: FileSound
    peak: float
    notes: list[str]


class _SecondPeaks:
    """The largest magnitude in each second of a sound that comes block by block."""

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._rest = sample_rate, np.zeros(0, np.float32)
        self._peaks: list[np.ndarray] = []
        self.num_samples = 0

    def add(self, block: np.ndarray) -> None:
        """Count a block, float32 (num_samples,)."""
        self.num_samples += len(block)
        magnitudes = np.concatenate([self._rest, np.abs(block)])
        whole = len(magnitudes) // self._rate * self._rate
        self._peaks.append(magnitudes[:whole].reshape(-1, self._rate).max(axis=1))
        self._rest = magnitudes[whole:]

    def all(self) -> np.ndarray:
        """Return the peaks, float32 (num_seconds,), the last of a part of a second."""
        last = self._rest.max(keepdims=True) if len(self._rest) else self._rest
        return np.concatenate([*self._peaks, last])


def survey(
    path: Path,
    sample_rate: int,
    mono: bool,
    open_file: OpenFile,
    on_read: Callable[[float], None] = lambda seconds: None,
) -> Survey:
    """Return the Survey of a sound file.

    Args:
      path: of the file.
      sample_rate: of the sound, in Hz.
      mono: mix the channels; else they follow one another.
      open_file: what reads the sounds of the set.
      on_read: called with the seconds of each block that has been read.

    Raises:
      AudioError: the file cannot be read, is empty or silent, or too much of it is damaged.
    """
    peaks = _SecondPeaks(sample_rate)
    first = Treatment(None if mono else 0)
    with SoundReader(path) as reader:
        levels = Levels(reader.num_channels, reader.sample_rate)
        resampler = BlockResampler(reader.sample_rate, sample_rate)
        num_channels = reader.num_channels
        with np.errstate(over="ignore", invalid="ignore"):  # in damaged files
            for block in reader.blocks(levels.frame):
                levels.add(block)
                peaks.add(resampler.push(first.mono(block)))
                on_read(len(block) / reader.sample_rate)
            peaks.add(resampler.finish())
        notes = [reader.notice] if reader.notice else []
    if not levels.num_samples:
        raise AudioError(f"the sound file {path} is empty (give one with samples in it)")
    treatments = []
    for channel in range(1 if mono else num_channels):
        treatment, odd = levels.treatment(path, mono, channel)
        treatments.append(treatment)
        notes += odd
    if treatments != [first]:  # the sound is another than the one measured above
        peaks = _SecondPeaks(sample_rate)
        for treatment in treatments:
            for block in mono_blocks(path, treatment, sample_rate):
                peaks.add(block)
    second_peaks = peaks.all()
    peak = float(second_peaks.max(initial=0.0))
    if peak < SILENT:
        raise AudioError(f"the sound file {path} holds only silence (give another recording)")
    source = FileSource(path, tuple(treatments), sample_rate)
    sound = FileSound(source, peaks.num_samples, second_peaks, open_file)
    return Survey(sound, peak, list(dict.fromkeys(notes)))
