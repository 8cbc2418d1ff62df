"""Measure the loudness of a mono sound in LUFS (ITU-R BS.1770, EBU R 128: integrated, gated).

The two filters of BS.1770, a shelf for the head and a high-pass, are applied through their
frequency responses, so that any sample rate will do. Sound is filtered piece by piece, each with
a little of what was before it, in which the filters settle.
"""

import math
from collections.abc import Iterator

import numpy as np

_STEP_S = 0.1  # a block is the mean of four steps, 0.4 s, and begins at each
_STEPS_OF_BLOCK = 4
_PIECE_STEPS = 100
_SETTLE_S = 0.5
_OFFSET_DB = -0.691
_ABSOLUTE_GATE = -70.0  # LUFS
_RELATIVE_GATE = -10.0  # LU
_SHELF_HZ, _SHELF_Q = 1681.974450955533, 0.7071752369554196
_SHELF_GAIN, _SHELF_MIDDLE = 1.5848647011308556, 1.2587209302325579
_PASS_HZ, _PASS_Q = 38.13547087602444, 0.5003270373238773
_PASS_GAIN = 1.004995  # of the standard's filter at 48 kHz


def loudness_lufs(sound: np.ndarray, sample_rate: int) -> float:
    """Return the integrated loudness of a sound; -inf where all of it is below the gate.

    Args:
      sound: float (num_samples,), at least 1, full scale ±1; less than 0.4 s is one block.
      sample_rate: in Hz.
    """
    steps = np.array(list(_step_powers(sound, sample_rate)))
    size = min(_STEPS_OF_BLOCK, len(steps))
    powers = np.convolve(steps, np.full(size, 1 / size), "valid")
    heard = powers[_lufs(powers) > _ABSOLUTE_GATE]
    if not len(heard):
        return -math.inf
    gate = _lufs(heard.mean()) + _RELATIVE_GATE
    return float(_lufs(heard[_lufs(heard) > gate].mean()))


def _lufs(power: np.ndarray) -> np.ndarray:
    return _OFFSET_DB + 10 * np.log10(np.maximum(power, 1e-20))


def _step_powers(sound: np.ndarray, sample_rate: int) -> Iterator[float]:
    """Yield the mean square of the filtered sound in each whole step, or of all if it is short."""
    step = round(_STEP_S * sample_rate)
    settle, piece = round(_SETTLE_S * sample_rate), _PIECE_STEPS * step
    response = _response(np.fft.rfftfreq(settle + piece, 1 / sample_rate))
    for begin in range(0, max(1, len(sound) // step * step), piece):
        part = sound[max(0, begin - settle) : begin + piece]
        before = min(settle, begin)
        spectrum = np.fft.rfft(np.pad(part, (settle - before, piece + before - len(part))))
        filtered = np.fft.irfft(spectrum * response, settle + piece)[settle:]
        square = np.square(filtered[: len(part) - before])
        whole = square[: len(square) // step * step]
        yield from (whole.reshape(-1, step) if len(whole) else square[np.newaxis]).mean(axis=1)


def _response(frequency: np.ndarray) -> np.ndarray:
    """Return the response of both filters, complex (n,), at frequencies in Hz."""
    s = 1j * frequency / _SHELF_HZ
    shelf = (_SHELF_GAIN * s * s + _SHELF_MIDDLE / _SHELF_Q * s + 1) / (s * s + s / _SHELF_Q + 1)
    s = 1j * frequency / _PASS_HZ
    high_pass = s * s / (s * s + s / _PASS_Q + 1)
    return _PASS_GAIN * shelf * high_pass
