"""A small spectrogram of a track of any length, as a PNG without axes for a page."""

import io

import numpy as np
from PIL import Image, PngImagePlugin  # a dependency of matplotlib

from sopilib.audio.spectrogram import FLOOR_DBFS, WINDOW, plot_metadata

WIDTH, HEIGHT = 1000, 171  # dots; three of the 513 rows of a spectrogram each
_WINDOWS = 4  # averaged in each column
_COLORS = 48


def track_image(audio: np.ndarray, source: str) -> bytes:
    """Return the PNG of a track's spectrogram, time from left to right, low frequencies below.

    Args:
      audio: float32 (num_samples,), full scale ±1.
      source: of the image, see `sopilib.audio.spectrogram.plot_source`.
    """
    from matplotlib import colormaps  # slow to import

    levels = 1 - _levels_dbfs(audio)[::-1] / FLOOR_DBFS  # 0 to 1, high frequencies first
    colors = colormaps["magma"](levels, bytes=True)[..., :3]
    image = Image.fromarray(np.ascontiguousarray(colors)).quantize(_COLORS)
    facts, content = PngImagePlugin.PngInfo(), io.BytesIO()
    for name, value in plot_metadata(source).items():
        facts.add_text(name, value)
    image.save(content, "PNG", optimize=True, pnginfo=facts)
    return content.getvalue()


def _levels_dbfs(audio: np.ndarray) -> np.ndarray:
    """Return the mean level of each dot, float (HEIGHT, WIDTH), at least FLOOR_DBFS."""
    padded = np.pad(audio, (0, max(0, WINDOW - len(audio))))
    places = np.linspace(0, len(padded) - WINDOW, WIDTH * _WINDOWS).astype(int)
    hann = np.hanning(WINDOW + 1)[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    power = np.empty((WIDTH, HEIGHT))
    for k in range(WIDTH):  # a column at a time: little memory
        chosen = windows[places[k * _WINDOWS : (k + 1) * _WINDOWS]] * hann
        spectra = np.abs(np.fft.rfft(chosen))[:, : 3 * HEIGHT] / (hann.sum() / 2)
        power[k] = np.square(spectra).mean(axis=0).reshape(HEIGHT, 3).mean(axis=1)
    floor = 10 ** (FLOOR_DBFS / 10)
    levels: np.ndarray = 10 * np.log10(np.maximum(power, floor)).T
    return np.minimum(levels, 0.0)
