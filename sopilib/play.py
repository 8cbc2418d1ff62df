"""`samplernn play` opens the patch; `samplernn demo` makes a take in Pd without a window."""

import os
import subprocess
import sys
from pathlib import Path

from sopilib import demo as demo_run
from sopilib import paths
from sopilib.errors import AudioError, SampleRNNError

_BAR = "{desc} |{bar}|{percentage:4.0f} %"


class DisplayError(SampleRNNError):
    """There is no display on which Pd could open a window."""


def add_play_arguments(parser):
    """Adds the arguments of `samplernn play` to an `argparse` parser."""
    parser.add_argument(
        "pd_arguments", nargs="*", metavar="ARGUMENT",
        help="passed on to Pd, after --: samplernn play -- -jack -audiobuf 20")


def add_demo_arguments(parser):
    """Adds the arguments of `samplernn demo` to an `argparse` parser."""
    parser.add_argument(
        "--output_path", type=Path, default=Path("demo.wav"), metavar="FILE.wav",
        help="the sound file to write (default: demo.wav); its picture goes beside it, as .png")


def play(args):
    """Opens the patch in Pd and returns Pd's exit status.

    Args:
        args: parsed arguments, see `add_play_arguments`.

    Raises:
        DisplayError: there is no display.
        paths.NotInstalledError: there is no Pd or no patch.
    """
    program = paths.pd_program()
    if not has_display():
        raise DisplayError(
            "no display to open the patch on (DISPLAY is not set; without one: samplernn demo)")
    patch = paths.patches_folder() / paths.PATCH
    return subprocess.call([program, *paths.pd_search_path(), *args.pd_arguments, str(patch)])


def has_display():
    """Returns whether Pd, whose windows are of X11 except on macOS, can open one here."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY"))


def demo(args):
    """Makes a take in a real Pd without a window, and its picture; returns the exit status 0.

    Args:
        args: parsed arguments, see `add_demo_arguments`.

    Raises:
        demo_run.DemoError: the take did not come about; Pd's console goes to stderr.
        paths.NotInstalledError: there is no Pd or no patch.
        AudioError: Pd saved no sound file, or one that is not the take.
    """
    sound_path = args.output_path.resolve()
    picture_path = sound_path.with_suffix(".png")
    if not sound_path.parent.is_dir():
        raise AudioError(f"no folder {sound_path.parent} (make it, or choose another --output_path)")
    sound_path.unlink(missing_ok=True)
    take = _make_take_with_bar(sound_path)
    sound = _take_sound(take, sound_path)
    _draw(sound, take, picture_path)
    _report(sound, take, args.output_path, args.output_path.with_suffix(".png"))
    return 0


def _make_take_with_bar(sound_path):
    from tqdm import tqdm

    try:
        with tqdm(total=1, desc="Pd is loading the model", bar_format=_BAR) as bar:
            return demo_run.make_take(
                paths.patches_folder() / "demo.pd", sound_path, lambda status: _show(status, bar))
    except demo_run.DemoError as error:
        print(*error.console, sep="\n", file=sys.stderr)
        raise


def _show(status, bar):
    match status:
        case ["loaded", *name, _, _]:
            bar.set_description_str(f"Pd has loaded {' '.join(name)}")
        case ["progress", fraction, seconds_done, speed]:
            bar.set_description_str(
                f"Pd generates: {float(seconds_done):.2f} s, {float(speed):.2f} times real time",
                refresh=False)
            bar.update(float(fraction) - bar.n)
        case ["generated", *_]:
            bar.update(1 - bar.n)


def _take_sound(take, sound_path):
    """Returns the samples of the saved take, (num_samples,), after a look at what was saved."""
    import soundfile

    try:
        sound, sample_rate = soundfile.read(sound_path, dtype="float32")
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioError(f"Pd has not saved the take: {error} (is the folder writable?)") from None
    if (sound.shape, sample_rate) != ((take.num_samples,), take.sample_rate):
        raise AudioError(
            f"{sound_path} holds {sound.shape} samples at {sample_rate} Hz, the take has "
            f"({take.num_samples},) at {take.sample_rate} Hz (the patch demo.pd saves it wrongly)")
    return sound


def _draw(sound, take, picture_path):
    from sopilib.picture import draw_take

    settings = [f"{key} {take.settings[key]}" for key in ("temperature", "seed", "rng")
                if take.settings.get(key, "none") != "none"]
    title = ", ".join([f"{take.model}: {len(sound) / take.sample_rate:.2f} s at "
                       f"{take.sample_rate} Hz", *settings])
    draw_take(sound, take.sample_rate, title, picture_path)


def _report(sound, take, sound_path, picture_path):
    import numpy as np

    peak_dbfs = 20 * np.log10(max(float(np.abs(sound).max()), 1e-9))
    print(f"{sound_path}: {len(sound) / take.sample_rate:.2f} s at {take.sample_rate} Hz, "
          f"peak {peak_dbfs:.1f} dBFS")
    print(f"{picture_path}: its waveform and spectrogram")
    print("Next: make play (or samplernn play) opens the patch")
