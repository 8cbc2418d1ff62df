"""Recordings: sound files in any format, as mono sound at one rate and one level.

Every file is mixed to mono, or its channels follow one another, and resampled; then one gain,
the same for all, brings the loudest sample of the set to -1 dBFS, so that loud recordings stay
loud and soft ones soft. What is odd about a file is treated in that file alone, see
`sopilib.audio.treatment`, and told. Files that cannot be used are left out and named with the
reason. Sound is read twice, block by block: once here for its levels, and when it is used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sopilib.audio.file_sound import OpenFile, Sound
from sopilib.audio.reading_progress import ReadingProgress
from sopilib.audio.search import find_sound_files
from sopilib.audio.survey import Survey, survey
from sopilib.errors import AudioError, printable

PEAK_DBFS = -1.0
# a sound that never rises above this, after the gain, is silence
SILENCE_DBFS = -60.0
SILENCE = 10 ** (SILENCE_DBFS / 20)
# from this gain on the set may be the noise of an input where nothing was plugged in
_MUCH_GAIN_DB = 30.0
# files that are left out, or odd, and named one by one
_MOST_NAMED = 20


@dataclass(frozen=True)
class Recording:
    """A sound file's audio, mono at the set's rate.

    Attributes:
      path: of the file.
      audio: float32 (num_samples,), an array or one that is read from the file when needed.
    """

    path: Path
    audio: Sound


@dataclass(frozen=True)
class RecordingSet:
    """Recordings of one rate and level.

    Attributes:
      recordings: in the order of their names.
      sample_rate: in Hz.
      gain: factor that was applied to all.
      left_out: (path, reason) of each file that cannot be used.
      odd: a line for each file that is used although something is odd about it.
      others: a line for each reason why other files in the folders are not used.
    """

    recordings: list[Recording]
    sample_rate: int
    gain: float
    left_out: list[tuple[Path, str]]
    odd: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def dur_s(self) -> float:
        """Seconds of sound in all."""
        return sum(len(r.audio) for r in self.recordings) / self.sample_rate

    @property
    def gain_db(self) -> float:
        """The gain in dB."""
        return 20 * math.log10(self.gain)

    def left_out_lines(self) -> list[str]:
        """Return the lines that tell which files are not used, and why."""
        reasons = [f"left out: {printable(reason)}" for _, reason in self.left_out]
        return _shortened(reasons, "left out: {} more files") + self.others

    def odd_lines(self) -> list[str]:
        """Return the lines about files that are used although something is odd about them."""
        return _shortened(self.odd, "{} more files are odd")


def read_recordings(
    paths: Sequence[str | Path], sample_rate: int, mono: bool = True
) -> RecordingSet:
    """Return the RecordingSet of sound files and folders.

    Args:
      paths: files and folders.
      sample_rate: in Hz.
      mono: mix the channels of a file; else they follow one another.

    Raises:
      AudioError: no file can be used; the text names a reason.
    """
    found = find_sound_files(paths)
    left_out = list(found.left_out)
    surveys: list[tuple[Path, Survey]] = []
    open_file = OpenFile()
    with ReadingProgress(len(found.files)) as progress:
        for path in found.files:
            progress.begin_file()
            try:
                surveys.append((path, survey(path, sample_rate, mono, open_file, progress.read)))
            except AudioError as error:
                left_out.append((path, str(error)))
    if not surveys:
        raise AudioError(_no_recording(left_out, found.lines()))
    loudest, peak = max(((path, one.peak) for path, one in surveys), key=lambda of: of[1])
    gain = 10 ** (PEAK_DBFS / 20) / peak
    recordings = [Recording(path, one.sound.with_gain(gain)) for path, one in surveys]
    odd = [note for _, one in surveys for note in one.notes]
    result = RecordingSet(recordings, sample_rate, gain, left_out, odd, found.lines())
    if result.gain_db > _MUCH_GAIN_DB:
        result.odd.insert(
            0,
            f"{printable(loudest)} is the loudest, at {-result.gain_db + PEAK_DBFS:.0f} dBFS: is "
            f"it noise alone? (all is amplified by {result.gain_db:.0f} dB)",
        )
    return result


def _shortened(lines: list[str], more: str) -> list[str]:
    """Return the first lines, and one that counts the others."""
    surplus = len(lines) - _MOST_NAMED
    return lines if surplus <= 1 else [*lines[:_MOST_NAMED], more.format(surplus)]


def _no_recording(left_out: Sequence[tuple[Path, str]], lines: Sequence[str]) -> str:
    """Return why there is no recording: the first reason, and how many files more there are."""
    more = len(left_out) - 1
    others = [f"{more} more file{'s' * (more > 1)} cannot be used"] if more else []
    return "; ".join([left_out[0][1], *others, *lines])


def is_silent(audio: np.ndarray) -> bool:
    """Return True where `audio` (num_samples,) never rises above `SILENCE_DBFS`."""
    return bool(np.abs(audio).max(initial=0.0) < SILENCE)
