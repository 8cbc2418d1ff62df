"""A training's report as one PNG: results and configuration, curves, plots of previews."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure, SubFigure
from matplotlib.image import imread

from sopilib.audio.spectrogram import plot_metadata
from sopilib.training.report_curves import draw_curves
from sopilib.training.report_run import Preview, Run, facts, shown_epochs

SOURCE = "report"  # as the PNG says
_MAX_EPOCHS = 4
_HEAD_INCHES, _CURVES_INCHES, _PREVIEWS_INCHES = 2.0, 8.0, 2.6
_WIDTH_INCHES = 11


def png_report(run: Run) -> bytes:
    """Return the bytes of the PNG."""
    epochs = shown_epochs(run, _MAX_EPOCHS)[::-1]
    heights = [_HEAD_INCHES, _CURVES_INCHES] + [_PREVIEWS_INCHES] * len(epochs)
    figure = Figure(figsize=(_WIDTH_INCHES, sum(heights)), layout="constrained")
    parts: Any = figure.subfigures(len(heights), 1, height_ratios=heights)  # an array
    head, curves, *strips = parts
    head.suptitle(run.title, fontsize=13)
    _write_values(head, 0.02, facts(run))
    _write_values(head, 0.66, run.settings)
    draw_curves(run, curves)
    for strip, epoch in zip(strips, epochs):
        _draw_previews(strip, epoch, run.previews_of(epoch))
    content = io.BytesIO()
    figure.savefig(content, dpi=120, format="png", metadata=plot_metadata(SOURCE))
    return content.getvalue()


def _write_values(head: SubFigure, x: float, values: Mapping[str, Any]) -> None:
    text = "\n".join(f"{name}: {value}" for name, value in values.items())
    head.text(x, 0.85, text, verticalalignment="top", fontsize=8)


def _draw_previews(strip: SubFigure, epoch: int, previews: Sequence[Preview]) -> None:
    strip.suptitle(f"epoch {epoch}", x=0.01, horizontalalignment="left", fontsize=10)
    for axes, preview in zip(strip.subplots(1, len(previews), squeeze=False).flat, previews):
        axes.imshow(imread(preview.path.with_suffix(".png")))
        axes.set_axis_off()
