"""A training's report as one HTML file without scripts, its sounds and plots embedded."""

import base64
import html
import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image  # a dependency of matplotlib

from sopilib.training.report_curves import draw_curves
from sopilib.training.report_run import Preview, Run, facts, shown_epochs

# by which a report is recognised
GENERATOR = '<meta name="generator" content="samplernn">'
# how many epochs to show previews of: the first, the best, the last and others between
MAX_EPOCHS = 8
_PLOT_WIDTH = 770  # dots
_COLORS = 64  # in a plot, so that a page of many is not too large
_STYLE = """body { font: 16px/1.5 sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em }
img { max-width: 100% } table { border-collapse: collapse } figure { margin: 0; width: 340px }
td, th { text-align: left; padding: .1em 1em .1em 0 } audio { width: 100% }
.takes { display: flex; flex-wrap: wrap; gap: 1em } code { overflow-wrap: anywhere }"""


def html_report(run: Run) -> str:
    """Return the page."""
    title = html.escape(run.title)
    parts = [
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{GENERATOR}',
        f"<title>{title}</title>",
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
        _table(facts(run)),
        _image(_curves(run), "losses, learning rate and speed over the steps"),
        f"<h2>Configuration</h2>{_table(run.settings)}",
        f"<p><code>{html.escape(run.command)}</code></p>",
        *_previews_html(run),
        f"<p>Written {time.strftime('%Y-%m-%d %H:%M')}.</p></body></html>\n",
    ]
    return "\n".join(parts)


def _curves(run: Run) -> bytes:
    figure, content = Figure(figsize=(11, 8), layout="constrained"), io.BytesIO()
    draw_curves(run, figure)
    figure.savefig(content, dpi=100, format="png")
    return content.getvalue()


def _table(values: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _image(png: bytes, text: str) -> str:
    return f'<img alt="{html.escape(text)}" src="{_embedded(png, "image/png")}">'


def _embedded(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _previews_html(run: Run) -> Iterator[str]:
    """Yield sections of previews, by epoch, the newest first."""
    shown = shown_epochs(run, MAX_EPOCHS)
    left_out = {preview.epoch for preview in run.previews} - set(shown)
    yield "<h2>Previews</h2>"
    if not shown:
        yield "<p>There are none yet.</p>"
    if left_out:
        folder = html.escape(str(run.previews[0].path.parent))
        yield f"<p>Those of {len(left_out)} other epochs are in {folder}.</p>"
    bits = {line["epoch"]: line["val_bits_per_sample"] for line in run.epochs}
    for epoch in reversed(shown):
        held_out = f", {bits[epoch]:.4f} held-out bits per sample" if epoch in bits else ""
        yield f'<h3>Epoch {epoch}{held_out}</h3><div class="takes">'
        yield from map(_preview_html, run.previews_of(epoch))
        yield "</div>"


def _preview_html(preview: Preview) -> str:
    name = f"temperature {preview.temperature:g}"
    sound = _embedded(preview.path.read_bytes(), "audio/wav")
    plot = _image(_small_plot(preview.path.with_suffix(".png")), f"spectrogram, {name}")
    return (
        f"<figure>{plot}<figcaption>{name}</figcaption>"
        f'<audio controls preload="none" src="{sound}"></audio></figure>'
    )


def _small_plot(path: Path) -> bytes:
    """Return the plot as a PNG of `_PLOT_WIDTH` dots and `_COLORS` colours."""
    with Image.open(path) as image:
        height = round(image.height * _PLOT_WIDTH / image.width)
        small = image.convert("RGB").resize((_PLOT_WIDTH, height)).quantize(_COLORS)
    content = io.BytesIO()
    small.save(content, "PNG", optimize=True)
    return content.getvalue()
