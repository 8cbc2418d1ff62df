"""Recordings: sound files in any format, converted to mono at one rate and one level.

Every file is mixed to mono, or its channels follow one another, and resampled; then one gain,
the same for all, brings the loudest sample of the set to -1 dBFS, so that loud recordings stay
loud and soft ones soft. Files that cannot be used are left out and named with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from sopilib.audio.files import read_audio
from sopilib.audio.resample import mix_to_mono, resample
from sopilib.errors import AudioError

PEAK_DBFS = -1.0
# a sound that never rises above this, after the gain, is silence
SILENCE_DBFS = -60.0
# suffixes of formats that libsndfile calls by another name
_MORE_SUFFIXES = {".aif", ".aifc", ".opus", ".oga", ".snd", ".mp2", ".wave"}


@dataclass(frozen=True)
class Recording:
    """A sound file's audio: float32 (num_samples,), mono at the set's rate."""

    path: Path
    audio: np.ndarray


@dataclass(frozen=True)
class RecordingSet:
    """Recordings of one rate and level.

    Attributes:
      recordings: in the order of their names.
      sample_rate: in Hz.
      gain: factor that was applied to all.
      left_out: (path, reason) of each file that cannot be used.
    """

    recordings: list[Recording]
    sample_rate: int
    gain: float
    left_out: list[tuple[Path, str]]

    @property
    def dur_s(self) -> float:
        """Seconds of sound in all."""
        return sum(len(r.audio) for r in self.recordings) / self.sample_rate


def find_sound_files(paths: Sequence[str | Path]) -> list[Path]:
    """Return the sound files among `paths`, folders searched to any depth, sorted by name.

    Args:
      paths: folders, and files with any name.

    Raises:
      AudioError: a path does not exist, or there is no sound file.
    """
    suffixes = {"." + name.lower() for name in soundfile.available_formats()} | _MORE_SUFFIXES
    suffixes -= {".raw"}  # has no header with rate and channels
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = path.rglob("*")
            files += sorted(p for p in inside if p.suffix.lower() in suffixes and p.is_file())
        elif path.is_file():
            files.append(path)
        else:
            raise AudioError(f"no file or folder {path} (check the name)")
    if not files:
        shown = ", ".join(str(path) for path in paths)
        raise AudioError(f"no sound files in {shown} (put WAV, FLAC, AIFF, ... files there)")
    return list(dict.fromkeys(files))


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
    recordings: list[Recording] = []
    left_out: list[tuple[Path, str]] = []
    for path in find_sound_files(paths):
        try:
            audio, rate = read_audio(path)
        except AudioError as error:
            left_out.append((path, str(error)))
            continue
        channels = [mix_to_mono(audio)] if mono else audio.T
        resampled = [resample(channel, rate, sample_rate) for channel in channels]
        recordings.append(Recording(path, np.concatenate(resampled)))
    peak = max((float(np.abs(r.audio).max(initial=0.0)) for r in recordings), default=0.0)
    if not recordings:
        raise AudioError(left_out[0][1])
    if peak == 0.0:
        raise AudioError(f"only silence in {len(recordings)} sound files (give other recordings)")
    gain = 10 ** (PEAK_DBFS / 20) / peak
    for recording in recordings:
        np.multiply(recording.audio, np.float32(gain), out=recording.audio)
    return RecordingSet(recordings, sample_rate, gain, left_out)


def is_silent(audio: np.ndarray) -> bool:
    """Return True where `audio` (num_samples,) never rises above `SILENCE_DBFS`."""
    return bool(np.abs(audio).max(initial=0.0) < 10 ** (SILENCE_DBFS / 20))
