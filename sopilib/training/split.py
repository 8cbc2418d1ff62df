"""Split recordings into sound to train on and held-out sound, without TensorFlow.

A stretch is uninterrupted sound of one recording. Long silences divide a recording into
several stretches, and so do soft passages where `cut_below` is given. Each stretch holds a
whole number of equal chunks; the functions below find their length.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sopilib.audio.recordings import Recording, RecordingSet, is_silent
from sopilib.errors import AudioError
from sopilib.model.config import ModelConfig

# silences of at least this many whole seconds are cut out, except for their first second
_LONG_SILENCE_S = 3
# length of the steps in which soft passages are found
_SOFT_STEP_S = 0.25
# whole files are held out only if they are at most this many times the wanted part
_MAX_EXCESS = 2.0
# chunks to validate on, as far as the held-out sound allows
_MAX_VALIDATION_CHUNKS = 8


@dataclass(frozen=True)
class Split:
    """Stretches of sound, each float32 (num_samples,).

    Attributes:
      train: the stretches to train on.
      validation: the held-out stretches.
      held_out: one line that says what is held out.
    """

    train: list[np.ndarray]
    validation: list[np.ndarray]
    held_out: str


def split_recordings(
    recording_set: RecordingSet, val_frac: float, cut_below: float | None = None
) -> Split:
    """Hold out whole recordings, the last by name, or else the end of the longest.

    Args:
      recording_set: the recordings, one or more.
      val_frac: part of all sound to hold out, 0 < val_frac < 1.
      cut_below: level in dBFS of passages that are too soft to train on, or None. Held-out
        sound keeps them.
    """
    recordings = recording_set.recordings
    wanted = val_frac * sum(len(recording.audio) for recording in recordings)
    num_files, num_samples = _whole_files(recordings, wanted)
    if not num_files:
        return _split_longest(recording_set, wanted, cut_below)
    dur_s = num_samples / recording_set.sample_rate
    return Split(
        _stretches(recordings[:-num_files], recording_set, cut_below),
        _stretches(recordings[-num_files:], recording_set),
        f"{num_files} of {len(recordings)} files, {dur_s:.1f} s",
    )


def _whole_files(recordings: Sequence[Recording], wanted: float) -> tuple[int, int]:
    """Return how many of the last files to hold out, and the samples in them."""
    num_files, total = 0, 0
    while num_files < len(recordings) - 1 and total < wanted:
        num_samples = len(recordings[-1 - num_files].audio)
        if total + num_samples > _MAX_EXCESS * wanted:
            break
        num_files, total = num_files + 1, total + num_samples
    return num_files, total


def _split_longest(recording_set: RecordingSet, wanted: float, cut_below: float | None) -> Split:
    """Hold out `wanted` samples, at most half, at the end of the longest recording."""
    longest = max(recording_set.recordings, key=lambda recording: len(recording.audio))
    num_held_out = min(math.ceil(wanted), len(longest.audio) // 2)
    num_kept = len(longest.audio) - num_held_out
    shortened = [
        Recording(recording.path, recording.audio[:num_kept]) if recording is longest else recording
        for recording in recording_set.recordings
    ]
    return Split(
        _stretches(shortened, recording_set, cut_below),
        [longest.audio[num_kept:]],
        f"the last {num_held_out / recording_set.sample_rate:.1f} s of {longest.path.name}",
    )


def _stretches(
    recordings: Sequence[Recording], recording_set: RecordingSet, cut_below: float | None = None
) -> list[np.ndarray]:
    rate = recording_set.sample_rate
    parts = [part for r in recordings for part in without_long_silences(r.audio, rate)]
    if cut_below is None:
        return parts
    return [loud for part in parts for loud in without_soft_passages(part, rate, cut_below)]


def without_soft_passages(
    audio: np.ndarray, sample_rate: int, cut_below: float
) -> list[np.ndarray]:
    """Return the parts between quarters of a second that are softer than `cut_below`.

    Args:
      audio: float32 (num_samples,).
      sample_rate: in Hz.
      cut_below: RMS level in dBFS.
    """
    step = int(_SOFT_STEP_S * sample_rate)
    threshold = 10 ** (cut_below / 20)
    blocks = [audio[begin : begin + step] for begin in range(0, len(audio), step)]
    is_loud = np.array([np.sqrt(np.mean(np.square(block))) >= threshold for block in blocks])
    edges = np.flatnonzero(np.diff(is_loud.astype(np.int8), prepend=0, append=0))
    return [audio[begin * step : end * step] for begin, end in edges.reshape(-1, 2)]


def without_long_silences(audio: np.ndarray, sample_rate: int) -> list[np.ndarray]:
    """Return the parts of `audio` (num_samples,) between silences of several seconds."""
    num_seconds = math.ceil(len(audio) / sample_rate)
    silent = [is_silent(audio[k * sample_rate : (k + 1) * sample_rate]) for k in range(num_seconds)]
    parts, begin, k = [], 0, 0
    while k < num_seconds:
        end = k
        while end < num_seconds and silent[end]:
            end += 1
        if end - k >= _LONG_SILENCE_S:
            # one second of silence ends the sound before it, if there is any
            parts.append(audio[begin * sample_rate : (k + 1 if k > begin else k) * sample_rate])
            begin = end
        k = max(end, k + 1)
    parts.append(audio[begin * sample_rate :])
    return [part for part in parts if len(part)]


def fitting_chunk_length(
    stretches: Sequence[np.ndarray], config: ModelConfig, batch_size: int, chunk_dur_s: float
) -> int:
    """Return the longest chunk, at most `chunk_dur_s`, that leaves few places in a batch empty.

    Returns:
      Samples, a multiple of seq_len.

    Raises:
      AudioError: there is too little sound for one batch.
    """
    seq_len = config.seq_len
    longest = max(seq_len, int(chunk_dur_s * config.sample_rate) // seq_len * seq_len)
    total = sum(map(len, stretches))
    num_batches = math.ceil(total / (batch_size * longest))
    for length in range(longest, 0, -seq_len):
        if _num_chunks(stretches, length) >= num_batches * batch_size:
            return length
    raise AudioError(
        f"{total / config.sample_rate:.1f} s of sound are too little for batches of {batch_size} "
        f"x {seq_len} samples (lower --batch_size, or add recordings)"
    )


def fitting_validation_length(
    stretches: Sequence[np.ndarray], config: ModelConfig, chunk_length: int, batch_size: int
) -> int:
    """Return the longest chunk, at most `chunk_length`, that makes enough chunks to validate on.

    Raises:
      AudioError: no stretch is as long as a segment.
    """
    seq_len = config.seq_len
    for length in range(chunk_length, 0, -seq_len):
        if _num_chunks(stretches, length) >= min(batch_size, _MAX_VALIDATION_CHUNKS):
            return length
    if any(len(stretch) >= seq_len for stretch in stretches):
        return seq_len
    raise AudioError(
        f"the held-out sound is shorter than {seq_len} samples (raise --val_frac, or add "
        "recordings)"
    )


def first_chunks(stretches: Sequence[np.ndarray], length: int, max_chunks: int) -> list[np.ndarray]:
    """Return the first stretches, with at most `max_chunks` chunks of `length` samples."""
    kept: list[np.ndarray] = []
    num_left = max_chunks
    for stretch in stretches:
        if num_left:
            kept.append(stretch[: num_left * length])
            num_left -= len(kept[-1]) // length
    return kept


def _num_chunks(stretches: Sequence[np.ndarray], length: int) -> int:
    return sum(len(stretch) // length for stretch in stretches)
