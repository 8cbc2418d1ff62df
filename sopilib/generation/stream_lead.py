"""Lead: how far ahead of playback a stream generates, and in chunks of what size."""

import math

from sopilib.audio.resample import StreamResampler
from sopilib.errors import RequestError

MAX_LATENCY_S = 2.0
_CHUNKS_PER_LATENCY = 8
_MAX_CHUNK_S = 0.02
_POLL_S = 0.014  # what a patch that polls in every block needs ahead


class Lead:
    """Keeps a stream ahead of its playback by at most the latency.

    Args:
      in_rate: of the model, in Hz.
      out_rate: of the stream, in Hz.
      latency_s: see `set_latency`.

    Attributes:
      chunk_size: samples of a chunk, at in_rate.
      latency_s: the latency in use.

    Raises:
      RequestError: as `set_latency`.
    """

    def __init__(self, in_rate: int, out_rate: int, latency_s: float) -> None:
        self._in_rate, self._out_rate = in_rate, out_rate
        self._num_generated = 0  # at in_rate
        self.set_latency(latency_s)

    def set_latency(self, latency_s: float) -> None:
        """Use this latency, in seconds, and choose chunks that fit it.

        Where it is too short for the resampler and a patch's polls, the shortest is used.

        Raises:
          RequestError: it is not above 0, or too long.
        """
        margin_s = 0.0
        if self._out_rate != self._in_rate:
            margin_s = StreamResampler.margin_s(self._in_rate, self._out_rate)
        shortest_s = round(_POLL_S + margin_s, 6)
        if not 0 < latency_s <= MAX_LATENCY_S:  # nor NaN
            raise RequestError(
                f"a latency of {latency_s * 1e3:g} ms (give {math.ceil(shortest_s * 1e3)} to "
                f"{MAX_LATENCY_S * 1e3:.0f})"
            )
        self.latency_s = max(latency_s, shortest_s)
        chunk_s = min((self.latency_s - margin_s) / _CHUNKS_PER_LATENCY, _MAX_CHUNK_S)
        self.chunk_size = max(1, int(chunk_s * self._in_rate))

    @property
    def front(self) -> float:
        """How far the stream is generated, in samples at out_rate; the resampler holds some."""
        return self._num_generated * self._out_rate / self._in_rate

    def note_generated(self, num_samples: int) -> None:
        """Count samples at in_rate that were generated."""
        self._num_generated += num_samples

    def is_due(self, num_played: int) -> bool:
        """Return whether the next chunk fits into the latency after `num_played` samples."""
        chunk = self.chunk_size * self._out_rate / self._in_rate
        return self.front + chunk <= num_played + self.latency_s * self._out_rate

    def room(self, num_played: int) -> int:
        """Return how many more samples, at in_rate, the latency allows after `num_played`."""
        num_allowed = num_played + self.latency_s * self._out_rate - self.front
        return max(0, math.floor(num_allowed * self._in_rate / self._out_rate + 1e-6))
