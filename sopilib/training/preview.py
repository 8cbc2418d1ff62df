"""Previews: what a checkpoint sounds like, at several temperatures, as WAV and PNG."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib import engine
from sopilib.audio.files import write_audio
from sopilib.audio.spectrogram import draw_take
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.fold import fold
from sopilib.engine.measure import choose_precision
from sopilib.engine.pack import pack
from sopilib.errors import AudioError
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.tensorflow_generator import Generator
from sopilib.model.network import named_variables

TEMPERATURES = (0.85, 0.95, 1.05)


@dataclass(frozen=True)
class PreviewRequest:
    """What to make after a checkpoint.

    Attributes:
      temperatures: a take at each.
      num_takes: at each temperature.
      dur_s: seconds of a take.
      seed_audio: float32 (n,) or (n, channels), a sound to go on from, or None.
      seed_rate: of it, in Hz.
      folder: Path that they are written to.
      prism_name: id of the training, which begins PRiSM's file names; None for ours.
    """

    temperatures: tuple = TEMPERATURES
    num_takes: int = 1
    dur_s: float = 3.0
    seed_audio: np.ndarray = None
    seed_rate: int = None
    folder: Path = None
    prism_name: str | None = None

    def file_name(self, epoch: int, temperature: float, number: int) -> str:
        """Return the name of a take of a checkpoint, its `number` among those alike."""
        if self.prism_name is not None:
            place = f"({number})" if self.num_takes > 1 else ""
            return f"{self.prism_name}_e={epoch}{place}_t={float(temperature)}.wav"
        suffix = f"_{number}" if self.num_takes > 1 else ""
        return f"epoch_{epoch:04}_t{temperature:g}{suffix}.wav"


def make_previews(model, epoch, request):
    """Takes of `model`, with the engine where it is built, the same random seeds each time.

    Returns:
      A list of (name, float32 (num_samples,), Path of the PNG).

    Raises:
      AudioError: the folder cannot be written.
    """
    config = model.config
    num_seqs = len(request.temperatures) * request.num_takes
    temperatures = [t for t in request.temperatures for _ in range(request.num_takes)]
    take = Take(
        _generator(model, num_seqs),
        TakeRequest(
            dur_s=request.dur_s,
            temperature=tuple(temperatures),
            seed_audio=request.seed_audio,
            seed_rate=request.seed_rate,
            rng_seed=0,
        ),
    )
    audio = np.concatenate(list(take), axis=1)  # (num_seqs, num_samples)
    previews = []
    for voice, (sound, temperature) in enumerate(zip(audio, temperatures)):
        name = f"temperature {temperature:g}"
        number = voice % request.num_takes
        suffix = f"_{number}" if request.num_takes > 1 else ""
        path = request.folder / request.file_name(epoch, temperature, number)
        _write(path, sound, config.sample_rate, f"epoch {epoch}, {name}")
        previews.append((name + suffix, sound, path.with_suffix(".png")))
    return previews


def _write(path, sound, sample_rate, title):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, sound, sample_rate)
        draw_take(sound, sample_rate, title, path.with_suffix(".png"))
    except OSError as error:
        raise AudioError(f"cannot write {path}: {error.strerror or error} (make room)") from error


def _generator(model, num_seqs):
    if not engine.is_built():
        return Generator(model, num_seqs)
    variables = named_variables(model)
    folded = fold(model.config, lambda name: variables[name].numpy())
    precision = choose_precision(model.config, num_seqs, None)
    if precision == "int4":
        precision = "int8"  # its calibration takes longer than it saves here
    return EngineGenerator(model.config, pack(model.config, folded, precision), num_seqs)
