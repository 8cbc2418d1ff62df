"""Read and write sound files (soundfile).

Audio is float32, -1 <= x <= 1, and (num_samples, num_channels) as soundfile has it.
"""

from pathlib import Path

import numpy as np
import soundfile

from sopilib.errors import AudioError


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
    if not Path(path).is_file():
        raise AudioError(f"no sound file {path} (check the name and the folder)")
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            if last_s is not None:
                file.seek(max(0, file.frames - round(last_s * rate)))
            audio = file.read(dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise AudioError(
            f"cannot read {path} as sound: {_reason(error)} (convert it to WAV)"
        ) from error
    if not len(audio):
        raise AudioError(f"the sound file {path} is empty (give one with samples in it)")
    if not np.isfinite(audio).all():
        raise AudioError(f"the sound file {path} holds NaN or infinity (export it again)")
    return audio, rate


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


def write_audio(
    path: str | Path, audio: np.ndarray, sample_rate: int, subtype: str | None = None
) -> None:
    """Write float32 (num_samples,) or (num_samples, num_channels) to a file.

    The name's suffix decides the format; WAV is written with 16 bits, unless `subtype`
    is another of soundfile's, such as 'FLOAT', which keeps every bit.

    Raises:
      AudioError: the folder is missing or not writable, or the suffix unknown.
    """
    try:
        soundfile.write(path, audio, sample_rate, subtype)
    except (soundfile.SoundFileError, TypeError, OSError) as error:
        raise AudioError(
            f"cannot write {path}: {_reason(error)} (choose a folder that exists and "
            "a name ending in .wav)"
        ) from error


def check_writable_suffix(path: str | Path) -> None:
    """Refuse a path whose suffix `write_audio` does not know.

    Raises:
      AudioError: the suffix is missing or not that of a sound file.
    """
    suffix = Path(path).suffix
    if suffix[1:].upper() not in soundfile.available_formats():
        raise AudioError(
            f"cannot write {path}: {suffix!r} is not a sound file format (choose a name ending "
            "in .wav)"
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")
