"""Draw the models beside their corpora: writes docs/gallery.md and docs/gallery/*.png.

    python bench/gallery.py --corpora FOLDER [MODEL ...] [--output docs/gallery.md]

Without models: every one in models/ with a card. The corpus of a model is the file in FOLDER that
its card names, or else one that has the model's name in its own. Each model gets a section with

- a take at the temperature that its card recommends beside held-out sound of its corpus,
- takes at temperatures 0.8, 1 and 1.1, with one random seed,
- two seeds from the held-out sound and what follows each,
- the measures of `samplernn audition` for the first take, with their limits,

and what its card says. Nothing on the page is written by hand. A section of a model that is not
asked for stays as it is.
"""

import argparse
import io
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from model_table import bundled_models, held_out_sound, recommended_temperature, say

from sopilib.audio.recordings import RecordingSet, read_recordings
from sopilib.audio.spectrogram import FLOOR_DBFS, HOP, plot_metadata, spectrogram_dbfs
from sopilib.commands.arguments import search_folders
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.load import PRECISIONS, load_generator
from sopilib.errors import SampleRNNError
from sopilib.evaluation.reference import rounded_like_takes
from sopilib.evaluation.seed_steering import held_out_seeds
from sopilib.evaluation.similarity import ReferenceStatistics, Similarity
from sopilib.generation.take import Take, TakeRequest
from sopilib.installation.model_card import card_of, description, paragraphs, read_card
from sopilib.installation.paths import project_folder
from sopilib.model.folder import ModelFiles, find_model
from sopilib.new_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TAKE_S = 10.0
TEMPERATURES = (0.8, 1.0, 1.1)
SHORT_S = 5.0
NUM_SEEDS = 2
RNG_SEED = 0
MOST_BYTES = 150_000
DOTS_PER_INCH = (110, 95, 80, 65)  # the first at which a picture is small enough
COLOURS = 96
LOWEST_DBFS = -90.0
FACTS = ("network", "parameters", "sound", "temperature")
TITLE = """# Gallery

What the models make, beside what they were trained on. `bench/gallery.py` draws and writes this
page from the models, their cards and their corpora. All levels are on one scale, 0 dBFS to -90.
"""


@dataclass(frozen=True)
class Panel:
    """A spectrogram: its title, its sound float (num_samples,), and where a take begins in it."""

    title: str
    sound: np.ndarray
    take_begin_s: float | None = None


