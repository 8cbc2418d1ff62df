"""`samplernn demo`: generate a take in a real Pd without a window and plot it."""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from sopilib.audio.spectrogram import draw_take
from sopilib.audio.write import check_writable_files
from sopilib.commands import pd_demo, quantities
from sopilib.commands.take_output import add_overwrite_argument, check_free, check_plot_free
from sopilib.errors import AudioError
from sopilib.generation.take_files import TakeFiles
from sopilib.installation import paths
from sopilib.new_files import NewFiles, unwritable

_SOURCE = "demo"
_BAR = "{desc} |{bar}|{percentage:4.0f} %"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `samplernn demo`."""
    parser.add_argument(
        "--output_path",
        type=quantities.file_path,
        default=Path("demo.wav"),
        metavar="FILE.wav",
        help="the sound file to write (default: demo.wav); its plot goes beside it as .png",
    )
    add_overwrite_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Generate a take in a real Pd without a window and plot it; return the exit status 0.

    Raises:
        pd_demo.DemoError: Pd generated no take; its console goes to stderr.
        paths.NotInstalledError: there is no Pd or no patch.
        AudioError: Pd saved no sound file, or one that differs from the take.
    """
    sound_path = args.output_path.resolve()
    plot_path = sound_path.with_suffix(".png")
    if not sound_path.parent.is_dir():
        raise AudioError(
            f"no folder {sound_path.parent} (make it, or choose another --output_path)"
        )
    _check_output(sound_path, plot_path, args.overwrite)
    with _folder_beside(sound_path) as folder:
        made = folder / sound_path.name
        take = _make_take_with_bar(made)
        sound = _take_sound(take, made)
        _draw(sound, take, folder / plot_path.name)
        _move(folder, sound_path, plot_path)
    _report(sound, take, args.output_path, args.output_path.with_suffix(".png"))
    return 0


@contextlib.contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """Return a folder beside a file, which is deleted at the end of the with block."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".samplernn-demo-", dir=path.parent)
    except OSError as error:
        raise AudioError(unwritable(path, error)) from error
    with folder as name:
        yield Path(name)


def _move(folder: Path, sound_path: Path, plot_path: Path) -> None:
    """Put plot and take from `folder` in their places, all or none, instead of what is there.

    Raises:
      AudioError: one cannot be written; what is there is as it was.
    """
    try:
        with NewFiles() as new:
            for path in (plot_path, *TakeFiles.at(sound_path).paths):
                made = folder / path.name
                if made.exists():
                    new.open(path).write(made.read_bytes())
                else:
                    new.remove(path)
    except OSError as error:
        raise AudioError(unwritable(sound_path, error)) from error


def _check_output(sound_path: Path, plot_path: Path, overwrite: bool) -> None:
    """Refuse names that cannot be written, or have other files unless they may be replaced.

    Raises:
      AudioError: see above.
    """
    if sound_path.suffix.lower() != ".wav":
        raise AudioError(f"cannot write {sound_path}: Pd saves WAV (choose a name ending in .wav)")
    output = TakeFiles.at(sound_path)
    check_free(output, overwrite, "--output_path")
    check_plot_free(plot_path, overwrite, "--output_path", _SOURCE)
    check_writable_files(output.paths)


def _make_take_with_bar(sound_path: Path) -> pd_demo.Take:
    try:
        with tqdm(total=1, desc="Pd is loading the model", bar_format=_BAR) as bar:
            return pd_demo.make_take(
                paths.patches_folder() / "demo.pd", sound_path, lambda status: _show(status, bar)
            )
    except pd_demo.DemoError as error:
        print(*error.console, sep="\n", file=sys.stderr)
        raise


def _show(status: list[str], bar: tqdm) -> None:
    match status:
        case ["loaded", *name, _, _]:
            bar.set_description_str(f"Pd has loaded {' '.join(name)}")
        case ["progress", fraction, seconds_done, speed]:
            bar.set_description_str(
                f"Pd generates: {float(seconds_done):.2f} s, {float(speed):.2f} times real time",
                refresh=False,
            )
            bar.update(float(fraction) - bar.n)
        case ["generated", *_]:
            bar.update(1 - bar.n)


def _take_sound(take: pd_demo.Take, sound_path: Path) -> np.ndarray:
    """Return the samples of the saved take, float32 (num_samples,), after checking the file."""
    try:
        sound, sample_rate = soundfile.read(sound_path, dtype="float32")
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioError(
            f"Pd has not saved the take: {error} (check that the folder is writable)"
        ) from None
    if (sound.shape, sample_rate) != ((take.num_samples,), take.sample_rate):
        raise AudioError(
            f"{sound_path.name} holds {sound.shape} samples at {sample_rate} Hz, the take has "
            f"({take.num_samples},) at {take.sample_rate} Hz (the patch demo.pd saves it wrongly)"
        )
    return sound


def _draw(sound: np.ndarray, take: pd_demo.Take, plot_path: Path) -> None:
    settings = [
        f"{key} {take.settings[key]}"
        for key in ("temperature", "seed", "rng")
        if take.settings.get(key, "none") != "none"
    ]
    title = ", ".join(
        [f"{take.model}: {len(sound) / take.sample_rate:.2f} s at {take.sample_rate} Hz", *settings]
    )
    try:
        draw_take(sound, take.sample_rate, title, plot_path, _SOURCE)
    except OSError as error:
        raise AudioError(unwritable(plot_path, error)) from error


def _report(sound: np.ndarray, take: pd_demo.Take, sound_path: Path, plot_path: Path) -> None:
    peak_dbfs = 20 * np.log10(max(float(np.abs(sound).max()), 1e-9))
    print(
        f"{sound_path}: {len(sound) / take.sample_rate:.2f} s at {take.sample_rate} Hz, "
        f"peak {peak_dbfs:.1f} dBFS"
    )
    print(f"{plot_path}: its waveform and spectrogram")
    print("Next: make play (or samplernn play) opens the patch")
