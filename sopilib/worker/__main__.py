"""The worker process: pipes in, pipes out, and the end when the parent is gone.

`samplernn_pd.client` starts it with two pipes. A reader thread turns standard input into
messages and ends the process when its parent is gone; the main thread answers them one
after the other. See docs/protocol.md.
"""

import io
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable

from sopilib.errors import ProtocolError
from sopilib.installation.isolated import refuse
from sopilib.protocol import codec as frames
from sopilib.protocol.messages import Message
from sopilib.worker.missing_package import missing_package_text, no_generator_text
from sopilib.worker.priority import leave_real_time
from sopilib.worker.pulse import Pulse, WatchedInbox

log = logging.getLogger("samplernn.worker")
READ_BYTES = 1 << 16


def main() -> None:
    """Run the worker on the process's own pipes until the parent hangs up."""
    leave_real_time()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for Pd; its end is ours
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    stdin = os.fdopen(os.dup(0), "rb", buffering=0)
    send = _sender(_private_stdout())
    worker_class = _import_worker()
    pulse = Pulse(send)
    inbox = WatchedInbox(pulse)
    threading.Thread(target=read_requests, args=(stdin, inbox), daemon=True).start()
    pulse.start()
    try:
        worker_class(inbox, send).run()
    except BrokenPipeError:
        os._exit(0)


def _import_worker():
    """Return the class Worker; end with one line where this Python lacks what it needs."""
    try:
        from sopilib.worker.session import Worker
    except ImportError as error:
        refuse(missing_package_text(error))
    if text := no_generator_text():
        refuse(text)
    return Worker


def read_requests(stream: io.FileIO, inbox: queue.Queue[Message]) -> None:
    """Put the messages on the raw `stream` into `inbox`; end the process at its end."""
    decoder = frames.Decoder()
    try:
        while data := stream.read(READ_BYTES):
            for message in decoder.feed(data):
                inbox.put(message)
    except ProtocolError as error:
        log.error("hanging up: %s", error)
    finally:
        os._exit(0)


def _private_stdout() -> io.FileIO:
    """Keep standard output for the protocol: send all other output to standard error."""
    stream = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return stream


def _sender(stream: io.FileIO) -> Callable[[Message], None]:
    lock = threading.Lock()

    def send(message: Message) -> None:
        view = memoryview(frames.encode(message))
        with lock:
            while view:
                view = view[stream.write(view) :]

    return send


if __name__ == "__main__":
    main()
