"""The class of pyext-help.pd: an example of a Pd object in Python."""

import pyext


class Example(pyext._class):
    """Adds up numbers and counts all other messages."""

    _inlets = 1
    _outlets = 2

    def __init__(self, start=0):
        self.sum = start
        self.num_other = 0

    def float_1(self, number):
        self.sum += number
        self._outlet(1, self.sum)

    def reset_1(self):
        self.sum = 0
        self._outlet(1, "sum", [0])

    def _anything_1(self, selector, *args):
        self.num_other += 1
        self._outlet(2, [str(selector), len(args), self.num_other])
