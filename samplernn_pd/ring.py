"""An array in Pd that is played round and round, and written ahead of where it is played.

Places in it are counted in samples since the start and never go back. What lies before
`end` will be played; some silence always follows it, so that old sound does not come
back where new sound is late. Where the sound ends, because there is no more or because
it is stopped, its last milliseconds are faded out; where it begins again it is faded in.

The patch tells its playback position often (several times within the lead); what lies
before that has been played, what lies behind it has not.
"""

import array

from samplernn_pd.host import Arrays

FADE_S = 0.005
BLOCK = 64  # samples that Pd computes at a time
_FIRST_STEP_S = 0.01
_BYTES = 4
_SLICE = 1 << 13  # samples that are silenced at a time


class Ring:
    """Writes into the array `name` of `arrays`.

    Args:
        sample_rate: at which the array is played, in Hz.

    Attributes:
        played: place that is being played.
        end: place before which all sound has been written.
        is_silent: whether silence was written last.
    """

    def __init__(self, arrays: Arrays, name: str, sample_rate: int) -> None:
        self._arrays, self._name = arrays, name
        self.length = arrays.length(name)
        self._fade = max(1, round(FADE_S * sample_rate))
        self._step = round(_FIRST_STEP_S * sample_rate)  # the longest of late between two polls
        self._position: int | None = None  # in the array, as the patch last told
        self.played = self.end = 0
        self._cleared = 0  # place before which there is silence, from `end` on
        self.is_silent = True

    @property
    def is_clear(self) -> bool:
        """Whether all but what lies ahead, before `end`, is silent."""
        return self._cleared >= self.played + self.length

    def silence(self) -> bool:
        """Silence a slice more of all that does not lie ahead, before `end`.

        All at once would hold Pd up.

        Returns:
            False if the array no longer accepts it.
        """
        return self._clear(max(self._cleared, self.end, self.played) + _SLICE)

    def cut(self) -> None:
        """Silence the array at once, whatever its length is by now."""
        self.is_silent = True
        self.end, self._cleared = self.played, self.played + self.length
        num_samples = self._arrays.length(self._name)
        self._arrays.write(self._name, 0, bytes(num_samples * _BYTES))

    @property
    def is_played(self) -> bool:
        """Whether the patch has told where it plays."""
        return self._position is not None

    @property
    def lead(self) -> int:
        """Samples ahead of play that are safe from being played before the next poll."""
        return min(2 * self._step + BLOCK, self.length // 4)

    def play_at(self, position: int) -> None:
        """Note that the patch plays the sample `position` of the array now."""
        position = int(position) % self.length
        if self._position is None:
            is_clear = self._cleared == self.length
            self.played = self.end = position
            self._cleared = position + (self.length if is_clear else 0)
        else:
            step = (position - self._position) % self.length
            self.played += step
            if step < self.length // 2:  # else it went back: play has begun anew
                self._step = max(step, self._step - self._step // 16, BLOCK)
        self._position = position

    def is_running_out(self) -> bool:
        """Return whether the sound must be faded out now, to end before it is missing."""
        return not self.is_silent and self.end - self.played < self._fade + self.lead

    def write(self, samples: array.array) -> bool:
        """Append sound, floats; fade it in where there was silence.

        Returns:
            False if the array no longer accepts it.
        """
        if self.is_silent:
            self.is_silent = False
            for i in range(min(self._fade, len(samples))):
                samples[i] *= (i + 1) / (self._fade + 1)
        return self._append(samples) and self._clear_ahead()

    def fade_out(self, at_once: bool = False) -> bool:
        """End the sound within milliseconds of `end`, or of now; silence follows.

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
        samples = self._read(begin, max(0, min(self._fade, self.end - begin)))
        for i in range(len(samples)):
            samples[i] *= 1 - (i + 1) / len(samples)
        old_end, self.end = self.end, begin
        is_written = self._append(samples)
        self._cleared = self.end  # what was ahead is not to be played
        return is_written and self._clear(max(old_end, self.played + 2 * self.lead))

    def keep_silent(self) -> bool:
        """Write silence ahead as play advances; False if the array no longer accepts it."""
        if not self.is_silent:
            return self._clear_ahead()
        is_written = self._clear(self.played + 3 * self.lead)
        self.end = max(self.end, self.played + self.lead)
        return is_written

    def _clear_ahead(self) -> bool:
        return self._clear(max(self.end, self.played) + 2 * self.lead)

    def _clear(self, place: int) -> bool:
        """Write silence up to `place`, where there is none yet behind `end`."""
        begin = max(self._cleared, self.end, self.played)
        num_samples = min(place, self.played + self.length) - begin
        if num_samples <= 0:
            return True
        self._cleared = begin + num_samples
        return self._put(begin, array.array("f", bytes(num_samples * _BYTES)))

    def _append(self, samples: array.array) -> bool:
        """Write at `end` and move it."""
        begin, self.end = self.end, self.end + len(samples)
        return self._put(begin, samples)

    def _put(self, begin: int, samples: array.array) -> bool:
        """Write `samples` from the place `begin` on, round the end of the array."""
        start = begin % self.length
        num_first = min(len(samples), self.length - start)
        is_written = self._arrays.write(self._name, start, samples[:num_first].tobytes())
        if num_first < len(samples):
            rest = samples[num_first:].tobytes()
            is_written = self._arrays.write(self._name, 0, rest) and is_written
        return is_written

    def _read(self, begin: int, num_samples: int) -> array.array:
        start = begin % self.length
        num_first = min(num_samples, self.length - start)
        samples = array.array("f", self._arrays.read_slice(self._name, start, start + num_first))
        if num_first < num_samples:
            samples.frombytes(self._arrays.read_slice(self._name, 0, num_samples - num_first))
        return samples
