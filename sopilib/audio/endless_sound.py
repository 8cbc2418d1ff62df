"""Endless mono sound as bytes: raw samples, or WAV whose header says that its end is unknown.

The header has the largest sizes, as programs that write WAV into a pipe have them. ffmpeg and sox
read on to the end of the sound, sox at most 4 GB.
"""

import struct
from collections.abc import Callable

import numpy as np

SAMPLE_BYTES = {"wav": 2, "s16le": 2, "f32le": 4}
FORMATS = tuple(SAMPLE_BYTES)
HEADER_BYTES = 44
_UNKNOWN = 2**32 - 1
_PCM = 1  # WAVE_FORMAT_PCM
_FULL_SCALE = 2**15 - 1


def endless_header(sample_rate: int, num_samples: int | None = None) -> bytes:
    """Return the WAV header, HEADER_BYTES long, of mono sound with 16 bits.

    Args:
      sample_rate: in Hz.
      num_samples: that follow, None where that is unknown; unknown also if they pass 4 GB.
    """
    riff_bytes = data_bytes = _UNKNOWN
    if num_samples is not None and HEADER_BYTES + 2 * num_samples < _UNKNOWN:
        data_bytes = 2 * num_samples
        riff_bytes = HEADER_BYTES - 8 + data_bytes
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", riff_bytes, b"WAVE"),
        *(b"fmt ", 16, _PCM, 1, sample_rate, 2 * sample_rate, 2, 16),
        *(b"data", data_bytes),
    )


def encoder(format_: str) -> Callable[[np.ndarray], bytes]:
    """Return the function from float (n,) samples, full scale ±1, to bytes of one of FORMATS."""
    return _float_bytes if format_ == "f32le" else _integer_bytes


def _float_bytes(sound: np.ndarray) -> bytes:
    return sound.astype("<f4").tobytes()


def _integer_bytes(sound: np.ndarray) -> bytes:
    return np.rint(np.clip(sound, -1, 1) * _FULL_SCALE).astype("<i2").tobytes()
