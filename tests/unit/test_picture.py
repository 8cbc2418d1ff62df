"""The demo's plot: levels that can be checked by hand, and a PNG of the right size."""

import struct

import numpy as np
import pytest

from sopilib.audio.spectrogram import draw_take, spectrogram_dbfs


def sine(frequency, amplitude, num_samples=16000, sample_rate=16000):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(num_samples) / sample_rate)


@pytest.mark.parametrize("amplitude, level_dbfs", [(1.0, 0.0), (0.5, -6.0206), (0.001, -60.0)])
def test_a_sine_peaks_at_its_level_and_frequency(amplitude, level_dbfs):
    levels = spectrogram_dbfs(sine(1000, amplitude))  # 1 kHz is bin 64 of 1024 at 16 kHz
    assert levels.shape == (513, 126)
    assert levels[:, 60].argmax() == 64
    assert levels[64, 60] == pytest.approx(level_dbfs, abs=0.01)


def test_silence_lies_at_the_floor_of_minus_100_dbfs():
    assert np.unique(spectrogram_dbfs(np.zeros(3000))).tolist() == [-100.0]


def test_a_click_appears_at_its_time():
    sound = np.zeros(16000)
    sound[8000] = 1.0
    loudest = spectrogram_dbfs(sound)[100].argmax()
    assert abs(loudest * 128 - 8000) <= 64


def test_the_picture_is_a_png_of_1540_by_840_dots(tmp_path):
    draw_take(sine(440, 0.5), 16000, "a sine", tmp_path / "sine.png")
    header = (tmp_path / "sine.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:]) == (1540, 840)


def test_a_take_shorter_than_a_window_is_drawn(tmp_path):
    draw_take(np.zeros(1), 16000, "one sample", tmp_path / "short.png")
    assert (tmp_path / "short.png").stat().st_size > 1000
