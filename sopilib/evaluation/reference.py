"""The statistics of the recordings that a model was trained on, to compare its takes with."""

import numpy as np

from sopilib.audio.file_sound import FileSound
from sopilib.audio.recordings import RecordingSet
from sopilib.evaluation.similarity import ReferenceStatistics
from sopilib.model.config import ModelConfig
from sopilib.model.sample_codec import SampleCodec

LEAST_DUR_S = 0.5  # of a take, to compare it
_PIECE = 1 << 20  # samples


def comparable_dur(corpus: RecordingSet, dur_s: float) -> float:
    """Return `dur_s`, or the length of the longest recording in seconds if that is shorter.

    A corpus of chunks has no piece as long as a longer take; one chunk would stand for all.
    """
    longest = max(len(recording.audio) for recording in corpus.recordings)
    return min(dur_s, longest / corpus.sample_rate)


def reference_of(corpus: RecordingSet, config: ModelConfig, dur_s: float) -> ReferenceStatistics:
    """Return the statistics of a corpus, quantized like a model's takes of `dur_s` seconds."""
    sounds = [rounded_like_takes(recording.audio, config) for recording in corpus.recordings]
    return ReferenceStatistics(sounds, config.sample_rate, dur_s)


def rounded_like_takes(audio: np.ndarray | FileSound, config: ModelConfig) -> np.ndarray:
    """Return `audio` (num_samples,) rounded to the model's levels, piece by piece."""
    rounded = np.empty(len(audio), np.float32)
    encoder, decoder = SampleCodec(config), SampleCodec(config)
    for k in range(0, len(audio), _PIECE):
        levels = encoder.encode(np.asarray(audio[k : k + _PIECE]))
        rounded[k : k + _PIECE] = decoder.decode(levels)[0]
    return rounded
