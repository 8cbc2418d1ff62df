"""Sound files, mixing and resampling (soundfile, soxr).

Audio is float32, -1 <= x <= 1. Files and seeds are (num_samples, num_channels) as
soundfile has them; voices are (num_seqs, num_samples). A take is resampled chunk
by chunk: every output sample is computed by soxr from a window that holds all the
input that its filter reaches, so the result is that of resampling the whole at
once, to float32 accuracy, and joints between chunks cannot be heard. Where it must
be the same to the last bit however the chunks fall, the windows are fixed ones.
"""

import math
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sopilib.errors import AudioError

_QUALITY = "HQ"
# Half the length of soxr's HQ filter, in samples of the slower of the two rates:
# measured, windows with this margin differ from the whole by less than 1e-6.
_FILTER_MARGIN = 96


def read_audio(path, last_s=None):
    """The audio in a file and its sample rate.

    Args:
      path: of the file.
      last_s: seconds to read from its end, default all.

    Returns:
      float32 (num_samples, num_channels), and the rate in Hz.

    Raises:
      AudioError: no such file, not a sound file, no samples in it, or not finite.
    """
    if not Path(path).is_file():
        raise AudioError(f"no sound file {path} (check the name and the folder)")
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            if last_s is not None:
                file.seek(max(0, file.frames - round(last_s * rate)))
            audio = file.read(dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise AudioError(
            f"cannot read {path} as sound: {_reason(error)} (convert it to WAV)"
        ) from error
    if not len(audio):
        raise AudioError(f"the sound file {path} is empty (give one with samples in it)")
    if not np.isfinite(audio).all():
        raise AudioError(f"the sound file {path} holds NaN or infinity (export it anew)")
    return audio, rate


def read_seed(path, offset):
    """The sound in a file from its sample `offset` on, and its rate; (None, None) without path.

    Raises:
      AudioError: as `read_audio`, or the offset lies outside the file or has none.
    """
    if path is None:
        if offset:
            raise AudioError(f"--seed_offset {offset} without --seed (give the sound, too)")
        return None, None
    audio, rate = read_audio(path)
    if not 0 <= offset < len(audio):
        raise AudioError(
            f"--seed_offset {offset} lies outside {path} of {len(audio)} samples "
            f"(give 0 to {len(audio) - 1})"
        )
    return audio[offset:], rate


def write_audio(path, audio, sample_rate, subtype=None):
    """Write float32 (num_samples,) or (num_samples, num_channels) to a file.

    The name's suffix decides the format; WAV is written with 16 bits, unless `subtype`
    is another of soundfile's, such as 'FLOAT', which keeps every bit.

    Raises:
      AudioError: the folder is missing or not writable, or the suffix unknown.
    """
    try:
        soundfile.write(path, audio, sample_rate, subtype)
    except (soundfile.SoundFileError, TypeError, OSError) as error:
        raise AudioError(
            f"cannot write {path}: {_reason(error)} (choose a folder that exists and "
            "a name ending in .wav)"
        ) from error


def check_writable_suffix(path):
    """Refuses a path to which `write_audio` would write nothing for its suffix.

    Raises:
      AudioError: the suffix is missing or none of a sound file.
    """
    suffix = Path(path).suffix
    if suffix[1:].upper() not in soundfile.available_formats():
        raise AudioError(
            f"cannot write {path}: {suffix!r} is no kind of sound file (choose a name ending "
            "in .wav)"
        )


def _reason(error):
    return str(getattr(error, "error_string", error)).strip().rstrip(".")


def mix_to_mono(audio):
    """The mean over the channels: (num_samples,) from that or (num_samples, channels)."""
    audio = np.asarray(audio, dtype=np.float32)
    return audio if audio.ndim == 1 else audio.mean(axis=1)


def resample(audio, in_rate, out_rate):
    """`audio` (num_samples,) at another rate: round(num_samples * out/in) samples."""
    if in_rate == out_rate:
        return audio
    resampler = StreamResampler(in_rate, out_rate, np.zeros((1, 0), np.float32))
    mono = np.asarray(audio, dtype=np.float32)[np.newaxis]
    return np.concatenate([resampler.push(mono), resampler.finish()], axis=1)[0]


class StreamResampler:
    """Resamples voices chunk by chunk, as if the whole were resampled at once.

    Output sample k stands at the time of input sample k * in_rate / out_rate.

    Args:
      in_rate, out_rate: in Hz, integers.
      context: float32 (num_seqs, any), the input just before the first sample, so
        that a sound that goes on does not start with a click; (num_seqs, 0) where
        there was silence.
      block: output samples that are always computed together, so that the output is
        the same to the last bit whatever the chunks; default: what a push completes.
    """

    def __init__(self, in_rate, out_rate, context, block=None):
        self._rates = in_rate, out_rate
        self._block = block
        self._margin = math.ceil(self.margin_s(in_rate, out_rate) * in_rate)
        # input samples after which input and output samples coincide again:
        # windows start there so that soxr's phase in them is that of the whole
        self._period = in_rate // math.gcd(in_rate, out_rate)
        self._buffer = self._aligned(np.asarray(context, dtype=np.float32))
        self._start = -self._buffer.shape[1]  # input position of the buffer's start
        self._num_in = 0
        self._num_out = 0

    @staticmethod
    def margin_s(in_rate, out_rate):
        """Seconds of sound that are needed beyond the last sample handed out."""
        return _FILTER_MARGIN / min(in_rate, out_rate)

    def _aligned(self, context):
        """The end of `context` that matters, padded to a multiple of the period."""
        context = context[:, max(0, context.shape[1] - self._margin) :]
        silence = -context.shape[1] % self._period
        return np.pad(context, ((0, 0), (silence, 0)))

    def push(self, audio):
        """The output float32 (num_seqs, any) that `audio` (num_seqs, any) completes."""
        self._num_in += audio.shape[1]
        self._buffer = np.concatenate([self._buffer, audio], axis=1)
        complete = self._num_in - self._margin
        end = complete * self._rates[1] // self._rates[0]
        return self._blocks(end // self._block * self._block if self._block else end)

    def num_needed(self, num_samples):
        """Input samples after which the output has come to `num_samples` or beyond."""
        if self._block:
            num_samples = -(-num_samples // self._block) * self._block
        return self._num_in_before(num_samples) + self._margin

    def finish(self):
        """The rest, as if silence followed: in all round(num_in * out/in) samples."""
        end = round(self._num_in * self._rates[1] / self._rates[0])
        self._buffer = np.pad(self._buffer, ((0, 0), (0, self._margin)))
        return self._blocks(end)

    def _num_in_before(self, num_out):
        """Input samples that stand before output sample `num_out`."""
        return -(-num_out * self._rates[0] // self._rates[1])

    def _blocks(self, end):
        """The output samples from the last one given to before sample `end`."""
        pieces = [np.zeros((len(self._buffer), 0), np.float32)]
        while self._num_out < end:
            pieces.append(self._up_to(min(end, self._num_out + (self._block or end))))
        return np.concatenate(pieces, axis=1)

    def _up_to(self, end):
        """The output samples from the last one given to before sample `end`, one window."""
        num_in = self._num_in_before(end) + self._margin - self._start
        window = soxr.resample(self._buffer[:, :num_in].T, *self._rates, quality=_QUALITY)
        first = self._start * self._rates[1] // self._rates[0]
        out = window[self._num_out - first : end - first].T
        self._num_out = end
        self._forget_past()
        return np.ascontiguousarray(out)

    def _forget_past(self):
        """Drop the input that no further output sample depends on."""
        needed = self._num_out * self._rates[0] // self._rates[1] - self._margin
        surplus = (needed - self._start) // self._period * self._period
        if surplus > 0:
            self._buffer = self._buffer[:, surplus:]
            self._start += surplus
