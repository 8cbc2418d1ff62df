"""Checks of what a request for a take or a stream asks for; each error says what is possible."""

import math
import numbers
import os
import secrets

import numpy as np

from sopilib.audio.resample import mix_to_mono, resample
from sopilib.errors import AudioError, RequestError
from sopilib.limits import EXACT_IN_PD
from sopilib.model.config import checked_sample_rate

# what a sample costs: 8 in a Pd array, 4 kept to be saved, 4 again while it is saved
_BYTES_PER_SAMPLE = 16


def checked_rng_seed(seed: int | None) -> int:
    """Return the random seed asked for, or a fresh one, small enough to be a float in Pd.

    Raises:
      RequestError: it is not an integer of at least 0.
    """
    if seed is None:
        return secrets.randbelow(EXACT_IN_PD)
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise RequestError(f"the random seed {seed} (give an integer, 0 or above)")
    return int(seed)


def checked_rate(name: str, rate: int) -> int:
    """Return `rate`, in Hz, of the sound that `name` names.

    Raises:
      RequestError: it is not an integer within `sopilib.limits.SAMPLE_RATES`.
    """
    return checked_sample_rate(f"the {name} sample rate", rate)


def checked_length(dur_s: float, rate: int, num_seqs: int, in_memory: bool = True) -> int:
    """Return the samples in `dur_s` seconds at `rate`, of a sound that is kept in memory or not.

    Raises:
      RequestError: that is less than one sample, or more than fits into memory.
    """
    if not (math.isfinite(dur_s) and dur_s > 0):
        raise RequestError(f"the length {dur_s:g} s (give a number of seconds above 0)")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    voices = "1 voice" if num_seqs == 1 else f"{num_seqs} voices"
    bytes_per_s = rate * num_seqs * _BYTES_PER_SAMPLE
    if in_memory and dur_s * bytes_per_s > memory / 2:
        raise RequestError(
            f"the length {dur_s:g} s needs {dur_s * bytes_per_s / 1e9:.4g} GB for "
            f"{voices} at {rate} Hz and this machine has {memory / 1e9:.1f} GB "
            f"(give at most {memory / 2 / bytes_per_s:.0f} s)"
        )
    num_samples = round(dur_s * rate)
    if not num_samples:
        raise RequestError(f"the length {dur_s:g} s is less than a sample at {rate} Hz (give more)")
    return num_samples


def prepared_seed(audio: np.ndarray, seed_rate: int | None, rate: int) -> np.ndarray:
    """Return seed audio as float32 (m,) at the model's `rate`.

    Args:
      audio: (n,) or (n, channels).
      seed_rate: of `audio`, in Hz, default `rate`.
      rate: of the model, in Hz.

    Raises:
      AudioError: it is empty or not finite.
      RequestError: its rate is out of range.
    """
    audio = mix_to_mono(audio)
    if not audio.size:
        raise AudioError("the seed audio is empty (give a sound with samples in it)")
    if not np.isfinite(audio).all():
        raise AudioError("the seed audio holds NaN or infinity (give another sound)")
    seed_rate = rate if seed_rate is None else seed_rate
    return resample(audio, checked_rate("seed", seed_rate), rate)
