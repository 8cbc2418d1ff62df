"""Summaries for TensorBoard, written without TensorBoard being installed."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sopilib.model.quiet_tensorflow import tf

# kinds of data in the summary format: a number, or encoded files
_SCALAR, _FILES = 1, 3
# the audio plugin's own settings: field 2, encoding, is 11, WAV
_WAV_SETTINGS = b"\x10\x0b"


class Summaries:
    """Writes summaries below a run folder; if that fails, only summaries are lost.

    Args:
      folder: of the run; the parts 'train' and 'validation' get a folder each in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def scalars(self, part: str, step: int, values: Mapping[str, float]) -> None:
        """Add numbers by name."""
        for name, value in values.items():
            self._write(part, name, np.float32(value), step, "scalars", _SCALAR)

    def sound(self, name: str, step: int, audio: np.ndarray, sample_rate: int) -> None:
        """Add float32 (num_samples,)."""
        wav = tf.audio.encode_wav(np.clip(audio, -1.0, 1.0)[:, np.newaxis], sample_rate)
        labelled = tf.stack([wav, ""])[tf.newaxis]
        self._write("train", name, labelled, step, "audio", _FILES, _WAV_SETTINGS)

    def plot(self, name: str, step: int, png: bytes) -> None:
        """Add the bytes of a PNG."""
        height, width = tf.io.decode_png(png).shape[:2]
        data = [str(width), str(height), png]
        self._write("train", name, tf.constant(data), step, "images", _FILES)

    def flush(self) -> None:
        """Write everything to disk."""
        for writer in self._writers.values():
            with contextlib.suppress(tf.errors.OpError):
                writer.flush()

    def _write(
        self,
        part: str,
        name: str,
        tensor: tf.Tensor,
        step: int,
        plugin: str,
        data_class: int,
        settings: bytes = b"",
    ) -> None:
        metadata = tf.compat.v1.SummaryMetadata(
            data_class=data_class,
            plugin_data={"plugin_name": plugin, "content": settings},
        )
        with contextlib.suppress(tf.errors.OpError):
            if part not in self._writers:
                folder = str(self._folder / part)
                self._writers[part] = tf.summary.create_file_writer(folder)
            with self._writers[part].as_default():
                tf.summary.write(name, tensor, step=step, metadata=metadata)
