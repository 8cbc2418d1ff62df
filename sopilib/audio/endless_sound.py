"""Endless mono sound as bytes: samples of the formats that a radio writes."""

from collections.abc import Callable

import numpy as np

SAMPLE_BYTES = {"wav": 2, "s16le": 2, "f32le": 4}
FORMATS = tuple(SAMPLE_BYTES)
_FULL_SCALE = 2**15 - 1


def encoder(format_: str) -> Callable[[np.ndarray], bytes]:
    """Return the function from float (n,) samples, full scale ±1, to bytes of one of FORMATS."""
    return _float_bytes if format_ == "f32le" else _integer_bytes


def _float_bytes(sound: np.ndarray) -> bytes:
    return sound.astype("<f4").tobytes()


def _integer_bytes(sound: np.ndarray) -> bytes:
    return np.rint(np.clip(sound, -1, 1) * _FULL_SCALE).astype("<i2").tobytes()
