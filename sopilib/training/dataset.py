"""What a training hears: recordings quantized in memory, cut into batches by tf.data.

A recording's sound is a stretch; long silences cut it into several, and so do soft
passages where they are left out. A stretch holds a whole number of equal chunks, which
begin somewhere else in it in each epoch as far as there is room. A batch of chunks is
trained segment by segment, each with the big frame before it, silence before the first.
Order and places depend on the random seed and the epoch alone, so that a training can
go on from any step of any epoch.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np

from sopilib.audio.recordings import is_silent
from sopilib.errors import AudioError
from sopilib.model.quantize import quantize
from sopilib.model.quiet_tensorflow import tf

# silences of at least so many whole seconds are cut out, but for their first second
_LONG_SILENCE_S = 3
# soft passages are looked for in steps of so many seconds
_SOFT_STEP_S = 0.25
# whole files are held out where they come to at most this many times the wanted part
_MAX_EXCESS = 2.0
_PIECE = 1 << 20  # samples that are quantized at a time
_TRAIN_STREAM, _STEP_STREAM = 1, 2


@dataclass(frozen=True)
class Split:
    """Stretches of sound to train on and to validate with, as lists of float32 (n,).

    Attributes:
      held_out: one line, what is held out.
    """

    train: list
    validation: list
    held_out: str


def split_recordings(recording_set, val_frac, cut_below=None):
    """Hold out whole recordings, the last by name, or else the end of the longest.

    Args:
      recording_set: RecordingSet.
      val_frac: part of all the sound to hold out, 0 < val_frac < 1.
      cut_below: level in dBFS of passages that are too soft to train on, or None; what
        is held out keeps them.
    """
    recordings = recording_set.recordings
    wanted = val_frac * sum(len(r.audio) for r in recordings)
    held, total = 0, 0
    while held < len(recordings) - 1 and total < wanted:
        num_samples = len(recordings[-1 - held].audio)
        if total + num_samples > _MAX_EXCESS * wanted:
            break
        held, total = held + 1, total + num_samples
    if held:
        train, validation = recordings[:-held], recordings[-held:]
        names = f"{held} of {len(recordings)} files, {total / recording_set.sample_rate:.1f} s"
        return Split(
            _stretches(train, recording_set, cut_below),
            _stretches(validation, recording_set),
            names,
        )
    longest = max(recordings, key=lambda r: len(r.audio))
    cut = min(math.ceil(wanted), len(longest.audio) // 2)
    validation = [longest.audio[len(longest.audio) - cut :]]
    shortened = [
        type(r)(r.path, r.audio[: len(r.audio) - cut]) if r is longest else r for r in recordings
    ]
    line = f"the last {cut / recording_set.sample_rate:.1f} s of {longest.path.name}"
    return Split(_stretches(shortened, recording_set, cut_below), validation, line)


def _stretches(recordings, recording_set, cut_below=None):
    rate = recording_set.sample_rate
    parts = [part for r in recordings for part in without_long_silences(r.audio, rate)]
    if cut_below is None:
        return parts
    return [loud for part in parts for loud in without_soft_passages(part, rate, cut_below)]


def without_soft_passages(audio, sample_rate, cut_below):
    """The parts of `audio` (n,) between quarters of a second softer than `cut_below`, a list.

    Args:
      audio: float32 (n,).
      sample_rate: in Hz.
      cut_below: RMS level in dBFS.
    """
    step = int(_SOFT_STEP_S * sample_rate)
    threshold = 10 ** (cut_below / 20)
    blocks = [audio[begin : begin + step] for begin in range(0, len(audio), step)]
    is_loud = np.array([np.sqrt(np.mean(np.square(block))) >= threshold for block in blocks])
    edges = np.flatnonzero(np.diff(is_loud.astype(np.int8), prepend=0, append=0))
    return [audio[begin * step : end * step] for begin, end in edges.reshape(-1, 2)]


def without_long_silences(audio, sample_rate):
    """The parts of `audio` (n,) between silences of several seconds, as a list."""
    num_seconds = math.ceil(len(audio) / sample_rate)
    silent = [is_silent(audio[k * sample_rate : (k + 1) * sample_rate]) for k in range(num_seconds)]
    parts, begin, k = [], 0, 0
    while k < num_seconds:
        end = k
        while end < num_seconds and silent[end]:
            end += 1
        if end - k >= _LONG_SILENCE_S:
            # one second of silence ends the sound before, if there is any
            parts.append(audio[begin * sample_rate : (k + 1 if k > begin else k) * sample_rate])
            begin = end
        k = max(end, k + 1)
    parts.append(audio[begin * sample_rate :])
    return [part for part in parts if len(part)]


class Corpus:
    """Quantized stretches, and the chunks in them.

    Args:
      stretches: list of float32 (n,), each of one recording.
      config: ModelConfig; its seq_len is a multiple of the big frame size.
      chunk_length: in samples, a multiple of seq_len.
      fade_in: samples over which a chunk comes up from silence, 0 for a sudden beginning.

    Attributes:
      num_chunks: that an epoch can have.
      segments_per_chunk: steps that a batch of chunks takes.
      checksum: CRC-32 of all levels, by which another corpus is told.
    """

    def __init__(self, stretches, config, chunk_length, fade_in=0):
        self._config, self.chunk_length, self._fade_in = config, chunk_length, fade_in
        self.segments_per_chunk = chunk_length // config.seq_len
        usable = [s for s in stretches if len(s) >= chunk_length]
        self._counts = np.array([len(s) // chunk_length for s in usable], np.int64)
        self._slack = np.array([len(s) % chunk_length for s in usable], np.int64)
        # a big frame of silence stands first, for segments that begin at the start
        self._silence = config.q_levels // 2
        dtype = np.uint8 if config.q_levels <= 256 else np.uint16
        parts = [np.full(config.big_frame_size, self._silence, dtype)]
        parts += [_quantized(s, config, dtype) for s in usable]
        offsets = np.cumsum([len(part) for part in parts])
        self._offsets = offsets[:-1]
        levels = np.concatenate(parts)
        self.num_chunks = int(self._counts.sum())
        self.checksum = zlib.crc32(levels)
        self._levels = tf.constant(levels)

    def _faded_in(self, samples, place):
        """Samples int32 (num_seqs, n) as loud as their places (n,) in the chunk ask for.

        Levels are drawn towards silence, which for those of mu-law is even to the ear.
        """
        gain = tf.clip_by_value(tf.cast(place, tf.float32) / self._fade_in, 0.0, 1.0)
        faded = tf.cast(samples - self._silence, tf.float32) * gain
        return tf.cast(tf.round(faded), tf.int32) + self._silence

    def steps_per_epoch(self, batch_size):
        """Steps that an epoch takes; chunks that fill no batch wait for another epoch."""
        return self.num_chunks // batch_size * self.segments_per_chunk

    def epoch_starts(self, rng_seed, epoch):
        """Where the chunks of an epoch begin, in their order: int64 (num_chunks,)."""
        rng = np.random.default_rng([rng_seed, epoch, _TRAIN_STREAM])
        shifts = rng.integers(0, self._slack + 1)
        return rng.permutation(self._starts(shifts))

    def _starts(self, shifts):
        counts = zip(self._offsets, shifts, self._counts)
        starts = [o + s + self.chunk_length * np.arange(n) for o, s, n in counts]
        return np.concatenate(starts) if starts else np.zeros(0, np.int64)

    def training_batches(self, batch_size, rng_seed, epoch, first_step=0, rows=slice(None)):
        """A tf.data.Dataset of an epoch's steps from `first_step` on.

        Each is samples int32 (batch_size, big_frame_size + seq_len), and whether they
        begin their chunks, bool (). `rows` is the slice of each batch that is wanted.
        """
        starts = self.epoch_starts(rng_seed, epoch)
        num_batches = len(starts) // batch_size
        starts = starts[: num_batches * batch_size].reshape(num_batches, batch_size)
        return self._batches(starts[:, rows], first_step)

    def validation_batches(self, batch_size):
        """A list of (Dataset, num_chunks): batches of all chunks, the last filled up.

        Only the first `num_chunks` of a batch count; what fills it up are repetitions.
        """
        starts = self._starts(np.zeros(len(self._counts), np.int64))
        batches = []
        for begin in range(0, len(starts), batch_size):
            batch = starts[begin : begin + batch_size]
            filled = np.resize(batch, batch_size)
            batches.append((self._batches(filled[np.newaxis], 0), len(batch)))
        return batches

    def _batches(self, starts, first_step):
        """Steps over batches of chunks that begin at `starts` (num_batches, batch_size)."""
        config, segments = self._config, self.segments_per_chunk
        big_frame_size, width = config.big_frame_size, config.big_frame_size + config.seq_len
        levels, starts = self._levels, tf.constant(starts)
        num_steps = starts.shape[0] * segments

        def batch(step):
            segment = step % segments
            begin = starts[step // segments] + segment * config.seq_len - big_frame_size
            places = begin[:, tf.newaxis] + tf.range(width, dtype=tf.int64)
            samples = tf.cast(tf.gather(levels, places), tf.int32)
            is_first = tf.equal(segment, 0)
            is_before = tf.range(width) < big_frame_size
            samples = tf.where(is_first & is_before, self._silence, samples)
            if self._fade_in:
                place = segment * config.seq_len + tf.range(width, dtype=tf.int64) - big_frame_size
                samples = self._faded_in(samples, place)
            return samples, is_first

        dataset = tf.data.Dataset.range(first_step, num_steps)
        return dataset.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)


def fitting_chunk_length(stretches, config, batch_size, chunk_dur_s):
    """The longest chunk, at most `chunk_dur_s`, that leaves few of a batch's places empty.

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
        if sum(len(s) // length for s in stretches) >= num_batches * batch_size:
            return length
    raise AudioError(
        f"{total / config.sample_rate:.1f} s of sound are too little for batches of {batch_size} "
        f"x {seq_len} samples (lower --batch_size, or add recordings)"
    )


def fitting_validation_length(stretches, config, chunk_length, batch_size):
    """The chunk length, at most the training's, that spreads validation over a batch.

    Raises:
      AudioError: no stretch is as long as a segment.
    """
    seq_len = config.seq_len
    for length in range(chunk_length, 0, -seq_len):
        if sum(len(s) // length for s in stretches) >= min(batch_size, 8):
            return length
    if any(len(s) >= seq_len for s in stretches):
        return seq_len
    raise AudioError(
        f"what is held out for validation is shorter than {seq_len} samples (raise --val_frac, "
        "or add recordings)"
    )


def step_seed(rng_seed, step):
    """The random seed of a step's dropout and noise: int32 (2,)."""
    return np.random.SeedSequence([rng_seed, step, _STEP_STREAM]).generate_state(2).view(np.int32)


def _quantized(audio, config, dtype):
    pieces = (audio[begin : begin + _PIECE] for begin in range(0, len(audio), _PIECE))
    return np.concatenate(
        [quantize(piece, config.q_type, config.q_levels).astype(dtype) for piece in pieces]
    )
