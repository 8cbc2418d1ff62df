"""Classes that send messages, from handlers and from their own threads."""

import threading

import pyext


class Forms(pyext._class):
    _inlets = 1
    _outlets = 2

    def number_1(self):
        self._outlet(1, 5)
        self._outlet(1, 0.5)
        self._outlet(1, True)

    def text_1(self):
        self._outlet(1, "word")
        self._outlet(1, "two words")
        self._outlet(1, pyext.Symbol("symbol"))

    def nothing_1(self):
        self._outlet(1, None)
        self._outlet(1, [])

    def message_1(self):
        self._outlet(1, "sel", ["a", 2, 0.5])
        self._outlet(1, "sel", ())
        self._outlet(1, "progress", [0.25])

    def sequence_1(self):
        self._outlet(1, [1, "b", 2.5])
        self._outlet(1, (7, 8))
        self._outlet(1, ["word", 1])

    def second_1(self):
        self._outlet(2, 1)
        self._outlet(1, 2)

    def wrong_1(self):
        for args in (
            (3, 1),
            (0, 1),
            (1,),
            (1, object()),
            (1, [None]),
            (1, [[1]]),
            (1, "sel", 5),
            (1, 2, [3]),
            ("1", 1),
            (1, "a\0b"),
        ):
            try:
                self._outlet(*args)
            except (TypeError, ValueError) as error:
                print("refused", type(error).__name__, error)
            else:
                print("accepted", args)


class Echo(pyext._class):
    """Passes every message on, so that objects in a row call each other."""

    _inlets = 1
    _outlets = 1

    def float_1(self, number):
        self._outlet(1, number)


class Counter(pyext._class):
    _inlets = 1

    def __init__(self):
        self.count = 0
        self.in_order = True

    def number_1(self, number):
        self.in_order = self.in_order and number == self.count
        self.count += 1

    def report_1(self):
        print("counted", self.count, "in order", self.in_order)


class Threads(pyext._class):
    """Sends `item THREAD NUMBER` from threads of its own, then `all sent`."""

    _inlets = 1
    _outlets = 1

    def start_1(self, num_threads, num_items):
        threads = [
            threading.Thread(target=self.send, args=(thread, num_items))
            for thread in range(num_threads)
        ]
        for thread in threads:
            thread.start()
        threading.Thread(target=self.join, args=(threads,)).start()

    def send(self, thread, num_items):
        for number in range(num_items):
            self._outlet(1, "item", [thread, number, "some text"])

    def join(self, threads):
        for thread in threads:
            thread.join()
        self._outlet(1, "finished", [self._isthreaded])

    def print_1(self):
        def work(number):
            print("thread", end=" ")
            print(number, "prints 100%")

        for number in range(4):
            threading.Thread(target=work, args=(number,)).start()


class Collector(pyext._class):
    """Checks that the items of each thread come in order."""

    _inlets = 1

    def __init__(self):
        self.next_numbers = {}
        self.faults = 0

    def item_1(self, thread, number, text):
        self.faults += number != self.next_numbers.get(thread, 0) or str(text) != "some text"
        self.next_numbers[thread] = number + 1

    def finished_1(self, is_threaded):
        print(
            "received",
            sorted(self.next_numbers.items()),
            "faults",
            self.faults,
            "threaded",
            is_threaded,
        )


class HandlerAfterThread(pyext._class):
    """A handler that waits for its thread does not overtake the thread's messages."""

    _inlets = 1
    _outlets = 1

    def bang_1(self):
        thread = threading.Thread(target=self.send)
        thread.start()
        thread.join()
        self._outlet(1, "handler")

    def send(self):
        for number in range(3):
            self._outlet(1, number)
