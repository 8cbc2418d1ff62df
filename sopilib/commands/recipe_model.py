"""The folder that a training by a recipe leaves to play: weights, card, preview, plots.

    NAME.config.json, NAME.int8.pack   the model, which plays without TensorFlow
    README.md                          the card
    preview.flac, preview.png          a take from silence at the recommended temperature
    beside_recordings.png              spectrograms of recordings and take, side by side

The folder appears as a whole, under a name that is free.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sopilib import engine
from sopilib.audio.recordings import RecordingSet, read_recordings
from sopilib.audio.spectrogram import draw_take, draw_takes
from sopilib.audio.write import write_audio
from sopilib.commands.recipe_card import TEMPERATURE, Facts, card
from sopilib.engine.export import export_model
from sopilib.errors import CheckpointError
from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.model.folder import ModelFiles, find_model
from sopilib.model.package import COMPARISON, PREVIEW_PLOT

PRECISION = "int8"
PREVIEW_S = 30.0
LEAST_PREVIEW_S = 1.0
# seconds to draw and write what goes with the weights, about
EXPORT_S = 8.0
_COMPARED_S = 10.0


def write_model(
    files: ModelFiles,
    facts: Facts,
    data: Sequence[Path],
    parent: Path,
    left_s: Callable[[], float],
) -> Path:
    """Write the folder and return its path.

    Args:
      files: of the checkpoint to export.
      facts: for the card.
      data: the recordings.
      parent: the folder to make it in.
      left_s: returns the seconds that are left; the preview becomes shorter where they are few.

    Raises:
      CheckpointError: it cannot be written.
    """
    unfinished = parent / f".{facts.name}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    files = replace(files, name=facts.name)
    export_model(files, [PRECISION], unfinished)
    try:
        sound = _preview(files, unfinished, left_s)
        recordings = read_recordings(data, files.config.sample_rate)
        _write_sound_and_plots(unfinished, sound, recordings, facts)
        text = card(files.config, facts, recordings, len(sound) / recordings.sample_rate)
        (unfinished / "README.md").write_text(text, encoding="utf-8")
        folder = _free_path(parent / facts.name)
        unfinished.rename(folder)
    except OSError as error:
        raise CheckpointError(
            f"cannot write {unfinished}: {error.strerror or error} (free disk space; the same "
            "command then resumes)"
        ) from error
    return folder


def _free_path(path: Path) -> Path:
    """Return the path, or the first one with a number that does not exist."""
    number = 2
    free = path
    while free.exists():
        free, number = path.with_name(f"{path.name}-{number}"), number + 1
    return free


def _preview(files: ModelFiles, exported: Path, left_s: Callable[[], float]) -> np.ndarray:
    """Return a take of the exported model, float32 (num_samples,), as long as the time allows."""
    generator = make_generator(find_model(exported) if engine.is_built() else files, 1)
    rate = files.config.sample_rate
    request = TakeRequest(dur_s=PREVIEW_S, temperature=(TEMPERATURE,), rng_seed=0)
    chunks, num_samples = [], 0
    for chunk in Take(generator, request):
        chunks.append(chunk[0])
        num_samples += chunk.shape[1]
        if left_s() < 0 and num_samples >= LEAST_PREVIEW_S * rate:
            break
    return np.concatenate(chunks)


def _write_sound_and_plots(
    folder: Path, sound: np.ndarray, recordings: RecordingSet, facts: Facts
) -> None:
    rate = recordings.sample_rate
    write_audio(folder / "preview.flac", sound, rate)
    title = f"{facts.name}, temperature {TEMPERATURE:g}"
    draw_take(sound, rate, title, folder / PREVIEW_PLOT)
    length = min(round(_COMPARED_S * rate), len(sound))
    longest = max((recording.audio for recording in recordings.recordings), key=len)
    begin = max(0, (len(longest) - length) // 2)
    compared = [np.asarray(longest[begin : begin + length]), sound[:length]]
    titles = ["recordings", title]
    draw_takes(compared, rate, facts.name, titles, folder / COMPARISON)
