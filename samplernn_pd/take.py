"""Write a take into Pd's arrays.

Each poll silences a slice of the array's old content, ahead of the samples that arrive:
silencing everything at once would block Pd during a long take.

What cannot be sliced is Pd's own work on a whole array. Resizing takes it 8 ns a new sample, and
drawing an open graph 15 ns a sample (1.4 s and 2.6 s for three hours at 16 kHz; Pd 0.53). Growing
an array piece by piece would draw it with each piece. So a long resize is announced a poll before,
a long array is drawn only once its take has ended, and others the less often the longer they are.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from samplernn_pd.host import Arrays
from sopilib.protocol import messages

if TYPE_CHECKING:
    from samplernn_pd.stream import StreamInPd

MAX_ARRAY_SAMPLES = 1 << 28  # the longest array that our pyext allows
REDRAW_EVERY_S = 0.2
RESIZE_S = 8e-9  # of Pd's time for each new sample
DRAW_S = 15e-9  # for each sample, where the graph is open
ANNOUNCED_S = 0.1  # a resize that takes longer is announced
LONGEST_DRAW_S = 0.03  # a graph that takes longer is drawn at the end of the take alone
DRAW_SHARE = 0.05  # of the time, at most
_POLLS_BEFORE_RESIZE = 2  # the first one sends the notice to Pd
_BYTES_PER_SAMPLE = 4
_SLICE_SAMPLES = 1 << 14
_SILENCE = bytes(_SLICE_SAMPLES * _BYTES_PER_SAMPLE)


class TakeInPd:
    """A writer of chunks into one array for each voice that reports its progress.

    Args:
        number: of the take.
        array_names: one for each voice.
        arrays: of the host.
        say: called with selector and atoms of a status message.
    """

    def __init__(
        self, number: int, array_names: Sequence[str], arrays: Arrays, say: Callable[..., None]
    ) -> None:
        self.number = number
        self.array_names = array_names
        self._arrays = arrays
        self._say = say
        self._num_samples = 0
        self._sample_rate = 0
        self._old_end = 0  # the arrays held older samples up to here
        self._silenced = 0  # the older samples are silenced up to here
        self._done = 0
        self._shown = 0
        self._speed = 0.0
        self._drawn_at = 0.0
        self._polls_to_resize = 0
        self._early: list[messages.Chunk] = []  # arrived before the arrays are resized
        self._is_refused = self._is_ended = False

    @property
    def begun(self) -> bool:
        """Whether the arrays have been prepared."""
        return self._num_samples > 0

    @property
    def _draw_s(self) -> float:
        """Seconds that Pd takes to draw all arrays if their graphs are open."""
        return self._num_samples * len(self.array_names) * DRAW_S

    def shares_arrays(self, other: "TakeInPd | StreamInPd") -> bool:
        """Return whether `other`, a take or stream, also writes into one of these arrays."""
        return not set(self.array_names).isdisjoint(other.array_names)

    def begin(self, num_samples: int | None, sample_rate: int) -> bool:
        """Resize every array to the length of the take; return False if one cannot be resized."""
        if num_samples is None or num_samples > MAX_ARRAY_SAMPLES:
            return False
        self._num_samples, self._sample_rate = num_samples, sample_rate
        lengths = [self._arrays.length(name) for name in self.array_names]
        self._old_end = min(max(lengths), num_samples)  # Pd fills new samples with silence
        num_new = sum(max(0, num_samples - length) for length in lengths)
        if min(lengths) == 0 or num_new * RESIZE_S < ANNOUNCED_S:
            return self._resize()
        self._announce(num_new)
        return True

    def _announce(self, num_new: int) -> None:
        """Say how long Pd will stand still while the arrays get so many new samples."""
        resize_s = num_new * RESIZE_S
        open_s = resize_s + self._draw_s
        text = f"Pd stands still for about {resize_s:.1f} s to resize {' '.join(self.array_names)}"
        self._say("notice", *f"{text} ({open_s:.1f} s where the graphs are open)".split())
        self._polls_to_resize = _POLLS_BEFORE_RESIZE

    def _resize(self) -> bool:
        """Resize every array; return False if one cannot be resized."""
        self._polls_to_resize = 0
        resized = [self._arrays.resize(name, self._num_samples) for name in self.array_names]
        return all(resized)

    def _resize_as_announced(self) -> None:
        """Resize the arrays and write what has arrived; `write` tells if they are gone."""
        self._is_refused = not self._resize()
        early, self._early = self._early, []
        for chunk in early:
            self.write(chunk)

    def write(self, chunk: messages.Chunk) -> bool:
        """Write a chunk; return False if an array is gone or too short."""
        if self._polls_to_resize:
            self._early.append(chunk)
            return True
        if self._is_refused:
            return False
        run_bytes = len(chunk.payload) // chunk.num_seqs
        written = [
            self._arrays.write(
                name, chunk.start, chunk.payload[voice * run_bytes : (voice + 1) * run_bytes]
            )
            for voice, name in enumerate(self.array_names)
        ]
        self._done = chunk.start + run_bytes // _BYTES_PER_SAMPLE
        self._silenced = max(self._silenced, self._done)
        self._speed = chunk.speed
        return all(written)

    def silence_slice(self) -> bool:
        """Silence another part of the arrays' old content; return True while there is more."""
        begin, end = self._silenced, min(self._silenced + _SLICE_SAMPLES, self._old_end)
        if end <= begin:
            return False
        silence = _SILENCE[: (end - begin) * _BYTES_PER_SAMPLE]
        written = [self._arrays.write(name, begin, silence) for name in self.array_names]
        self._silenced = end
        if end == self._old_end and (self._is_ended or self._draw_s <= LONGEST_DRAW_S):
            self._redraw()
        return all(written) and end < self._old_end

    def show_progress(self) -> None:
        """Report any progress, and redraw the arrays now and then. Comes with each poll."""
        if self._polls_to_resize:
            self._polls_to_resize -= 1
            if not self._polls_to_resize:
                self._resize_as_announced()
        if self._done == self._shown:
            return
        self._shown = self._done
        fraction, seconds = self._done / self._num_samples, self._done / self._sample_rate
        self._say("progress", fraction, seconds, self._speed)
        every_s = max(REDRAW_EVERY_S, self._draw_s / DRAW_SHARE)
        if self._draw_s <= LONGEST_DRAW_S and time.monotonic() - self._drawn_at > every_s:
            self._redraw()

    def report(self, selector: str) -> None:
        """End the take: `selector ARRAY SAMPLE_RATE LENGTH` for each array."""
        if self._polls_to_resize:
            self._resize_as_announced()
        self.show_progress()
        self._is_ended = True
        self._redraw()
        for name in self.array_names:
            self._say(selector, name, self._sample_rate, self._done)

    def _redraw(self) -> None:
        self._drawn_at = time.monotonic()
        for name in self.array_names:
            self._arrays.redraw(name)
