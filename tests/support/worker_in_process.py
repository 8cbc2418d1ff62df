"""A worker on a thread of the test, connected to its client through the codec of the pipes."""

import queue
import threading

from sopilib.protocol import codec
from sopilib.worker.session import Worker


class WorkerInProcess:
    """A client like `samplernn_pd.client.WorkerClient` whose worker runs in the test's process."""

    def __init__(self, python, library_folder):
        self.python = python
        self._inbox, self._events = queue.Queue(), queue.Queue()
        self._to_worker, self._to_pd = codec.Decoder(), codec.Decoder()
        worker = Worker(self._inbox, self._receive)
        threading.Thread(target=worker.run, daemon=True).start()

    def send(self, message):
        for decoded in self._to_worker.feed(codec.encode(message)):
            self._inbox.put(decoded)

    def next_event(self):
        try:
            return self._events.get_nowait()
        except queue.Empty:
            return None

    def wait(self, timeout_s):
        pass

    def close(self):
        pass

    def join(self, timeout_s):
        pass

    def _receive(self, event):
        for decoded in self._to_pd.feed(codec.encode(event)):
            self._events.put(decoded)
