"""Split recordings into sound to train on and held-out sound, without TensorFlow.

A stretch is uninterrupted sound of one recording. Long silences divide a recording into
several stretches, and so do soft passages where they are left out. Stretches are cut and
joined into equal chunks; the functions below find their length.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sopilib.audio.file_sound import FileSound, Sound
from sopilib.audio.recordings import SILENCE, Recording, RecordingSet, is_silent
from sopilib.errors import AudioError, printable
from sopilib.model.config import ModelConfig
from sopilib.training.soft_passages import ALL_IS_TRAINED_ON, SoftPassages

# silences of at least this many whole seconds are cut out, except for their first second
_LONG_SILENCE_S = 3
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
      num_cut: samples cut out of the recordings to train on: silence, and soft passages.
      cut_below: level in dBFS below which passages are cut out, or None.
    """

    train: list[Sound]
    validation: list[Sound]
    held_out: str
    num_cut: int
    cut_below: float | None = None


def split_recordings(
    recording_set: RecordingSet, val_frac: float, soft: SoftPassages = ALL_IS_TRAINED_ON
) -> Split:
    """Hold out whole recordings, the last by name, or else the end of the longest.

    Args:
      recording_set: the recordings, one or more.
      val_frac: part of all sound to hold out, 0 < val_frac < 1.
      soft: which passages are too soft to train on; held-out sound keeps them.
    """
    recordings, rate = recording_set.recordings, recording_set.sample_rate
    wanted = val_frac * sum(len(recording.audio) for recording in recordings)
    num_files, num_samples = _whole_files(recordings, wanted)
    kept: Sequence[Recording]
    if num_files:
        kept = recordings[:-num_files]
        validation = _stretches(recordings[-num_files:], rate)
        held_out = f"{num_files} of {len(recordings)} files, {num_samples / rate:.1f} s"
    else:
        kept, end, name = _without_end_of_longest(recordings, wanted)
        validation = [end]
        held_out = f"the last {len(end) / rate:.1f} s of {printable(name)}"
    train, cut_below = soft.leave_out(_stretches(kept, rate), rate)
    num_cut = _num_samples(recording.audio for recording in kept) - _num_samples(train)
    return Split(train, validation, held_out, num_cut, cut_below)


def _num_samples(sounds: Iterable[Sound]) -> int:
    return sum(map(len, sounds))


def _whole_files(recordings: Sequence[Recording], wanted: float) -> tuple[int, int]:
    """Return how many of the last files to hold out, and the samples in them."""
    num_files, total = 0, 0
    while num_files < len(recordings) - 1 and total < wanted:
        num_samples = len(recordings[-1 - num_files].audio)
        if total + num_samples > _MAX_EXCESS * wanted:
            break
        num_files, total = num_files + 1, total + num_samples
    return num_files, total


def _without_end_of_longest(
    recordings: Sequence[Recording], wanted: float
) -> tuple[Sequence[Recording], Sound, str]:
    """Return the recordings without `wanted` samples, at most half, at the end of the longest.

    Returns:
      The recordings, what they lack now, and the name of the longest one's file.
    """
    longest = max(recordings, key=lambda recording: len(recording.audio))
    num_kept = len(longest.audio) - min(math.ceil(wanted), len(longest.audio) // 2)
    shortened = [
        Recording(recording.path, recording.audio[:num_kept]) if recording is longest else recording
        for recording in recordings
    ]
    return shortened, longest.audio[num_kept:], longest.path.name


def _stretches(recordings: Sequence[Recording], sample_rate: int) -> list[Sound]:
    return [part for r in recordings for part in without_long_silences(r.audio, sample_rate)]


def without_long_silences(audio: Sound, sample_rate: int) -> list[Sound]:
    """Return the parts of `audio` (num_samples,) between silences of several seconds."""
    num_seconds = math.ceil(len(audio) / sample_rate)
    silent = _silent_seconds(audio, sample_rate)
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


def _silent_seconds(audio: Sound, sample_rate: int) -> list[bool]:
    """Return whether each second of `audio`, the last a part of one, is silent."""
    peaks = audio.second_peaks() if isinstance(audio, FileSound) else None
    if peaks is not None:  # known before the file is read again
        return [bool(peak < SILENCE) for peak in peaks]
    starts = range(0, len(audio), sample_rate)
    return [is_silent(np.asarray(audio[k : k + sample_rate])) for k in starts]


def fitting_chunk_length(
    stretches: Sequence[Sound], config: ModelConfig, batch_size: int, chunk_dur_s: float
) -> int:
    """Return the longest chunk, at most `chunk_dur_s`, that leaves few places in a batch empty.

    Returns:
      Samples, a multiple of seq_len.

    Raises:
      AudioError: there is too little sound for one batch.
    """
    seq_len = config.seq_len
    longest = max(seq_len, int(chunk_dur_s * config.sample_rate) // seq_len * seq_len)
    total = _num_samples(stretches)
    if not total:
        raise AudioError("no sound is left to train on (lower --cut_below, or add recordings)")
    num_batches = math.ceil(total / (batch_size * longest))
    for length in range(longest, 0, -seq_len):
        if total // length >= num_batches * batch_size:
            return length
    raise AudioError(
        f"{total / config.sample_rate:.1f} s of sound are too little for batches of {batch_size} "
        f"x {seq_len} samples (lower --batch_size, or add recordings)"
    )


def fitting_validation_length(
    stretches: Sequence[Sound], config: ModelConfig, chunk_length: int, batch_size: int
) -> int:
    """Return the longest chunk, at most `chunk_length`, that makes enough chunks to validate on.

    Raises:
      AudioError: all stretches together are shorter than a segment.
    """
    seq_len, total = config.seq_len, _num_samples(stretches)
    for length in range(chunk_length, 0, -seq_len):
        if total // length >= min(batch_size, _MAX_VALIDATION_CHUNKS):
            return length
    if total >= seq_len:
        return seq_len
    raise AudioError(
        f"the held-out sound is shorter than {seq_len} samples (raise --val_frac, or add "
        "recordings)"
    )


def first_chunks(stretches: Sequence[Sound], length: int, max_chunks: int) -> list[Sound]:
    """Return the first stretches that hold `max_chunks` chunks of `length` samples, if they do.

    Chunks that are joined from their rests come in addition.
    """
    kept: list[Sound] = []
    num_left = max_chunks
    for stretch in stretches:
        if num_left:
            kept.append(stretch[: num_left * length])
            num_left -= len(kept[-1]) // length
    return kept
