"""The chief of a search over several processes, by Keras Tuner's protocol."""

import os
import time
from concurrent import futures

from sopilib.errors import RequestError

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what goes wrong is told by us, in one line
import grpc
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief

_LOOKS_EVERY_S = 0.5


def serve(oracle, address):
    """Answer workers until all trials are done and all workers know.

    As Keras Tuner's own server, but for what it waits for, which is told, and an end at once.
    """
    # without the option a second chief would listen at the same port
    options = [("grpc.so_reuseport", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=options)
    servicer = oracle_chief.OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise RequestError(
            f"cannot listen at {address} (free that port, or set KERASTUNER_ORACLE_IP and "
            "KERASTUNER_ORACLE_PORT to an address of this machine)"
        ) from error
    server.start()
    print(f"chief: workers may ask at {address}", flush=True)
    told = None
    try:
        while not (servicer.stop_triggered and oracle_chief.exit_chief(oracle)):
            time.sleep(_LOOKS_EVERY_S)
            if oracle.failure is not None:
                raise oracle.failure
            waiting = sorted(oracle.tuner_ids | oracle.ongoing_trials.keys())
            if servicer.stop_triggered and waiting and waiting != told:
                print(f"no trial is left to begin; waiting for {', '.join(waiting)}", flush=True)
                told = waiting
    finally:
        server.stop(grace=2).wait()


def await_chief(address, wait_s):
    """Return once a chief answers at `address`.

    Raises:
      RequestError: none does within `wait_s` seconds.
    """
    print(f"worker: asking the chief at {address}", flush=True)
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=wait_s)
        except grpc.FutureTimeoutError as error:
            raise RequestError(
                f"no chief at {address} within {wait_s:g} s (start the same command there with "
                "KERASTUNER_TUNER_ID=chief; check KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT)"
            ) from error
