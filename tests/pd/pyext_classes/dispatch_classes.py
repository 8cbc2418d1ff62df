"""Classes that print which of their methods was called, with its arguments."""

import sys

import pyext


class Methods(pyext._class):
    """Has only the methods that its creation arguments name."""

    _inlets = 2

    def __init__(self, *names):
        for name in map(str, names):
            setattr(self, name, self.printer(name))

    def printer(self, name):
        return lambda *args: print(f"{name}({', '.join(map(repr, args))})")


class Arguments(pyext._class):
    _inlets = 1

    def __init__(self, *args):
        print("created", [(type(arg).__name__, str(arg)) for arg in args])

    def _anything_1(self, selector, *args):
        print(str(selector), [(type(arg).__name__, repr(arg)) for arg in args])


class Bare(pyext._class):
    """Has neither inlets nor outlets nor methods."""


class Broken(pyext._class):
    def __init__(self):
        raise ValueError("the reason 100%s")


class EarlySender(pyext._class):
    _outlets = 1

    def __init__(self):
        self._outlet(1, 5)


class WrongCount(pyext._class):
    _inlets = -3


class NotPd:
    """Does not derive from pyext._class."""


class Raises(pyext._class):
    _inlets = 1

    def wrong_1(self):
        raise RuntimeError("a defect")

    def leave_1(self):
        sys.exit(3)

    def alive_1(self):
        print("still alive")


class Symbols(pyext._class):
    _inlets = 1

    def symbol_1(self, symbol):
        same = pyext.Symbol(str(symbol))
        print("same", symbol == same, hash(symbol) == hash(same), symbol != same)
        print("str", symbol == str(symbol), isinstance(symbol, str))
        print("key", {symbol: "found"}.get(same), repr(symbol))


class Printer(pyext._class):
    _inlets = 1

    def bang_1(self):
        print("100% %s %n %d")
        print("a", end="")
        print("b\nc", 1, 2)
        print("error line", file=sys.stderr)
        print("begun", end="", flush=True)
        print("é" * 1200)


class Environment(pyext._class):
    _inlets = 1

    def __init__(self):
        print("init", self._isthreaded, self._shouldexit, repr(self._canvas_dir))

    def bang_1(self):
        print("argv", sys.argv, "safe", pyext.thread_safe)
        print("prefix", sys.prefix, "version", sys.version_info[:2] >= (3, 10))

    def rate_1(self):
        print("rate", pyext._samplerate())

    def path_1(self):
        for folder in sys.path:
            print("path", folder)

    def import_1(self, name):
        print("imported", __import__(str(name)).__name__)
