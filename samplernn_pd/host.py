"""The interface between the instrument and its host, the object in Pd."""

import os
from collections.abc import Sequence
from typing import Protocol


class Arrays(Protocol):
    """Arrays by name, of float32 samples as bytes. They may come, go and change length."""

    def length(self, name: str) -> int:
        """Return the number of samples in the array, 0 if there is none."""

    def read(self, name: str) -> bytes:
        """Return all samples of the array."""

    def read_slice(self, name: str, start: int, stop: int) -> bytes:
        """Return the samples from `start` to before `stop`; b"" without the array."""

    def resize(self, name: str, num_samples: int) -> bool:
        """Resize the array to `num_samples`; return False if there is none or Pd refuses."""

    def write(self, name: str, start: int, samples: bytes) -> bool:
        """Write `samples` from sample `start` on; return False if they do not fit."""

    def redraw(self, name: str) -> None:
        """Have Pd redraw the array, if there is one."""


class Host(Protocol):
    """The class in Pd."""

    arrays: Arrays
    patch_folder: str  # to which paths are relative; another one where a patch tells it

    @property
    def search_folders(self) -> Sequence[str]:
        """The folders of Pd's search path and of `declare -path`, as far as they are known."""

    @property
    def sample_rate(self) -> int:
        """Pd's sample rate in Hz."""

    def missing_polls(self) -> str | None:
        """Return an error text if nothing is delivered because polls are missing, else None."""

    def send(self, selector: str, *atoms: int | float | str) -> None:
        """Send a status message."""

    def print(self, text: str) -> None:
        """Write a line to the console."""


def absolute(host: Host, path: str) -> str:
    """Return a path that a performer gave, from the folder of the patch on."""
    return os.path.join(host.patch_folder, os.path.expanduser(path))
