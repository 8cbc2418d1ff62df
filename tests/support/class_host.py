"""A host for the class outside Pd, with arrays and a record of the statuses."""

import collections

import numpy as np


class Arrays:
    """Arrays as `samplernn_pd.arrays.PdArrays` has them, each float32 (n,)."""

    def __init__(self, **lengths):
        self.samples = {name: np.zeros(length, np.float32) for name, length in lengths.items()}

    def length(self, name):
        return len(self.samples.get(name, ()))

    def read(self, name):
        return self.samples[name].tobytes()

    def read_slice(self, name, start, stop):
        return self.samples[name][start:stop].tobytes()

    def resize(self, name, num_samples):
        self.samples[name] = np.zeros(num_samples, np.float32)
        return True

    def write(self, name, start, samples):
        values = np.frombuffer(samples, np.float32)
        if start + len(values) > self.length(name):
            return False
        self.samples[name][start : start + len(values)] = values
        return True

    def redraw(self, name):
        pass


class Host:
    """The host of an `Instrument`; `told` holds the statuses, each a str."""

    patch_folder = "/patch"
    search_folders = ()
    sample_rate = 16000

    def __init__(self):
        self.arrays = Arrays(a=64, ring=1 << 16, curve=8)
        self.told = []
        self.polls_missing = None

    def missing_polls(self):
        return self.polls_missing

    def send(self, selector, *atoms):
        self.told.append(" ".join(str(atom) for atom in (selector, *atoms)))

    def print(self, text):
        pass


class SilentWorker:
    """A client whose worker sends only the events that the test puts into `events`."""

    def __init__(self, python="python", library_folder=None):
        self.python = python
        self.is_closed = False
        self.sent = []
        self.events = collections.deque()

    def send(self, message):
        self.sent.append(message)

    def next_event(self):
        return self.events.popleft() if self.events else None

    def wait(self, timeout_s):
        pass

    def close(self):
        self.is_closed = True
        self.events.clear()

    def join(self, timeout_s):
        pass
