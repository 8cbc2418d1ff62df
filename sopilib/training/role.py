"""The role of a process in a search over several machines, from Keras Tuner's variables."""

from collections.abc import Mapping
from dataclasses import dataclass

from sopilib.errors import RequestError

_VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


@dataclass(frozen=True)
class Role:
    """Chief, worker, or the only process of a search.

    Attributes:
      tuner_id: name of this process, None for the only one.
      address: of the chief, `IP:PORT`, None for the only process.
    """

    tuner_id: str | None = None
    address: str | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process gives trials to workers."""
        return self.address is not None and "chief" in (self.tuner_id or "")

    @property
    def is_worker(self) -> bool:
        """Whether this process asks a chief for trials."""
        return self.address is not None and not self.is_chief


def read_role(environment: Mapping[str, str]) -> Role:
    """Return the Role in Keras Tuner's environment variables; alone without an address.

    Raises:
      RequestError: some of them are missing or malformed.
    """
    tuner_id, ip, port = (environment.get(name) for name in _VARIABLES)
    if ip is None and port is None:
        return Role()
    missing = [name for name in _VARIABLES if not environment.get(name)]
    if missing or not port:
        raise RequestError(
            f"{' and '.join(missing)} not set (set all of {', '.join(_VARIABLES)}, or none)"
        )
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise RequestError(f"KERASTUNER_ORACLE_PORT {port!r} (set it to a number up to 65535)")
    return Role(tuner_id, f"{ip}:{port}")
