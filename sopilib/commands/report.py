"""`samplernn report`: a training on one page, curves, settings and previews.

The page is one HTML file without scripts that holds its sounds and pictures, so that it
can be read anywhere; or it is a PNG. Nothing but the run folder's texts and previews is
read, also while the training runs.
"""

import base64
import html
import io
import re
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image  # which matplotlib brings along

from sopilib.errors import AudioError, CheckpointError, RequestError
from sopilib.model.config import load_config
from sopilib.model.folder import find_config
from sopilib.training.history import HISTORY_NAME, find_run, read_history

# epochs whose previews are shown: the first, the best, the last and others between
MAX_EPOCHS = 8
_MAX_EPOCHS_IN_PNG = 4
# file names of previews: ours, and PRiSM's that --output_dir brings
_PREVIEWS = (
    re.compile(r"epoch_(?P<epoch>\d+)_t(?P<t>[\d.e+-]+?)(?:_(?P<number>\d+))?\.wav"),
    re.compile(r".*_e=(?P<epoch>\d+)(?:\((?P<number>\d+)\))?_t=(?P<t>[\d.e+-]+)\.wav"),
)
_PNG_END = b"IEND\xaeB`\x82"
_PICTURE_WIDTH = 770  # dots
_COLORS = 64  # of a picture, so that a page of many is not too large
_STYLE = """body { font: 16px/1.5 sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em }
img { max-width: 100% } table { border-collapse: collapse } figure { margin: 0; width: 340px }
td, th { text-align: left; padding: .1em 1em .1em 0 } audio { width: 100% }
.takes { display: flex; flex-wrap: wrap; gap: 1em } code { overflow-wrap: anywhere }"""


@dataclass(frozen=True)
class Preview:
    """A take of a checkpoint; its picture lies beside it as .png."""

    epoch: int
    temperature: float
    number: int
    path: Path


@dataclass(frozen=True)
class Run:
    """What a run folder tells of a training.

    Attributes:
      folder: Path.
      steps, epochs: lines of the history, lists of dict, see `Log`.
      settings: dict, the config.
      command: str, the command line, empty where it is not known.
      previews: list of Preview, by epoch, temperature and number.
    """

    folder: Path
    steps: list
    epochs: list
    settings: dict
    command: str
    previews: list

    @property
    def best(self):
        """The epoch's line with the lowest held-out bits, or None."""
        return min(self.epochs, key=lambda line: line["val_bits_per_sample"], default=None)


def add_arguments(parser):
    """Adds the flags of `samplernn report`."""
    add = parser.add_argument
    add("run_folder", type=Path, metavar="RUN", help="a run folder: LOGDIR_ROOT/ID/DATE, or ID's")
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help="a name in .html, or .png for a picture (default: report.html in the run folder)",
    )
    add("--previews", type=Path, metavar="DIR", help="(default: previews in the run folder)")


def run(args):
    """Runs `samplernn report`; returns its exit status."""
    run = read_run(args.run_folder, args.previews)
    path = args.output or run.folder / "report.html"
    if path.suffix not in (".html", ".htm", ".png"):
        raise RequestError(f"--output {path} (give a name that ends in .html or .png)")
    content = png_report(run) if path.suffix == ".png" else html_report(run).encode()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AudioError(f"cannot write {path}: {error.strerror} (choose another)") from error
    print(f"{path}: {len(content) / 1e6:.1f} MB")
    return 0


def read_run(path, previews=None):
    """The Run in a folder.

    Args:
      path: Path of a run folder, or of the folder of several, the newest of which is meant.
      previews: Path of their folder, default that in the run folder.

    Raises:
      CheckpointError: there is no history, or no step in it.
      ConfigError: there is no config.
    """
    folder = find_run(path)
    lines = list(read_history(folder / HISTORY_NAME))
    steps = [line for line in lines if line["kind"] == "steps"]
    if not steps:
        raise CheckpointError(f"no step yet in {folder / HISTORY_NAME} (wait for some training)")
    arguments = folder / "args.txt"
    return Run(
        folder=folder,
        steps=steps,
        epochs=[line for line in lines if line["kind"] == "epoch"],
        settings=load_config(find_config(folder)).to_dict(),
        command=arguments.read_text(errors="replace").strip() if arguments.is_file() else "",
        previews=_find_previews(previews or folder / "previews"),
    )


def _find_previews(folder):
    matches = [(form.fullmatch(p.name), p) for p in folder.glob("*.wav") for form in _PREVIEWS]
    previews = [
        Preview(int(match["epoch"]), float(match["t"]), int(match["number"] or 0), path)
        for match, path in matches
        if match and _is_whole_png(path.with_suffix(".png"))
    ]
    return sorted(previews, key=lambda p: (p.epoch, p.temperature, p.number))


def _is_whole_png(path):
    """False for one that is not there, or that the training is still writing."""
    return path.is_file() and path.read_bytes().endswith(_PNG_END)


def shown_epochs(run, limit):
    """At most `limit` of the epochs with previews, ascending: first, best, last, between."""
    epochs = sorted({preview.epoch for preview in run.previews})
    if len(epochs) <= limit:
        return epochs
    shown = {epochs[0], epochs[-1]}
    if run.best and run.best["epoch"] in epochs:
        shown.add(run.best["epoch"])
    while len(shown) < limit:  # the one that is furthest from all that are shown
        rest = (epoch for epoch in epochs if epoch not in shown)
        shown.add(max(rest, key=lambda epoch: min(abs(epoch - other) for other in shown)))
    return sorted(shown)


