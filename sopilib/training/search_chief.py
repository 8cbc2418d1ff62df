"""The chief of a search over several processes, with Keras Tuner's protocol."""

import time
from concurrent import futures
from typing import Any, Protocol

from sopilib.errors import RequestError
from sopilib.training.quiet_keras_tuner import grpc, oracle_chief, protos

_POLL_S = 0.5


class ServedOracle(Protocol):
    """The parts of an oracle, see `sopilib.training.oracles`, that the chief uses itself.

    Attributes:
      tuner_ids: workers that have not ended.
      ongoing_trials: the trial of each worker that has one.
      failure: what a request of a worker has raised, or None.
    """

    tuner_ids: set[str]
    ongoing_trials: dict[str, Any]
    failure: Exception | None


def serve(oracle: ServedOracle, address: str) -> None:
    """Answer workers until all trials are done and all workers know.

    Unlike Keras Tuner's own server it prints what it waits for, and ends at once.

    Args:
      oracle: chooses the trials.
      address: `IP:PORT` of this machine.

    Raises:
      RequestError: the address cannot be used.
    """
    # otherwise a second chief could listen at the same port
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
    printed: list[str] | None = None
    try:
        while not (servicer.stop_triggered and oracle_chief.exit_chief(oracle)):
            time.sleep(_POLL_S)
            if oracle.failure is not None:
                raise oracle.failure
            waiting = sorted(oracle.tuner_ids | oracle.ongoing_trials.keys())
            if servicer.stop_triggered and waiting and waiting != printed:
                print(f"no trial is left to begin; waiting for {', '.join(waiting)}", flush=True)
                printed = waiting
    finally:
        server.stop(grace=2).wait()


def await_chief(address: str, wait_s: float) -> None:
    """Return once a chief answers at `address`, `IP:PORT`.

    Raises:
      RequestError: none answers within `wait_s` seconds.
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
