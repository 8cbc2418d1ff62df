"""Headers of WAV files that are written before their sound is complete.

`wav_header` is for float samples in a file that grows: room for 64-bit sizes is reserved, and
beyond 4 GB it is that of RF64 (EBU Tech 3306). `endless_header` is for 16-bit samples in a pipe:
it says that the length is unknown with the largest sizes, as programs that write WAV into a pipe
do. ffmpeg and sox read on to the end of the sound, sox at most 4 GB.
"""

import struct

HEADER_BYTES = 92  # of `wav_header`
ENDLESS_HEADER_BYTES = 44
_LARGEST_32_BIT = 2**32 - 2**16
_PCM, _FLOAT = 1, 3  # WAVE_FORMAT_PCM, WAVE_FORMAT_IEEE_FLOAT
_UNKNOWN = 2**32 - 1  # the size is in the chunk `ds64`, or nowhere


def wav_header(num_samples: int, sample_rate: int, num_channels: int) -> bytes:
    """Return the header of so many float32 samples in each channel, HEADER_BYTES long."""
    data_bytes = num_samples * 4 * num_channels
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    is_long = riff_bytes > _LARGEST_32_BIT
    sizes = (riff_bytes, data_bytes, num_samples) if is_long else (0, 0, 0)
    return b"".join(
        [
            _riff(b"RF64", _UNKNOWN) if is_long else _riff(b"RIFF", riff_bytes),
            struct.pack("<4sI3QI", b"ds64" if is_long else b"JUNK", 28, *sizes, 0),
            _format(_FLOAT, sample_rate, num_channels, 4),
            struct.pack("<4sII", b"fact", 4, min(num_samples, _UNKNOWN)),
            _data(_UNKNOWN if is_long else data_bytes),
        ]
    )


def endless_header(sample_rate: int, num_samples: int | None = None) -> bytes:
    """Return the header, ENDLESS_HEADER_BYTES long, of mono sound with 16 bits.

    Args:
      sample_rate: in Hz.
      num_samples: that follow, None where that is unknown; unknown also if they pass 4 GB.
    """
    riff_bytes = data_bytes = _UNKNOWN
    if num_samples is not None and ENDLESS_HEADER_BYTES + 2 * num_samples < _UNKNOWN:
        data_bytes = 2 * num_samples
        riff_bytes = ENDLESS_HEADER_BYTES - 8 + data_bytes
    return _riff(b"RIFF", riff_bytes) + _format(_PCM, sample_rate, 1, 2) + _data(data_bytes)


def _riff(name: bytes, num_bytes: int) -> bytes:
    return struct.pack("<4sI4s", name, num_bytes, b"WAVE")


def _format(form: int, sample_rate: int, num_channels: int, sample_bytes: int) -> bytes:
    """Return the chunk `fmt `."""
    frame_bytes = num_channels * sample_bytes
    return struct.pack(
        "<4sIHHIIHH",
        *(b"fmt ", 16, form, num_channels, sample_rate),
        *(sample_rate * frame_bytes % 2**32, frame_bytes, 8 * sample_bytes),
    )


def _data(num_bytes: int) -> bytes:
    return struct.pack("<4sI", b"data", num_bytes)
