"""Summaries that TensorBoard shows, written without TensorBoard being installed."""

import numpy as np

from sopilib.model.quiet_tensorflow import tf

# kinds of data in the summary format: a number, or encoded files
_SCALAR, _FILES = 1, 3
# the audio plugin's own settings: field 2, encoding, is 11, WAV
_WAV_SETTINGS = b"\x10\x0b"


class Summaries:
    """Writes summaries below a run folder; failures to write cost the summaries alone.

    Args:
      folder: Path; the parts 'train' and 'validation' get a folder each in it.
    """

    def __init__(self, folder):
        self._folder = folder
        self._writers = {}

    def scalars(self, part, step, values):
        """Add numbers by name."""
        for name, value in values.items():
            self._write(part, name, np.float32(value), step, "scalars", _SCALAR)

    def sound(self, name, step, audio, sample_rate):
        """Add float32 (num_samples,)."""
        wav = tf.audio.encode_wav(np.clip(audio, -1.0, 1.0)[:, np.newaxis], sample_rate)
        labelled = tf.stack([wav, ""])[tf.newaxis]
        self._write("train", name, labelled, step, "audio", _FILES, _WAV_SETTINGS)

    def picture(self, name, step, png):
        """Add the bytes of a PNG."""
        height, width = tf.io.decode_png(png).shape[:2]
        data = [str(width), str(height), png]
        self._write("train", name, tf.constant(data), step, "images", _FILES)

    def flush(self):
        """Bring what was added to disk."""
        for writer in self._writers.values():
            try:
                writer.flush()
            except tf.errors.OpError:
                pass

    def _write(self, part, name, tensor, step, plugin, data_class, settings=b""):
        metadata = tf.compat.v1.SummaryMetadata(
            data_class=data_class,
            plugin_data={"plugin_name": plugin, "content": settings},
        )
        try:
            if part not in self._writers:
                folder = str(self._folder / part)
                self._writers[part] = tf.summary.create_file_writer(folder)
            with self._writers[part].as_default():
                tf.summary.write(name, tensor, step=step, metadata=metadata)
        except tf.errors.OpError:
            pass
