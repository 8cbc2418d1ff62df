"""Plot a take, its waveform over its spectrogram, or several takes side by side.

The spectrogram uses Hann windows; a sine at full scale has a peak of 0 dBFS in it with any
window length.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sopilib.new_files import write_whole
from sopilib.small_files import open_regular

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_SOFTWARE = "samplernn"  # in the PNGs, by which they are recognised
WINDOW = 1024  # samples
HOP = 128  # samples
FLOOR_DBFS = -100.0
SIZE_INCHES = (11, 6)
DOTS_PER_INCH = 140
MAX_COLUMNS = 8  # of takes side by side


def draw_take(
    sound: np.ndarray, sample_rate: int, title: str, path: str | Path, source: str = ""
) -> None:
    """Write the plot of a take as a PNG.

    Args:
      sound: float array (num_samples,), full scale ±1.
      sample_rate: in Hz.
      title: one line above the plot.
      path: the file to write.
      source: what made the take, see `plot_source`.

    Raises:
      OSError: the file cannot be written.
    """
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=13)
    (waveform, beside_waveform), (spectrum, scale) = figure.subplots(
        2, 2, height_ratios=(2, 3), width_ratios=(60, 1)
    )
    beside_waveform.remove()
    _draw_waveform(waveform, sound, sample_rate)
    image = _draw_spectrogram(spectrum, sound, sample_rate)
    waveform.sharex(spectrum)
    waveform.tick_params(labelbottom=False)
    figure.colorbar(image, cax=scale, label="level (dBFS)")
    _save(figure, path, source)


def draw_takes(
    sounds: Sequence[np.ndarray],
    sample_rate: int,
    title: str,
    titles: Sequence[str],
    path: str | Path,
    source: str = "",
) -> None:
    """Write the spectrograms of several takes, side by side on the same scales, as a PNG.

    Args:
      sounds: float arrays (num_samples,), full scale ±1.
      sample_rate: in Hz.
      title: one line above the plot.
      titles: one line above each take.
      path: the file to write.
      source: what made the takes, see `plot_source`.

    Raises:
      OSError: the file cannot be written.
    """
    from matplotlib.figure import Figure  # slow to import

    columns = min(len(sounds), MAX_COLUMNS)
    rows = -(-len(sounds) // columns)
    figure = Figure(figsize=(1.5 + 2.4 * columns, 0.8 + 3.2 * rows), layout="constrained")
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=13)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    used, unused = grid.flat[: len(sounds)], grid.flat[len(sounds) :]
    for axes in unused:
        axes.remove()
    for axes, sound, name in zip(used, sounds, titles):
        image = _draw_spectrogram(axes, sound, sample_rate)
        axes.set_title(name, fontsize=10)
        axes.label_outer()
    figure.colorbar(image, ax=list(used), label="level (dBFS)", fraction=0.02)
    _save(figure, path, source)


def plot_metadata(source: str) -> dict[str, str]:
    """Return what a plot of ours says about itself, for matplotlib; see `plot_source`."""
    return {"Software": _SOFTWARE, "Source": source}


def plot_source(path: str | Path) -> str | None:
    """Return the source that a plot of ours was given, None for any other file."""
    from PIL import Image  # a dependency of matplotlib

    try:
        with open_regular(path) as file, Image.open(file) as image:
            facts = image.info
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return str(facts.get("Source", "")) if facts.get("Software") == _SOFTWARE else None


def _save(figure: Figure, path: str | Path, source: str) -> None:
    content = io.BytesIO()
    figure.savefig(content, dpi=DOTS_PER_INCH, format="png", metadata=plot_metadata(source))
    write_whole(path, content.getvalue())


def spectrogram_dbfs(sound: np.ndarray) -> np.ndarray:
    """Return the levels of a sound by frequency and time.

    Args:
      sound: float array (num_samples,), full scale ±1; silence fills the last window up.

    Returns:
      float array (WINDOW // 2 + 1, num_windows): level in dBFS, at least `FLOOR_DBFS`; row k
      is at k / WINDOW of the sample rate, column j is centred on sample j * HOP.
    """
    num_windows = 1 + len(sound) // HOP
    padded = np.pad(sound, (WINDOW // 2, WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    hann = np.hanning(WINDOW + 1)[:-1]
    spectra = np.fft.rfft(windows[::HOP][:num_windows] * hann)  # (num_windows, WINDOW // 2 + 1)
    amplitude = np.abs(spectra).T / (hann.sum() / 2)
    return 20 * np.log10(np.maximum(amplitude, 10 ** (FLOOR_DBFS / 20)))


def _draw_waveform(axes: Axes, sound: np.ndarray, sample_rate: int) -> None:
    axes.plot(np.arange(len(sound)) / sample_rate, sound, color="#3b528b", linewidth=0.4)
    axes.set_ylim(-1, 1)
    axes.set_ylabel("amplitude (full scale 1)")
    axes.grid(alpha=0.25)


def _draw_spectrogram(axes: Axes, sound: np.ndarray, sample_rate: int) -> AxesImage:
    edges_s = (-0.5 * HOP / sample_rate, (len(sound) // HOP + 0.5) * HOP / sample_rate)
    image = axes.imshow(
        spectrogram_dbfs(sound),
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=FLOOR_DBFS,
        vmax=0,
        extent=(*edges_s, 0, sample_rate / 2000),
    )
    axes.set_xlim(0, len(sound) / sample_rate)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("frequency (kHz)")
    return image
