"""An array that a simulated Pd plays, and sound whose samples encode their numbers."""

import array

import numpy as np

POISON = 9.0
STEP = 0.05  # of the material from one sample to the next, at most


class PlayedArray:
    """An array as in `samplernn_pd.arrays.PdArrays`, played in a loop."""

    def __init__(self, length):
        self.samples = np.full(length, POISON, np.float32)
        self.place = 0
        self.heard = []

    def length(self, name):
        return len(self.samples)

    def write(self, name, start, samples):
        values = np.frombuffer(samples, np.float32)
        if start + len(values) > len(self.samples):
            return False
        self.samples[start : start + len(values)] = values
        return True

    def read_slice(self, name, start, stop):
        assert 0 <= start <= stop <= len(self.samples)
        return self.samples[start:stop].tobytes()

    def play(self, num_samples):
        places = (self.place + np.arange(num_samples)) % len(self.samples)
        self.heard.append(self.samples[places].copy())
        self.place += num_samples

    @property
    def position(self):
        return self.place % len(self.samples)

    def sound(self):
        return np.concatenate(self.heard)


class Material:
    """Sound without zeros whose samples encode their numbers: 0.5 to 1, rising and falling."""

    def __init__(self):
        self.num_given = 0

    def at(self, numbers):
        return 0.75 + 0.25 * np.sin(np.asarray(numbers) * 0.1731)

    def next(self, num_samples):
        begin, self.num_given = self.num_given, self.num_given + num_samples
        return array.array("f", self.at(np.arange(begin, self.num_given)))


def segments(sound):
    """Return the stretches of `sound` between the silences."""
    edges = np.flatnonzero(np.diff(np.r_[0, sound != 0, 0]))
    return [sound[a:b] for a, b in zip(edges[::2], edges[1::2])]
