"""Previews: takes of a checkpoint at several temperatures, as WAV and PNG."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib import engine
from sopilib.audio.spectrogram import draw_take, plot_source
from sopilib.audio.write import write_audio
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.few_takes import precision_for_few_takes
from sopilib.engine.fold import fold
from sopilib.engine.pack import pack
from sopilib.errors import AudioError
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.take_files import first_free
from sopilib.generation.tensorflow_generator import Generator
from sopilib.model.network import SampleRNN, named_variables
from sopilib.training.plan import PREVIEW_TEMPERATURES

_SOURCE = "preview"  # as the plots say


@dataclass(frozen=True)
class PreviewRequest:
    """What to generate after a checkpoint.

    Attributes:
      temperatures: a take at each.
      num_takes: at each temperature.
      dur_s: seconds of a take.
      seed_audio: float32 (num_samples,) or (num_samples, channels), which takes continue, or
        None.
      seed_rate: of `seed_audio`, in Hz, or None.
      folder: where to write, or None for the run folder's `previews`.
      prism_name: id of the training, with which PRiSM's file names begin; None for our names.
    """

    temperatures: Sequence[float] = PREVIEW_TEMPERATURES
    num_takes: int = 1
    dur_s: float = 3.0
    seed_audio: np.ndarray | None = None
    seed_rate: int | None = None
    folder: Path | None = None
    prism_name: str | None = None

    def file_name(self, epoch: int, temperature: float, number: int) -> str:
        """Return the name of a take, the `number`-th of its epoch and temperature."""
        if self.prism_name is not None:
            place = f"({number})" if self.num_takes > 1 else ""
            return f"{self.prism_name}_e={epoch}{place}_t={float(temperature)}.wav"
        return f"epoch_{epoch:04}_t{temperature:g}{self.suffix(number)}.wav"

    def suffix(self, number: int) -> str:
        """Return what tells a take from others of its epoch and temperature."""
        return f"_{number}" if self.num_takes > 1 else ""


def make_previews(
    model: SampleRNN, epoch: int, request: PreviewRequest
) -> list[tuple[str, np.ndarray, Path]]:
    """Generate and write takes of `model`, with the same random seeds each time.

    Args:
      model: what to generate with, by the engine where it is built.
      epoch: of the checkpoint, for names and titles.
      request: its folder is not None.

    Returns:
      For each take its name, its sound, float32 (num_samples,), and the path of its PNG.

    Raises:
      AudioError: the folder cannot be written.
    """
    temperatures = [t for t in request.temperatures for _ in range(request.num_takes)]
    take = Take(
        _generator(model, len(temperatures)),
        TakeRequest(
            dur_s=request.dur_s,
            temperature=tuple(temperatures),
            seed_audio=request.seed_audio,
            seed_rate=request.seed_rate,
            rng_seed=0,
        ),
    )
    audio = np.concatenate(list(take), axis=1)  # (num_seqs, num_samples)
    assert request.folder is not None
    previews = []
    for voice, (sound, temperature) in enumerate(zip(audio, temperatures)):
        name = f"temperature {temperature:g}"
        number = voice % request.num_takes
        path = _free_path(request.folder / request.file_name(epoch, temperature, number))
        _write(path, sound, model.config.sample_rate, f"epoch {epoch}, {name}")
        previews.append((name + request.suffix(number), sound, path.with_suffix(".png")))
    return previews


def _free_path(path: Path) -> Path:
    """Return `path`, or the next free name if something else than an earlier preview has it."""
    plot = path.with_suffix(".png")
    if not (os.path.lexists(path) or os.path.lexists(plot)) or plot_source(plot) == _SOURCE:
        return path
    free = first_free(path).sounds[0]
    print(f"{path} exists: the preview is {free}", flush=True)
    return free


def _write(path: Path, sound: np.ndarray, sample_rate: int, title: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, sound, sample_rate)
        draw_take(sound, sample_rate, title, path.with_suffix(".png"), _SOURCE)
    except OSError as error:
        raise AudioError(
            f"cannot write {path}: {error.strerror or error} (free disk space, or choose another "
            "--output_dir)"
        ) from error


def _generator(model: SampleRNN, num_seqs: int) -> Generator | EngineGenerator:
    if not engine.is_built():
        return Generator(model, num_seqs)
    variables = named_variables(model)
    folded = fold(model.config, lambda name: variables[name].numpy())
    precision = precision_for_few_takes(model.config, num_seqs)
    return EngineGenerator(model.config, pack(model.config, folded, precision), num_seqs)
