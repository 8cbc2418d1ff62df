"""An array in Pd that is played in a loop and written ahead of the playback position.

Positions in it count samples since the start and never go back. Everything before `end`
will be played; some silence always follows it, so that old sound does not return if new
sound is late. Where the sound ends, because there is no more or because it is stopped, its
last milliseconds fade out; where it starts again, it fades in.

The patch reports its playback position often (several times within the lead); samples
before it have been played, samples after it have not.
"""

import array
import math

from samplernn_pd.host import Arrays
from samplernn_pd.ring_arrays import RingArrays

FADE_S = 0.005
BLOCK = 64  # samples that Pd computes at a time
_FIRST_STEP_S = 0.01
_BYTES = 4
_SLICE = 1 << 13  # samples to silence at a time


class Ring:
    """A writer into the array `name` of `arrays`, and into one for each voice beside it.

    Args:
        sample_rate: of the playback, in Hz.
        voice_names: see `samplernn_pd.ring_arrays`, which also says what a frame is.

    Attributes:
        rows: the number of samples in a frame.
        played: the playback position.
        end: position up to which all sound has been written.
        is_silent: whether silence was written last.
    """

    def __init__(
        self, arrays: Arrays, name: str, sample_rate: int, voice_names: tuple[str, ...] = ()
    ) -> None:
        self._store = RingArrays(arrays, name, voice_names)
        self.length, self.rows = self._store.length, self._store.rows
        self._longest_fade = self._fade = max(1, round(FADE_S * sample_rate))
        self._step = round(_FIRST_STEP_S * sample_rate)  # the longest recent step between two polls
        self._long_steps = [0, 0, 0]  # the longest steps between two polls so far
        self._position: int | None = None  # in the array, as the patch last reported
        self.played = self.end = 0
        self._cleared = 0  # position up to which there is silence, from `end` on
        self.is_silent = True

    def fit(self, latency: int) -> None:
        """Fade within a tenth of this latency, in samples, where that is shorter."""
        self._fade = max(1, min(self._longest_fade, latency // 10))

    @property
    def is_clear(self) -> bool:
        """Whether everything except the sound ahead, before `end`, is silent."""
        return self._cleared >= self.played + self.length

    def silence(self) -> bool:
        """Silence another slice of everything except the sound ahead, before `end`.

        Silencing everything at once would block Pd.

        Returns:
            False if the array no longer accepts it.
        """
        return self._clear(max(self._cleared, self.end, self.played) + _SLICE)

    def cut(self) -> None:
        """Silence the whole array at once, even if its length has changed."""
        self.is_silent = True
        self.end, self._cleared = self.played, self.played + self.length
        self._store.silence()

    @property
    def is_played(self) -> bool:
        """Whether the patch has reported its playback position."""
        return self._position is not None

    @property
    def lead(self) -> int:
        """The number of samples ahead that cannot be played before the next poll."""
        return min(2 * self._step + BLOCK, self.length // 4)

    @property
    def shortest_latency(self) -> int:
        """The samples that a worker must be ahead, 0 until some polls have shown their steps.

        Pd plays a step between two polls, in a large `[block~]` a whole block. The worker
        learns of it a step later and its sound arrives another step later; two steps are the
        lead. A chunk, an eighth of the latency, is not made before it fits. A single long
        step does not count.
        """
        step = self._long_steps[0]
        return math.ceil((4 * step + BLOCK + self._longest_fade) * 8 / 7) if step else 0

    def play_at(self, position: int) -> None:
        """Note that the patch now plays the sample `position` of the array."""
        position = int(position) % self.length
        if self._position is None:
            is_clear = self._cleared == self.length
            self.played = self.end = position
            self._cleared = position + (self.length if is_clear else 0)
        else:
            step = (position - self._position) % self.length
            self.played += step
            if step < self.length // 2:  # else it went back: playback has restarted
                self._step = max(step, self._step - self._step // 16, BLOCK)
                self._long_steps = sorted([*self._long_steps, step])[1:]
        self._position = position

    def is_running_out(self) -> bool:
        """Return whether the sound must fade out now, in order to end before it runs out."""
        return not self.is_silent and self.end - self.played < self._fade + self.lead

    def write(self, frames: array.array) -> bool:
        """Append sound, frames of floats; fade it in if there was silence before.

        Returns:
            False if the array no longer accepts it.
        """
        if self.is_silent:
            self.is_silent = False
            for i in range(min(self._fade * self.rows, len(frames))):
                frames[i] *= (i // self.rows + 1) / (self._fade + 1)
        return self._append(frames) and self._clear_ahead()

    def fade_out(self, at_once: bool = False) -> bool:
        """Fade the sound out within milliseconds of `end` or of now; silence follows.

        Returns:
            False if the array no longer accepts it.
        """
        if self.is_silent:
            return True
        self.is_silent = True
        begin = self.end - self._fade
        if at_once:
            begin = min(begin, self.played + self.lead)
        begin = max(begin, self.played)
        num_frames = max(0, min(self._fade, self.end - begin))
        frames = self._store.read(begin, num_frames)
        for i in range(len(frames)):
            frames[i] *= 1 - (i // self.rows + 1) / num_frames
        old_end, self.end = self.end, begin
        is_written = self._append(frames)
        self._cleared = self.end  # the sound ahead will not be played
        return is_written and self._clear(max(old_end, self.played + 2 * self.lead))

    def keep_silent(self) -> bool:
        """Write silence ahead of playback; return False if the array no longer accepts it."""
        if not self.is_silent:
            return self._clear_ahead()
        is_written = self._clear(self.played + 3 * self.lead)
        self.end = max(self.end, self.played + self.lead)
        return is_written

    def _clear_ahead(self) -> bool:
        return self._clear(max(self.end, self.played) + 2 * self.lead)

    def _clear(self, place: int) -> bool:
        """Write silence after `end` up to `place`, where there is none yet."""
        begin = max(self._cleared, self.end, self.played)
        num_samples = min(place, self.played + self.length) - begin
        if num_samples <= 0:
            return True
        self._cleared = begin + num_samples
        return self._store.put(begin, array.array("f", bytes(num_samples * self.rows * _BYTES)))

    def _append(self, frames: array.array) -> bool:
        """Write at `end` and move it."""
        begin, self.end = self.end, self.end + len(frames) // self.rows
        return self._store.put(begin, frames)
