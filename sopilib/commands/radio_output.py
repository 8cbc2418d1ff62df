"""Where the sound of a radio goes: standard output, a fifo, a device or a file."""

import fcntl
import os
import select
import stat
import sys
import time
from pathlib import Path

import numpy as np

from sopilib.audio.endless_sound import SAMPLE_BYTES, encoder
from sopilib.audio.wav_header import endless_header
from sopilib.audio.write import check_space
from sopilib.errors import AudioError, RequestError
from sopilib.new_files import check_writable, unwritable

STANDARD_OUTPUT = Path("-")
_STDOUT = 1
_LEAD_S = 1.0  # how far a radio in real time runs ahead
_BLOCKS_PER_S = 10


def check_output(path: Path, format_: str, overwrite: bool, num_samples: int) -> None:
    """Refuse what a radio cannot or should not write to; change nothing.

    Args:
      path: STANDARD_OUTPUT or a path.
      format_: one of `endless_sound.FORMATS`.
      overwrite: whether the user wants a file replaced.
      num_samples: that a file must have room for.

    Raises:
      RequestError: standard output is a terminal, or closed.
      AudioError: a file is there, or none can be written, or its name is not that of its format,
        or the disk has too little space.
    """
    if path == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise RequestError("standard output is closed (add a pipe, or give --out FILE)")
        if os.isatty(_STDOUT):
            raise RequestError("standard output is a terminal (add a pipe, or give --out FILE)")
        return
    if path.exists() and not path.is_file():
        return
    if not overwrite and os.path.lexists(path):
        raise AudioError(f"{path} exists (choose another --out, or give --overwrite)")
    if format_ == "wav" and path.suffix.lower() not in ("", ".wav"):
        raise AudioError(
            f"cannot write {path}: a radio writes WAV or raw samples (choose a name ending in "
            ".wav, or give --format)"
        )
    try:
        check_writable(path)
    except OSError as error:
        raise AudioError(unwritable(path, error)) from error
    there = path.stat().st_size if path.exists() else 0  # which it replaces
    check_space(path, num_samples * SAMPLE_BYTES[format_] - there)


class RadioOutput:
    """Takes the samples of a radio; use it in a `with`.

    A fifo is opened when a program reads it. In a WAV file the sizes are filled in at the end.

    Args:
      path: STANDARD_OUTPUT or a path.
      format_: one of `endless_sound.FORMATS`.
      sample_rate: in Hz.
      is_realtime: whether to write no faster than the sound plays.

    Raises:
      OSError: here, or later when it is written.
    """

    def __init__(self, path: Path, format_: str, sample_rate: int, is_realtime: bool) -> None:
        self._rate, self._encode = sample_rate, encoder(format_)
        self._is_wav, self._clock = format_ == "wav", Clock(sample_rate) if is_realtime else None
        self._num_samples = 0
        self._is_ours = path != STANDARD_OUTPUT
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o666) if self._is_ours else _STDOUT

    def __enter__(self) -> "RadioOutput":
        self._header_at = self._place() if self._is_wav else None
        if self._is_wav:
            self._write(endless_header(self._rate))
        return self

    def __exit__(self, *_: object) -> None:
        if self._header_at is not None:
            os.pwrite(self._file, endless_header(self._rate, self._num_samples), self._header_at)
        if self._is_ours:
            os.close(self._file)

    def play(self, sound: np.ndarray) -> None:
        """Write samples, float32 (any,); wait until the reader or the time takes them.

        Raises:
          BrokenPipeError: the reader has ended.
        """
        size = self._rate // _BLOCKS_PER_S
        for begin in range(0, len(sound), size):
            block = sound[begin : begin + size]
            if self._clock:
                self._clock.wait(len(block))
            self._write(self._encode(block))
            self._num_samples += len(block)

    def _place(self) -> int | None:
        """Return where a regular file will have its header; None elsewhere."""
        is_file = stat.S_ISREG(os.fstat(self._file).st_mode)
        appends = fcntl.fcntl(self._file, fcntl.F_GETFL) & os.O_APPEND
        return os.lseek(self._file, 0, os.SEEK_CUR) if is_file and not appends else None

    def _write(self, content: bytes) -> None:
        while content:
            try:
                content = content[os.write(self._file, content) :]
            except BlockingIOError:  # whoever gave us the pipe does not wait for it
                select.select([], [self._file], [])


class Clock:
    """Holds a radio back to real time. After a delay it does not catch up."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._due_s = 0.0  # when the next sample is to play

    def wait(self, num_samples: int) -> None:
        """Wait until the next samples are at most `_LEAD_S` early."""
        now_s = time.monotonic()
        early_s = self._due_s - now_s
        if early_s > _LEAD_S:
            time.sleep(early_s - _LEAD_S)
        self._due_s = max(self._due_s, now_s) + num_samples / self._rate
