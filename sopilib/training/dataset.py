"""The corpus of a training: recordings quantized in memory, cut into batches by tf.data.

`sopilib.training.split` makes the stretches of sound. Each holds a whole number of equal
chunks, which begin elsewhere in it in each epoch as far as there is room. A batch of chunks
is trained segment by segment, each with the big frame before it; silence stands before the
first. Order and places depend on the random seed and the epoch alone, so that a training
can resume at any step of any epoch.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sopilib.model.config import ModelConfig
from sopilib.model.sample_codec import SampleCodec
from sopilib.model.quiet_tensorflow import tf

_PIECE = 1 << 20  # samples that are quantized at a time
# numbers that keep the random streams of places and of steps apart
_TRAIN_STREAM, _STEP_STREAM = 1, 2


class Corpus:
    """Quantized stretches and the chunks in them.

    Args:
      stretches: float32 (num_samples,), each of one recording.
      config: its seq_len is a multiple of the big frame size.
      chunk_length: in samples, a multiple of seq_len.
      fade_in: samples over which a chunk fades in from silence, 0 for a sudden beginning.

    Attributes:
      chunk_length: see above.
      num_chunks: chunks in an epoch.
      segments_per_chunk: steps that a batch of chunks takes.
      checksum: CRC-32 of all levels, which tells corpora apart.
    """

    def __init__(
        self,
        stretches: Sequence[np.ndarray],
        config: ModelConfig,
        chunk_length: int,
        fade_in: int = 0,
    ) -> None:
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
        self.checksum = zlib.crc32(levels.data)
        self._levels = tf.constant(levels)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the steps of an epoch; chunks that fill no batch wait for another epoch."""
        return self.num_chunks // batch_size * self.segments_per_chunk

    def epoch_starts(self, rng_seed: int, epoch: int) -> np.ndarray:
        """Return where the chunks of an epoch begin, in their order: int64 (num_chunks,)."""
        rng = np.random.default_rng([rng_seed, epoch, _TRAIN_STREAM])
        shifts = rng.integers(0, self._slack + 1)
        return rng.permutation(self._starts(shifts))

    def _starts(self, shifts: np.ndarray) -> np.ndarray:
        counts = zip(self._offsets, shifts, self._counts)
        starts = [o + s + self.chunk_length * np.arange(n) for o, s, n in counts]
        return np.concatenate(starts) if starts else np.zeros(0, np.int64)

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
        starts = self.epoch_starts(rng_seed, epoch)
        num_batches = len(starts) // batch_size
        starts = starts[: num_batches * batch_size].reshape(num_batches, batch_size)
        return self._batches(starts[:, rows], first_step)

    def validation_batches(self, batch_size: int) -> list[tuple[tf.data.Dataset, int]]:
        """Return batches of all chunks, each with the number of chunks that count.

        These are the first of a batch; repetitions fill up the last batch.
        """
        starts = self._starts(np.zeros(len(self._counts), np.int64))
        batches = []
        for begin in range(0, len(starts), batch_size):
            batch = starts[begin : begin + batch_size]
            filled = np.resize(batch, batch_size)
            batches.append((self._batches(filled[np.newaxis], 0), len(batch)))
        return batches

    def _batches(self, starts: np.ndarray, first_step: int) -> tf.data.Dataset:
        """Return steps over batches of chunks that begin at `starts` (num_batches, num_rows)."""
        config, segments = self._config, self.segments_per_chunk
        big_frame_size, width = config.big_frame_size, config.big_frame_size + config.seq_len
        levels, chunk_starts = self._levels, tf.constant(starts)
        num_steps = len(starts) * segments

        def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            segment = step % segments
            begin = chunk_starts[step // segments] + segment * config.seq_len - big_frame_size
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

    def _faded_in(self, samples: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        """Return int32 samples (num_rows, n) with the gain for their places (n,) in the chunk.

        The gain pulls levels towards silence; with mu-law levels this fade sounds even.
        """
        gain = tf.clip_by_value(tf.cast(place, tf.float32) / self._fade_in, 0.0, 1.0)
        faded = tf.cast(samples - self._silence, tf.float32) * gain
        return tf.cast(tf.round(faded), tf.int32) + self._silence


@dataclass(frozen=True)
class Data:
    """The corpora to train on and to validate with."""

    train: Corpus
    validation: Corpus


def step_seed(rng_seed: int, step: int) -> np.ndarray:
    """Return the random seed of a step's dropout and input noise: int32 (2,)."""
    return np.random.SeedSequence([rng_seed, step, _STEP_STREAM]).generate_state(2).view(np.int32)


def _quantized(audio: np.ndarray, config: ModelConfig, dtype: type) -> np.ndarray:
    codec = SampleCodec(config)
    pieces = (audio[begin : begin + _PIECE] for begin in range(0, len(audio), _PIECE))
    return np.concatenate([codec.encode(piece)[0].astype(dtype) for piece in pieces])
