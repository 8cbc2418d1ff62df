"""The corpus of a training: recordings quantized in memory, cut into batches by tf.data.

`sopilib.training.split` makes the stretches of sound. A long one holds a whole number of equal
chunks, which begin elsewhere in it in each epoch as far as there is room. What is left at its
ends, and stretches shorter than a chunk, are joined and cut into chunks, too, in another order
in each epoch. So all sound is used but for less than a chunk, another part in each epoch.

A batch of chunks is trained segment by segment, each with the big frame before it; silence
stands before the first. Order and places depend on the random seed and the epoch alone, so
that a training can resume at any step of any epoch.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sopilib.audio.file_sound import FileSound
from sopilib.model.config import ModelConfig
from sopilib.model.quiet_tensorflow import tf
from sopilib.model.sample_codec import SampleCodec
from sopilib.training.joined import FADE_S, joined

_PIECE = 1 << 20  # samples that are quantized at a time
# numbers that keep the random streams of places, of steps and of joined stretches apart
_TRAIN_STREAM, _STEP_STREAM, _JOIN_STREAM = 1, 2, 3


class Corpus:
    """Quantized stretches and the chunks in them.

    Args:
      stretches: float32 (num_samples,), each of one recording, arrays or read when needed.
      config: its seq_len is a multiple of the big frame size.
      chunk_length: in samples, a multiple of seq_len.
      fade_in: samples over which a chunk fades in from silence, 0 for a sudden beginning.
      max_chunks: to validate on, None for all.

    Attributes:
      chunk_length: see above.
      num_samples: of all stretches.
      num_short: stretches shorter than a chunk that are joined.
      num_chunks: chunks in an epoch.
      segments_per_chunk: steps that a batch of chunks takes.
      checksum: CRC-32 of all levels, which tells corpora apart.
    """

    def __init__(
        self,
        stretches: Sequence[np.ndarray | FileSound],
        config: ModelConfig,
        chunk_length: int,
        fade_in: int = 0,
        max_chunks: int | None = None,
    ) -> None:
        self._config, self.chunk_length, self._fade_in = config, chunk_length, fade_in
        self._max_chunks = max_chunks
        self.segments_per_chunk = chunk_length // config.seq_len
        self._silence = config.q_levels // 2
        lengths = np.array([len(s) for s in stretches], np.int64)
        self.num_samples = int(lengths.sum())
        is_long = lengths >= chunk_length
        self._counts = lengths[is_long] // chunk_length
        self._slack = lengths[is_long] % chunk_length
        num_rest = self.num_samples - chunk_length * int(self._counts.sum())
        self._num_joined = num_rest // chunk_length  # chunks of joined sound
        is_used = is_long | (self._num_joined > 0)
        # a big frame of silence stands first, for segments that begin at the start; then the
        # long stretches, then the short ones
        order = np.argsort(~is_long, kind="stable")
        ends = config.big_frame_size + np.cumsum((lengths * is_used)[order])
        begins = np.empty_like(ends)
        begins[order] = ends - (lengths * is_used)[order]
        self._offsets, self._short = begins[is_long], np.zeros((0, 2), np.int64)
        if self._num_joined:
            short = begins[~is_long]
            self._short = np.stack([short, short + lengths[~is_long]], axis=1)
        self.num_short = len(self._short)
        dtype = np.uint8 if config.q_levels <= 256 else np.uint16
        num_levels = int(ends[-1]) if len(ends) else config.big_frame_size
        levels = np.full(num_levels, self._silence, dtype)
        for stretch, begin, used in zip(stretches, begins, is_used):
            if used:
                _quantize(stretch, config, levels[begin : begin + len(stretch)])
        self.num_chunks = int(self._counts.sum()) + self._num_joined
        self.checksum = zlib.crc32(levels.data)
        if self._num_joined:  # the same levels may have been used in another way
            self.checksum = zlib.crc32(b"joined", self.checksum)
        self._levels = levels
        self._level_tensor = tf.constant(levels)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the steps of an epoch; chunks that fill no batch wait for another epoch."""
        return self.num_chunks // batch_size * self.segments_per_chunk

    def epoch_starts(self, rng_seed: int, epoch: int) -> np.ndarray:
        """Return where the chunks of an epoch begin, in their order: int64 (num_chunks,).

        The joined sound of the epoch follows after all levels.
        """
        return self._epoch(rng_seed, epoch)[0]

    def _epoch(self, rng_seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where the chunks of an epoch begin, in their order, and its joined sound."""
        rng = np.random.default_rng([rng_seed, epoch, _TRAIN_STREAM])
        shifts = rng.integers(0, self._slack + 1)
        starts = rng.permutation(self._starts(shifts))
        places = self._rests(shifts)
        order = np.random.default_rng([rng_seed, epoch, _JOIN_STREAM]).permutation(len(places))
        return starts, self._joined(places[order])

    def _starts(self, shifts: np.ndarray) -> np.ndarray:
        counts = zip(self._offsets, shifts, self._counts)
        starts = [o + s + self.chunk_length * np.arange(n) for o, s, n in counts]
        starts.append(len(self._levels) + self.chunk_length * np.arange(self._num_joined))
        return np.concatenate(starts)

    def _rests(self, shifts: np.ndarray) -> np.ndarray:
        """Return (begin, end) of all sound outside the chunks of long stretches, int64 (n, 2)."""
        firsts = self._offsets + shifts
        lasts = firsts + self.chunk_length * self._counts
        before = np.stack([self._offsets, firsts], axis=1)
        after = np.stack([lasts, lasts + self._slack - shifts], axis=1)
        return np.concatenate([before, after, self._short])

    def _joined(self, places: np.ndarray) -> np.ndarray:
        """Return the joined sound at `places`, whole chunks of it."""
        fade = round(FADE_S * self._config.sample_rate)
        num_samples = self._num_joined * self.chunk_length
        pieces = places.tolist() if num_samples else []
        return joined(self._levels, pieces, num_samples, self._silence, fade)

    def training_batches(
        self,
        batch_size: int,
        rng_seed: int,
        epoch: int,
        first_step: int = 0,
        rows: slice = slice(None),
    ) -> tf.data.Dataset:
        """Return the steps of an epoch from `first_step` on, a tf.data.Dataset.

        Each step is int32 samples (num_rows, big_frame_size + seq_len), and a bool () that
        is True where they begin their chunks.

        Args:
          batch_size: chunks in a batch.
          rng_seed, epoch: what order and places depend on.
          first_step: of the epoch, from 0.
          rows: the rows of each batch to return.
        """
        starts, sound = self._epoch(rng_seed, epoch)
        num_batches = len(starts) // batch_size
        starts = starts[: num_batches * batch_size].reshape(num_batches, batch_size)
        return self._batches(starts[:, rows], first_step, sound)

    def validation_batches(self, batch_size: int) -> list[tuple[tf.data.Dataset, int]]:
        """Return batches of all chunks, each with the number of chunks that count.

        These are the first of a batch; repetitions fill up the last batch.
        """
        shifts = np.zeros(len(self._counts), np.int64)
        starts, sound = self._starts(shifts)[: self._max_chunks], self._joined(self._rests(shifts))
        batches = []
        for begin in range(0, len(starts), batch_size):
            batch = starts[begin : begin + batch_size]
            filled = np.resize(batch, batch_size)
            batches.append((self._batches(filled[np.newaxis], 0, sound), len(batch)))
        return batches

    def _batches(self, starts: np.ndarray, first_step: int, sound: np.ndarray) -> tf.data.Dataset:
        """Return steps over batches of chunks that begin at `starts` (num_batches, num_rows).

        Args:
          starts: in the levels, and in the joined `sound` that follows them.
          first_step: of the epoch, from 0.
          sound: joined levels, (0,) for none.
        """
        config, segments = self._config, self.segments_per_chunk
        big_frame_size, width = config.big_frame_size, config.big_frame_size + config.seq_len
        levels, num_levels = self._level_tensor, len(self._levels)
        chunk_starts, joined_levels = tf.constant(starts), tf.constant(sound)
        num_steps = len(starts) * segments

        def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            segment = step % segments
            begin = chunk_starts[step // segments] + segment * config.seq_len - big_frame_size
            places = begin[:, tf.newaxis] + tf.range(width, dtype=tf.int64)
            samples = tf.gather(levels, tf.minimum(places, num_levels - 1))
            if len(sound):
                of_joined = tf.gather(joined_levels, tf.maximum(places - num_levels, 0))
                samples = tf.where(places < num_levels, samples, of_joined)
            samples = tf.cast(samples, tf.int32)
            is_first = tf.equal(segment, 0)
            is_before = tf.range(width) < big_frame_size
            samples = tf.where(is_first & is_before, self._silence, samples)
            if self._fade_in:
                place = segment * config.seq_len + tf.range(width, dtype=tf.int64) - big_frame_size
                samples = self._faded_in(samples, place)
            return samples, is_first

        dataset = tf.data.Dataset.range(first_step, num_steps)
        return dataset.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)

    def _faded_in(self, samples: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        """Return int32 samples (num_rows, n) with the gain for their places (n,) in the chunk.

        The gain pulls levels towards silence; with mu-law levels this fade sounds even.
        """
        gain = tf.clip_by_value(tf.cast(place, tf.float32) / self._fade_in, 0.0, 1.0)
        faded = tf.cast(samples - self._silence, tf.float32) * gain
        return tf.cast(tf.round(faded), tf.int32) + self._silence


@dataclass(frozen=True)
class Data:
    """The corpora to train on and to validate with.

    Attributes:
      train, validation: see above.
      recordings: samples of each recording by its name, ready for JSON.
      left_out: lines about the recordings that cannot be used.
    """

    train: Corpus
    validation: Corpus
    recordings: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def step_seed(rng_seed: int, step: int) -> np.ndarray:
    """Return the random seed of a step's dropout and input noise: int32 (2,)."""
    return np.random.SeedSequence([rng_seed, step, _STEP_STREAM]).generate_state(2).view(np.int32)


def _quantize(sound: np.ndarray | FileSound, config: ModelConfig, levels: np.ndarray) -> None:
    """Write the levels of `sound` (num_samples,) into `levels`, piece by piece."""
    codec = SampleCodec(config)
    for begin in range(0, len(sound), _PIECE):
        piece = np.asarray(sound[begin : begin + _PIECE])
        levels[begin : begin + len(piece)] = codec.encode(piece)[0]