def facts(run):
    """What the training came to: dict from a name to a text with its unit."""
    last = max([*run.steps, *run.epochs], key=lambda line: line["step"])
    speeds = sorted(line["samples_per_s"] for line in run.steps)
    found = {
        "steps": f"{last['step']}, in epoch {last['epoch']}",
        "time": f"{last['seconds'] / 3600:.2f} h",
        "speed": f"{speeds[len(speeds) // 2]:,.0f} samples per second (median)",
        "loss": f"{run.steps[-1]['bits_per_sample']:.4f} bits per sample, in training, at the end",
    }
    if run.best:
        found["held out"] = (
            f"{run.epochs[-1]['val_bits_per_sample']:.4f} bits per sample; the best, "
            f"{run.best['val_bits_per_sample']:.4f}, after epoch {run.best['epoch']}"
        )
    return found


def draw_curves(run, figure):
    """Draws losses, learning rate and speed over the steps into a matplotlib figure."""
    losses, rates, speeds = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 1))
    steps = [line["step"] for line in run.steps]
    losses.plot(steps, _values(run.steps, "bits_per_sample"), color="#9aa5c4", label="in training")
    losses.plot(
        [line["step"] for line in run.epochs],
        _values(run.epochs, "val_bits_per_sample"),
        "o-",
        color="#d0573b",
        label="held out",
    )
    losses.set_ylabel("bits per sample")
    losses.legend()
    rates.plot(steps, _values(run.steps, "learning_rate"), color="#3b528b")
    rates.set_ylabel("learning rate")
    speeds.plot(steps, _values(run.steps, "samples_per_s"), color="#3b528b")
    speeds.set_ylabel("samples/s")
    speeds.set_ylim(bottom=0)
    speeds.set_xlabel("step")
    for axes in (losses, rates, speeds):
        axes.grid(alpha=0.25)


def _values(lines, name):
    return [line[name] for line in lines]


def html_report(run):
    """The page as a text."""
    from matplotlib.figure import Figure  # slow to import, so not before it is needed

    figure, curves = Figure(figsize=(11, 8), layout="constrained"), io.BytesIO()
    draw_curves(run, figure)
    figure.savefig(curves, dpi=100, format="png")
    title = html.escape(f"Training {run.folder.parent.name}, {run.folder.name}")
    written = time.strftime("%Y-%m-%d %H:%M")
    parts = [
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
        _table(facts(run)),
        _image(curves.getvalue(), "losses, learning rate and speed over the steps"),
        f"<h2>Configuration</h2>{_table(run.settings)}",
        f"<p><code>{html.escape(run.command)}</code></p>",
        *_previews_html(run),
        f"<p>Written {written}.</p></body></html>\n",
    ]
    return "\n".join(parts)


def _table(values):
    rows = (
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _image(png, text):
    return f'<img alt="{html.escape(text)}" src="{_embedded(png, "image/png")}">'


def _embedded(content, kind):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _previews_html(run):
    """Sections of previews, by epoch, the newest first."""
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
        held_out = f", {bits[epoch]:.4f} bits per sample held out" if epoch in bits else ""
        yield f'<h3>Epoch {epoch}{held_out}</h3><div class="takes">'
        for preview in run.previews:
            if preview.epoch == epoch:
                yield _preview_html(preview)
        yield "</div>"


def _preview_html(preview):
    name = f"temperature {preview.temperature:g}"
    sound = _embedded(preview.path.read_bytes(), "audio/wav")
    picture = _image(_small_picture(preview.path.with_suffix(".png")), f"spectrogram, {name}")
    return (
        f"<figure>{picture}<figcaption>{name}</figcaption>"
        f'<audio controls preload="none" src="{sound}"></audio></figure>'
    )


def _small_picture(path):
    """The bytes of a PNG of `_PICTURE_WIDTH` dots and `_COLORS` colours."""
    with Image.open(path) as picture:
        height = round(picture.height * _PICTURE_WIDTH / picture.width)
        small = picture.convert("RGB").resize((_PICTURE_WIDTH, height)).quantize(_COLORS)
    content = io.BytesIO()
    small.save(content, "PNG", optimize=True)
    return content.getvalue()


def png_report(run):
    """The bytes of a picture: facts and configuration, curves, pictures of previews."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    epochs = shown_epochs(run, _MAX_EPOCHS_IN_PNG)[::-1]
    rows = [[p for p in run.previews if p.epoch == epoch] for epoch in epochs]
    heights = [2.0, 8.0] + [2.6] * len(rows)
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    head, curves, *strips = figure.subfigures(len(heights), 1, height_ratios=heights)
    head.suptitle(f"Training {run.folder.parent.name}, {run.folder.name}", fontsize=13)
    for x, values in ((0.02, facts(run)), (0.66, run.settings)):
        text = "\n".join(f"{name}: {value}" for name, value in values.items())
        head.text(x, 0.85, text, verticalalignment="top", fontsize=8)
    draw_curves(run, curves)
    for strip, epoch, row in zip(strips, epochs, rows):
        strip.suptitle(f"epoch {epoch}", x=0.01, horizontalalignment="left", fontsize=10)
        for axes, preview in zip(strip.subplots(1, len(row), squeeze=False).flat, row):
            axes.imshow(imread(preview.path.with_suffix(".png")))
            axes.set_axis_off()
    content = io.BytesIO()
    figure.savefig(content, dpi=120, format="png")
    return content.getvalue()
