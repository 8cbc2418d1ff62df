"""Classes that read, write and resize Pd arrays, on Pd's thread and on others."""

import array
import threading
import time

import pyext


class Arrays(pyext._class):
    """Runs each job on Pd's thread, or on one of its own after `thread 1`."""

    _inlets = 1
    _outlets = 1
    on_thread = False
    kept = None

    def thread_1(self, flag):
        self.on_thread = bool(flag)

    def _anything_1(self, job, *args):
        if self.on_thread:
            threading.Thread(target=self.run, args=(str(job), *args)).start()
        else:
            self.run(str(job), *args)

    def run(self, job, *args):
        try:
            getattr(self, job)(*args)
        except Exception as error:
            print("refused", type(error).__name__, error)
        self._outlet(1, "done", [job])

    def describe(self, name):
        view = memoryview(pyext.Buffer(name))
        print("described", len(pyext.Buffer(name)), view.format, view.itemsize, view.nbytes,
              view.readonly, view.tolist())

    def write(self, name, start, *values):
        buffer = pyext.Buffer(str(name))
        memoryview(buffer)[start:start + len(values)] = array.array("f", values)
        buffer.dirty()

    def write_doubles(self, name):
        memoryview(pyext.Buffer(name))[0:2] = array.array("d", [1, 2])

    def resize(self, name, length):
        buffer = pyext.Buffer(name)
        buffer.resize(length)
        print("resized", len(buffer))

    def measure(self, name):
        print("measured", len(pyext.Buffer(name)))

    def view(self, name):
        memoryview(pyext.Buffer(name))

    def resize_viewed(self, name):
        buffer = pyext.Buffer(name)
        view = memoryview(buffer)
        buffer.resize(len(view) + 1)

    def keep(self, name):
        self.kept = memoryview(pyext.Buffer(name))

    def release(self):
        self.kept = None


class Writer(pyext._class):
    """A thread writes and resizes an array without a pause."""

    _inlets = 1

    def start_1(self, name):
        self.thread = threading.Thread(target=self.write, args=(str(name),))
        self.thread.start()

    def write(self, name):
        cycles, missing = 0, 0
        while not self._shouldexit:
            cycles += 1
            try:
                buffer = pyext.Buffer(name)
                length = len(buffer)
                memoryview(buffer)[0:min(64, length)] = array.array("f", [0.5] * min(64, length))
                buffer.dirty()
                buffer.resize(1000 + cycles % 1000)
            except LookupError:
                missing += 1
                time.sleep(0.01)
            except ValueError:
                pass    # resized by others between len() and memoryview()
            except TimeoutError:
                break
            if cycles in (20, 200) or missing == 1:
                print("cycles", cycles, "missing", missing)
                missing += missing == 1

    def _del(self):
        self.thread.join()
        print("writer ended")


class Reporter(pyext._class):
    """Writes on a thread and then reports, as a take does."""

    _inlets = 1
    _outlets = 1

    def write_1(self, name, value):
        threading.Thread(target=self.write, args=(str(name), value)).start()

    def write(self, name, value):
        buffer = pyext.Buffer(name)
        memoryview(buffer)[0:1] = array.array("f", [value])
        self._outlet(1, "written", [value])

    def read_1(self, name):
        print("read", memoryview(pyext.Buffer(str(name)))[0])
