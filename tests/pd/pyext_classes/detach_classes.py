"""Classes with slow handlers, in threads or not."""

import array
import threading
import time

import pyext

main_thread = threading.get_ident()


class Recorder(pyext._class):
    """Reports for each handler its number, its thread and the handlers that run with it."""

    _inlets = 1
    _outlets = 1
    num_running = 0
    most_running = 0

    def __init__(self, name="only"):
        self.name = str(name)
        self.lock = threading.Lock()
        self.threads = set()

    def note_1(self, number, dur_s):
        with self.lock:
            self.num_running += 1
            self.most_running = max(self.most_running, self.num_running)
            self.threads.add(threading.get_ident())
        time.sleep(dur_s)
        with self.lock:
            self.num_running -= 1
        is_main = threading.get_ident() == main_thread
        self._outlet(1, "done", [self.name, number, is_main, self._isthreaded])

    def report_1(self):
        print("most", self.most_running, "threads", len(self.threads))

    def local_1(self, number):
        previous = getattr(local, "number", "none")
        local.number = number
        print("local", previous, number)


local = threading.local()


class Stubborn(pyext._class):
    """Has handlers that watch `_shouldexit`, and some that do not."""

    _inlets = 1
    _outlets = 1

    def watch_1(self):
        print("watching")
        while not self._shouldexit:
            time.sleep(0.005)
        self._outlet(1, "too late")
        print("handler has seen it")

    def stuck_1(self, dur_s):
        print("stuck")
        time.sleep(dur_s)
        self._outlet(1, "too late")
        print("stuck handler ends", self._shouldexit, self._canvas_dir)

    def flood_1(self):
        print("flooding")
        while not self._shouldexit:
            self._outlet(1, "flood", [1, "x"])
        print("flood ends")

    def number_1(self, number):
        time.sleep(0.02)
        print("number", number)

    def hello_1(self):
        print("hello from", threading.get_ident() == main_thread)

    def _del(self):
        print("deleted", self._shouldexit, threading.get_ident() == main_thread)


class Writes(pyext._class):
    """Asks for the lengths of arrays and writes into them, in rounds, until it is deleted."""

    _inlets = 1
    _outlets = 1

    def write_1(self, *names):
        samples = array.array("f", [0.5] * 64)
        num_rounds = 0
        while not self._shouldexit:
            for name in names:
                buffer = pyext.Buffer(name)
                assert len(buffer) == 64  # waits for Pd's thread
                buffer[0:64] = samples
            num_rounds += 1
            if num_rounds == 1:
                print("writing")
        print("wrote whole rounds")
