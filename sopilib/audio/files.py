"""Read sound files (soundfile); `sopilib.audio.write` writes them.

Audio is float32, -1 <= x <= 1, and (num_samples, num_channels) as soundfile has it.
"""

import logging
from pathlib import Path

import numpy as np

from sopilib.audio.sound_reader import SoundReader
from sopilib.errors import AudioError

log = logging.getLogger(__name__)


def read_audio(path: str | Path, last_s: float | None = None) -> tuple[np.ndarray, int]:
    """Return the audio in a file and its sample rate.

    Args:
      path: of the file.
      last_s: seconds to read from its end, default all.

    Returns:
      float32 (num_samples, num_channels), and the rate in Hz.

    Raises:
      AudioError: no such file, not a sound file, no samples in it, or not finite.
    """
    with SoundReader(path) as reader:
        rate = reader.sample_rate
        if last_s is not None:
            reader.seek_end(round(last_s * rate))
        blocks = [np.zeros((0, reader.num_channels), np.float32), *reader.blocks()]
        tell_notice(reader)
    try:
        audio = np.concatenate(blocks)
    except MemoryError as error:
        raise AudioError(f"not enough memory for {path} (cut it into shorter files)") from error
    if last_s is not None:
        audio = audio[max(0, len(audio) - round(last_s * rate)) :]
    if not len(audio):
        raise empty_error(path)
    check_finite(audio, path)
    return audio, rate


def empty_error(path: str | Path) -> AudioError:
    """Return the error for a file without samples."""
    return AudioError(f"the sound file {path} is empty (give one with samples in it)")


def check_finite(audio: np.ndarray, path: str | Path) -> None:
    """Raise AudioError if the audio of a file holds NaN or infinity."""
    if not np.isfinite(audio).all():
        raise AudioError(f"the sound file {path} holds NaN or infinity (export it again)")


def tell_notice(reader: SoundReader) -> None:
    """Log what is odd about a file that has been read to its end."""
    if reader.notice:
        log.warning("%s", reader.notice)


def read_seed(path: str | Path | None, offset: int) -> tuple[np.ndarray, int] | tuple[None, None]:
    """Return the sound in a file from its sample `offset` on, and its rate.

    Args:
      path: of the file, or None for no seed: then both are None.
      offset: samples to skip, 0 without a file.

    Raises:
      AudioError: as `read_audio`, or the offset lies outside the file or has no file.
    """
    if path is None:
        if offset:
            raise AudioError(f"--seed_offset {offset} without --seed (give the sound, too)")
        return None, None
    audio, rate = read_audio(path)
    if not 0 <= offset < len(audio):
        raise AudioError(
            f"--seed_offset {offset} lies outside {path} of {len(audio)} samples "
            f"(give 0 to {len(audio) - 1})"
        )
    return audio[offset:], rate
