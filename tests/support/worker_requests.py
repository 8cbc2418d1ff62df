"""Send requests to a real worker process and receive its events."""

import time

import numpy as np

from sopilib.protocol import messages as protocol

TIME_LIMIT_S = 120
_FIRST = (protocol.Notice, protocol.Started, protocol.Failure)


def receive(client, *wanted):
    """Return the next event of one of the classes `wanted`; any other failure fails the test."""
    deadline = time.monotonic() + TIME_LIMIT_S
    while True:
        event = client.next_event()
        if event is None:
            assert time.monotonic() < deadline, f"none of {wanted} has come"
            client.wait(1.0)
        elif isinstance(event, wanted):
            return event
        else:
            assert not isinstance(event, protocol.Failure), event


def receive_take(client):
    """Return the events of a take up to its end, and its samples (num_seqs, num_samples)."""
    events, chunks = [receive(client, *_FIRST)], []
    while isinstance(events[-1], protocol.Notice):
        events.append(receive(client, *_FIRST))
    while not isinstance(events[-1], (protocol.Finished, protocol.Stopped, protocol.Failure)):
        events.append(
            receive(client, protocol.Chunk, protocol.Finished, protocol.Stopped, protocol.Failure)
        )
        if isinstance(events[-1], protocol.Chunk):
            chunk = events[-1]
            samples = np.frombuffer(chunk.payload, "<f4").reshape(chunk.num_seqs, -1)
            assert chunk.start == sum(c.shape[1] for c in chunks)
            chunks.append(samples)
    return events, np.concatenate(chunks, axis=1) if chunks else None


def generate(client, **fields):
    fields = {"take": 1, "dur_s": 0.0333, "rng_seed": 5, **fields}
    client.send(protocol.Generate(**fields))
    return receive_take(client)
