"""Hear how high the temperature is: the hotter the model, the more noise in the treble."""

import numpy as np


def treble_share(sound):
    """Return the part of a sound's power that lies above a quarter of the sample rate.

    `sound`: samples, or frames of channels, which are mixed. The treble that a model's de-emphasis
    takes away is raised first.
    """
    if sound.ndim == 2:
        sound = np.mean(sound, axis=1)
    power = np.abs(np.fft.rfft(np.diff(sound, 2))) ** 2
    return power[len(power) // 2 :].sum() / power.sum()