def main(words: Sequence[str] | None = None) -> int:
    """Draw the models that the arguments name; return the exit status, 1 if none could be."""
    args = parsed(words)
    page_path = args.output or project_folder() / "docs" / "gallery.md"
    sections, num_drawn = sections_of(page_path), 0
    for path in args.models or bundled_models():
        name = path.name
        try:
            files = find_model(path, search=search_folders())
            corpus_path = corpus_of(files, args.corpora)
            generator = load_generator(files, 1, args.precision, args.threads)
            sections[name] = section(files, generator, corpus_path, page_path)
        except (SampleRNNError, LookupError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        page = "\n".join([TITLE, *(sections[key] for key in sorted(sections))])
        write_whole(page_path, page.encode())
        num_drawn += 1
    return 0 if num_drawn else 1


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", nargs="*", type=Path, metavar="MODEL", help="(default: all of models/)")
    add("--corpora", type=Path, required=True, metavar="FOLDER", help="with the recordings")
    add("--precision", choices=PRECISIONS, default="int8", help="(default int8)")
    add("--threads", type=int, metavar="N", help="(default: the cores, but one of several)")
    add("--output", type=Path, metavar="FILE.md", help="(default docs/gallery.md)")
    return parser.parse_args(words)


def sections_of(page: Path) -> dict[str, str]:
    """Return the sections of a page by their headings, none if there is no page."""
    text = page.read_text() if page.is_file() else ""
    return {part.partition("\n")[0]: f"## {part}" for part in text.split("\n## ")[1:]}


def corpus_of(files: ModelFiles, folder: Path) -> Path:
    """Return the corpus of a model in a folder of recordings.

    Raises:
      LookupError: there is none.
    """
    card = read_card(files.folder / "README.md")
    named = [folder / name for name in re.findall(r"[\w.-]+\.(?:flac|wav)\b", card)]
    alike = sorted(p for p in folder.iterdir() if files.name.lower() in p.stem.lower())
    for path in [*named, *alike]:
        if path.is_file() and path.suffix in (".flac", ".wav") and "preview" not in path.name:
            return path
    raise LookupError(f"no corpus in {folder} (name its file in the card)")


def section(files: ModelFiles, generator: EngineGenerator, corpus_path: Path, page: Path) -> str:
    """Draw the pictures of a model and return its section."""
    say(f"{files.name}: reading {corpus_path.name}")
    corpus = read_recordings([corpus_path], files.config.sample_rate)
    held_out = held_out_sound(corpus)
    temperature = recommended_temperature(files.folder)
    say(f"{files.name}: takes")
    main_take = take_of(generator, temperature, TAKE_S)
    rate = files.config.sample_rate
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    takes = [Panel(f"temperature {t:g}", take_of(generator, t, SHORT_S)) for t in TEMPERATURES]
    excerpt = excerpt_of(held_out, round(TAKE_S * rate))
    beside = [
        Panel(f"{files.name}, temperature {temperature:g}", main_take),
        Panel(f"{corpus_path.name}, held out", excerpt),
    ]
    pictures = {"corpus": beside, "temperatures": takes, "seeds": seed_panels(generator, held_out)}
    for name, panels in pictures.items():
        if panels:
            write_picture(folder / f"{files.name}-{name}.png", panels, rate)
    similarity = similarity_of(corpus, files, main_take)
    drawn = [name for name, panels in pictures.items() if panels]
    return text_of(files, drawn, similarity, temperature, generator.precision, folder.name)


def take_of(generator: EngineGenerator, temperature: float, dur_s: float) -> np.ndarray:
    """Return a take from silence with `RNG_SEED`, float32 (num_samples,)."""
    request = TakeRequest(dur_s=dur_s, temperature=(temperature,), rng_seed=RNG_SEED)
    return np.concatenate(list(Take(generator, request)), axis=1)[0]


def excerpt_of(stretches: Sequence[np.ndarray], num_samples: int) -> np.ndarray:
    """Return the middle of the held-out sound, at most so many samples."""
    sound = np.concatenate(list(stretches))
    begin = max(0, (len(sound) - num_samples) // 2)
    return sound[begin : begin + num_samples]


def seed_panels(generator: EngineGenerator, held_out: Sequence[np.ndarray]) -> list[Panel]:
    """Return two seeds with what follows each; none where there is too little held-out sound."""
    rate = generator.config.sample_rate
    seeds = held_out_seeds(held_out, rate, NUM_SEEDS + 2)
    if seeds is None:
        return []
    panels = []
    for number, seed in enumerate(seeds[1:-1], 1):
        request = TakeRequest(dur_s=3.0, temperature=(0.9,), seed_audio=seed, rng_seed=RNG_SEED)
        take = np.concatenate(list(Take(generator, request)), axis=1)[0]
        title = f"seed {number} | what follows"
        panels.append(Panel(title, np.concatenate([seed, take]), len(seed) / rate))
    return panels


def similarity_of(corpus: RecordingSet, files: ModelFiles, take: np.ndarray) -> Similarity:
    """Return what `samplernn audition` measures of a take."""
    say(f"{files.name}: measuring")
    sounds = [rounded_like_takes(r.audio, files.config) for r in corpus.recordings]
    rate = files.config.sample_rate
    return ReferenceStatistics(sounds, rate, len(take) / rate).measure(take)


def write_picture(path: Path, panels: Sequence[Panel], rate: int) -> None:
    """Write spectrograms side by side as a PNG of at most `MOST_BYTES`."""
    for dots in DOTS_PER_INCH:
        content = png_of(figure_of(panels, rate), dots)
        if len(content) <= MOST_BYTES:
            break
    write_whole(path, content)
    say(f"{path}: {len(content) / 1000:.0f} kB")


def figure_of(panels: Sequence[Panel], rate: int) -> "Figure":
    """Return spectrograms side by side on the same scales."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(9, 3))
    place = dict(left=0.06, right=0.91, bottom=0.16, top=0.91, wspace=0.05)
    (row,) = figure.subplots(
        1, len(panels), sharex=True, sharey=True, squeeze=False, gridspec_kw=place
    )
    for axes, panel in zip(row, panels):
        draw(axes, panel, rate)
    row[0].set_ylabel("frequency (kHz)")
    scale = figure.add_axes((0.925, 0.16, 0.012, 0.75))
    figure.colorbar(row[0].images[0], cax=scale, label="level (dBFS)")
    return figure


def draw(axes: "Axes", panel: Panel, rate: int) -> None:
    """Draw the spectrogram of a panel."""
    levels = spectrogram_dbfs(panel.sound)
    end_s = levels.shape[1] * HOP / rate
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=max(FLOOR_DBFS, LOWEST_DBFS),
        vmax=0,
        extent=(0, end_s, 0, rate / 2000),
    )
    axes.set_title(panel.title, fontsize=9)
    axes.set_xlabel("time (s)")
    if panel.take_begin_s is not None:
        axes.axvline(panel.take_begin_s, color="white", linewidth=1)


def png_of(figure: "Figure", dots: int) -> bytes:
    """Return a figure as a PNG with a palette."""
    from PIL import Image, PngImagePlugin  # a dependency of matplotlib

    raw, small, facts = io.BytesIO(), io.BytesIO(), PngImagePlugin.PngInfo()
    figure.savefig(raw, dpi=dots, format="png")
    for key, value in plot_metadata("bench/gallery.py").items():
        facts.add_text(key, value)
    with Image.open(raw) as image:
        palette = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        palette.save(small, format="png", optimize=True, pnginfo=facts)
    return small.getvalue()


CAPTIONS = {
    "corpus": "{take_s:g} s from silence at temperature {temperature:g}, beside the corpus",
    "temperatures": "the same random seed at three temperatures",
    "seeds": "two seeds of 3 s from the corpus, and what follows each",
}


def text_of(
    files: ModelFiles,
    drawn: Sequence[str],
    similarity: Similarity,
    temperature: float,
    precision: str,
    folder: str,
) -> str:
    """Return the section of a model in Markdown."""
    card = read_card(files.folder / "README.md")
    lines = [f"## {files.name}", f"{description(card)} ([card]({link_to(files)}))", ""]
    for name in drawn:
        caption = CAPTIONS[name].format(take_s=TAKE_S, temperature=temperature)
        lines += [f"![{caption}]({folder}/{files.name}-{name}.png)", "", f"{caption}", ""]
    lines += [f"- {fact}" for fact in facts_of(card)]
    lines += ["", *measures_of(similarity), ""]
    command = (
        f"samplernn generate --ckpt_dir {files.name} --precision {precision} --dur {TAKE_S:g} "
        f"--temperature {temperature:g} --rng_seed {RNG_SEED} --output_path {files.name}.wav"
    )
    return "\n".join([*lines, "The first take:", "```", command, "```", ""])


def link_to(files: ModelFiles) -> str:
    """Return the link from the page to the card of a bundled model."""
    card = card_of(files.folder)
    return f"../models/{files.folder.name}/README.md" if card else "../models/README.md"


def facts_of(card: str) -> list[str]:
    """Return the rows of a card's table that the page repeats, in the card's words."""
    return [row for row in paragraphs(card) if row.partition(":")[0] in FACTS]


def measures_of(similarity: Similarity) -> list[str]:
    """Return the measures of a take as a table, and whether it holds."""
    names = list(similarity.limits)
    values = [f"{similarity.measures[name]:.2g}" for name in names]
    limits = [f"{similarity.limits[name]:.2g}" for name in names]
    rows = [["measure", *names], ["---"] * (len(names) + 1), ["take", *values], ["limit", *limits]]
    table = [f"| {' | '.join(row)} |" for row in rows]
    verdict = "; ".join(similarity.reasons) or "all within their limits"
    return [f"[Measured](training.md#choose): {verdict}.", "", *table]


if __name__ == "__main__":
    sys.exit(main())
