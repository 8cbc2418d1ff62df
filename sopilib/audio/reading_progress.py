"""Show how far recordings have been read: a line on a terminal, now and then one elsewhere."""

import sys
import time
from types import TracebackType

# seconds from one line to the next, and before the first
_ON_TERMINAL_S, _ELSEWHERE_S = 0.5, 15.0


class ReadingProgress:
    """Counts files and seconds of sound, and shows them on stderr; use it in a with block.

    Args:
      num_files: that will be read.
    """

    def __init__(self, num_files: int) -> None:
        self._num_files, self._num_begun, self._read_s = num_files, 0, 0.0
        self._is_terminal = sys.stderr.isatty()
        self._is_shown, self._shown_at = False, time.monotonic()

    def __enter__(self) -> "ReadingProgress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_shown and self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def begin_file(self) -> None:
        """Count a file."""
        self._num_begun += 1
        self._show()

    def read(self, seconds: float) -> None:
        """Count seconds of sound that have been read."""
        self._read_s += seconds
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown_at < (_ON_TERMINAL_S if self._is_terminal else _ELSEWHERE_S):
            return
        self._is_shown, self._shown_at = True, now
        text = f"reading file {self._num_begun} of {self._num_files}, {self._read_s / 60:.1f} min"
        ends = ("\r", "\x1b[K") if self._is_terminal else ("", "\n")
        print(text.join(ends), end="", file=sys.stderr, flush=True)
