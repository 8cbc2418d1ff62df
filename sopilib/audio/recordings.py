"""Recordings: whatever sound files someone has, as mono at one rate and one level.

Every file is mixed to mono, or its channels follow one another, and resampled; then one gain,
the same for all, brings the loudest sample of the set to -1 dBFS, so that loud and soft
recordings stay loud and soft. Files that cannot be used are left out and named with the reason.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from sopilib.audio.files import read_audio
from sopilib.audio.resample import mix_to_mono, resample
from sopilib.errors import AudioError

PEAK_DBFS = -1.0
# what never rises above this, after the gain, is silence
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
      recordings: list of Recording, in the order of their names.
      sample_rate: in Hz.
      gain: factor that was applied to all.
      left_out: list of (path, reason) of the files that cannot be used.
    """

    recordings: list
    sample_rate: int
    gain: float
    left_out: list

    @property
    def dur_s(self):
        """Seconds of sound in all."""
        return sum(len(r.audio) for r in self.recordings) / self.sample_rate


def find_sound_files(paths):
    """The sound files among `paths`, folders searched to any depth, sorted by name.

    Args:
      paths: files, which are taken as they are, and folders.

    Raises:
      AudioError: a path does not exist, or there is no sound file.
    """
    suffixes = {"." + name.lower() for name in soundfile.available_formats()} | _MORE_SUFFIXES
    suffixes -= {".raw"}  # has no header that tells rate and channels
    files = []
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


def read_recordings(paths, sample_rate, mono=True):
    """Return the RecordingSet of sound files and folders.

    Args:
      paths: files and folders.
      sample_rate: in Hz.
      mono: mix the channels of a file; else they follow one another.

    Raises:
      AudioError: nothing that can be used is there; the line names a reason.
    """
    recordings, left_out = [], []
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


def is_silent(audio):
    """True where `audio` (num_samples,) never rises above `SILENCE_DBFS`."""
    return np.abs(audio).max(initial=0.0) < 10 ** (SILENCE_DBFS / 20)
