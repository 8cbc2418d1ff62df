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
        print(
            "described",
            len(pyext.Buffer(name)),
            view.format,
            view.itemsize,
            view.nbytes,
            view.readonly,
            view.tolist(),
        )

    def write(self, name, start, *values):
        buffer = pyext.Buffer(str(name))
        memoryview(buffer)[start : start + len(values)] = array.array("f", values)
        buffer.dirty()

    def write_doubles(self, name):
        memoryview(pyext.Buffer(name))[0:2] = array.array("d", [1, 2])

    def assign(self, name, start, *values):
        buffer = pyext.Buffer(str(name))
        buffer[start : start + len(values)] = array.array("f", values)

    def assign_range(self, name, start, stop, *values):
        pyext.Buffer(name)[start:stop] = array.array("f", values)

    def assign_everywhere(self, name):
        buffer = pyext.Buffer(name)
        buffer[:2] = array.array("f", [1, 2])
        buffer[-1:] = array.array("f", [4])
        buffer[2:2] = array.array("f")
        buffer[2:3] = memoryview(array.array("f", [0, 3, 0]))[1:2]

    def assign_beyond(self, name, start, *values):
        buffer = pyext.Buffer(name)
        print("of", len(buffer))
        buffer[start : start + len(values)] = array.array("f", values)

    def assign_wrong(self, name, kind):
        key, samples = {
            "doubles": (slice(0, 2), array.array("d", [1, 2])),
            "bytes": (slice(0, 2), b"12345678"),
            "list": (slice(0, 2), [1.0, 2.0]),
            "matrix": (slice(0, 2), memoryview(bytes(8)).cast("f", (1, 2))),
            "index": (0, array.array("f", [1])),
            "steps": (slice(0, 4, 2), array.array("f", [1, 2])),
        }[str(kind)]
        pyext.Buffer(name)[key] = samples

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

    def resize_viewed_by_another_buffer(self, name):
        view = memoryview(pyext.Buffer(name))
        try:
            pyext.Buffer(name).resize(20_000_000)
        finally:
            view[:] = array.array("f", [1, 2, 3, 4])

    def resize_by_a_thread_while_viewed(self, name):
        view = memoryview(pyext.Buffer(name))
        thread = threading.Thread(target=self.run, args=("resize", str(name), 20_000_000))
        thread.start()
        while thread.is_alive():
            self._outlet(1, "flushed")
            time.sleep(0.001)
        view[:] = array.array("f", [1, 2, 3, 4])

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
                memoryview(buffer)[0 : min(64, length)] = array.array("f", [0.5] * min(64, length))
                buffer.dirty()
                buffer.resize(1000 + cycles % 1000)
            except LookupError:
                missing += 1
                time.sleep(0.01)
            except ValueError:
                pass  # resized by others between len() and memoryview()
            except TimeoutError:
                break
            if cycles in (20, 200) or missing == 1:
                print("cycles", cycles, "missing", missing)
                missing += missing == 1

    def _del(self):
        self.thread.join()
        print("writer ended")


class Reporter(pyext._class):
    """Writes slices on a thread and then reports, as a take does."""

    _inlets = 1
    _outlets = 1

    def write_1(self, name, value):
        threading.Thread(target=self.write, args=(str(name), value)).start()

    def write(self, name, value):
        memoryview(pyext.Buffer(name))[0:1] = array.array("f", [value])
        pyext.Buffer(name)[1:2] = array.array("f", [value])
        self._outlet(1, "written", [value])
        pyext.Buffer(name)[1:2] = array.array("f", [0])

    def read_1(self, name):
        print("read", memoryview(pyext.Buffer(str(name)))[:2].tolist())

    def fill_1(self, name, num_slices, slice_length):
        threading.Thread(target=self.fill, args=(str(name), num_slices, slice_length)).start()

    def fill(self, name, num_slices, slice_length):
        for number in range(num_slices):
            start = number * slice_length
            pyext.Buffer(name)[start : start + slice_length] = (
                array.array("f", [number]) * slice_length
            )
        self._outlet(1, "filled", [num_slices, slice_length])

    def check_1(self, name, num_slices, slice_length):
        view = memoryview(pyext.Buffer(str(name)))
        numbers = list(range(num_slices))
        print(
            "first samples",
            view[::slice_length].tolist() == numbers,
            "last samples",
            view[slice_length - 1 :: slice_length].tolist() == numbers,
        )
