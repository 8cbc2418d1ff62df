"""Notes: kept states played from a keyboard, one voice of a stream a key."""

from collections.abc import Sequence

from sopilib.generation.stream_voices import StreamVoices
from sopilib.model.generator_state import SavedState

ATTACK_S = 0.005
RELEASE_S = 0.2


class Notes:
    """Chooses a voice for each key and shapes its loudness.

    The first key silences the voices that play on by themselves. Where more keys are held
    than there are voices, a new one takes the voice of the oldest.

    Args:
      voices: of the stream.
      num_seqs: number of voices.

    Attributes:
      release_s: how long a voice fades out after its key is let go, in seconds.
    """

    def __init__(self, voices: StreamVoices, num_seqs: int) -> None:
        self._voices, self._num_seqs = voices, num_seqs
        self.release_s = RELEASE_S
        self._held: dict[int, int] = {}  # pitch by voice, the oldest first
        self._last: dict[int, int] = {}  # pitch that a free voice had
        self._free = list(range(num_seqs))  # let go longest ago first
        self._is_on = False

    def press(self, pitch: int, loudness: float, state: SavedState) -> int:
        """Play the first voice of `state` while the key is held; return the voice that does.

        Args:
          pitch: of the key.
          loudness: gain, above 0.
          state: of the stream's generator.
        """
        if not self._is_on:
            self._is_on = True
            for voice in range(self._num_seqs):
                self._voices.notes.glide(voice, 0.0, self.release_s)
        voice = self._voice_for(pitch)
        self._held.pop(voice, None)
        self._held[voice] = pitch
        if voice in self._free:
            self._free.remove(voice)
        self._voices.jump_apart({voice: (state, 0)}, random=True)
        self._voices.notes.glide(voice, loudness, ATTACK_S)
        return voice

    def let_go(self, pitch: int) -> None:
        """Fade out the voice of this key, if one plays it."""
        for voice in [voice for voice, held in self._held.items() if held == pitch]:
            del self._held[voice]
            self._last[voice] = pitch
            self._free.append(voice)
            self._voices.notes.glide(voice, 0.0, self.release_s)

    def end(self, voices: Sequence[int]) -> None:
        """Let these voices play by themselves again."""
        if not self._is_on:
            return
        for voice in voices:
            self._held.pop(voice, None)
            self._last.pop(voice, None)
            if voice not in self._free:
                self._free.append(voice)
            self._voices.notes.glide(voice, 1.0, ATTACK_S)
        self._is_on = len(voices) < self._num_seqs

    def _voice_for(self, pitch: int) -> int:
        for voice, held in self._held.items():
            if held == pitch:
                return voice
        for voice in self._free:
            if self._last.get(voice) == pitch:
                return voice
        return self._free[0] if self._free else next(iter(self._held))
