"""Read and write sound files (soundfile).

Audio is float32, -1 <= x <= 1, and (num_samples, num_channels) as soundfile has it.
"""

from pathlib import Path

import numpy as np
import soundfile

from sopilib.errors import AudioError


def read_audio(path, last_s=None):
    """The audio in a file and its sample rate.

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
            rate = file.samplerate
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
        raise AudioError(f"the sound file {path} holds NaN or infinity (export it anew)")
    return audio, rate


def read_seed(path, offset):
    """The sound in a file from its sample `offset` on, and its rate; (None, None) without path.

    Raises:
      AudioError: as `read_audio`, or the offset lies outside the file or has none.
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


def write_audio(path, audio, sample_rate, subtype=None):
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


def check_writable_suffix(path):
    """Refuses a path to which `write_audio` would write nothing for its suffix.

    Raises:
      AudioError: the suffix is missing or none of a sound file.
    """
    suffix = Path(path).suffix
    if suffix[1:].upper() not in soundfile.available_formats():
        raise AudioError(
            f"cannot write {path}: {suffix!r} is no kind of sound file (choose a name ending "
            "in .wav)"
        )


def _reason(error):
    return str(getattr(error, "error_string", error)).strip().rstrip(".")
