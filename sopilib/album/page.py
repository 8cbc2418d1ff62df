"""The page of an album: players, spectrograms and figures, to listen and choose.

One HTML file: style, script and images are in it, and it plays the FLAC files beside it. Ticked
tracks become the command that keeps them.
"""

import base64
import html
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sopilib.errors import AudioError
from sopilib.new_files import unwritable, write_whole
from sopilib.small_files import open_regular, read_bytes

NAME = "album.html"
# by which a page is recognised
_GENERATOR = '<meta name="generator" content="samplernn album">'
_HEAD_BYTES = 4096
_STYLE = """body { font: 16px/1.5 sans-serif; max-width: 1040px; margin: 2em auto; padding: 0 1em }
section { margin: 2em 0 } h2 { font-size: 1.1em; margin: 0 0 .3em } audio { width: 100% }
img { width: 100%; height: 171px; display: block; image-rendering: auto }
dl { display: flex; flex-wrap: wrap; gap: .2em 1.6em; margin: .4em 0 }
dl div { white-space: nowrap } dt, dd { display: inline; margin: 0 } dt { color: #666 }
p.why { margin: .2em 0; color: #444 } code { overflow-wrap: anywhere }
#keep { position: sticky; bottom: 0; background: #fff; padding: .6em 0; border-top: 1px solid #ccc }
@media (prefers-color-scheme: dark) { body, #keep { background: #181818; color: #ddd }
dt, p.why { color: #aaa } }"""
_SCRIPT = """const boxes = [...document.querySelectorAll('input')];
const show = () => { const kept = boxes.filter(b => b.checked).map(b => b.value);
document.querySelector('#keep code').textContent = kept.length
? document.body.dataset.command + kept.join(',') : 'tick the tracks to keep'; };
boxes.forEach(b => b.addEventListener('change', show)); show();
const players = [...document.querySelectorAll('audio')];
players.forEach(p => p.addEventListener('play', () => players.forEach(o => o === p || o.pause())));
"""


def check_page(folder: Path) -> None:
    """Refuse a folder in which another file has the name of the page.

    Raises:
      AudioError: there is one.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return
    try:
        with open_regular(path) as file:
            is_ours = _GENERATOR.encode() in file.read(_HEAD_BYTES)
    except OSError:
        is_ours = False
    if not is_ours:
        raise AudioError(
            f"{path} exists and is no page of an album (choose another --out, or move it away)"
        )


def write_page(
    folder: Path, title: str, tracks: Sequence[Mapping[str, Any]], keeps: bool = True
) -> None:
    """Write the page of finished tracks.

    Args:
      folder: of the tracks and the page.
      title: of the album.
      tracks: their values, see `sopilib.album.track`.
      keeps: whether tracks can be ticked.

    Raises:
      AudioError: it cannot be written.
    """
    check_page(folder)
    path = folder / NAME
    try:
        write_whole(path, _page(folder, title, tracks, keeps).encode(errors="backslashreplace"))
    except OSError as error:
        raise AudioError(unwritable(path, error)) from error


def _page(folder: Path, title: str, tracks: Sequence[Mapping[str, Any]], keeps: bool) -> str:
    name, seconds = html.escape(title), sum(track["dur_s"] for track in tracks)
    command = html.escape(f"samplernn album --out {_quoted(folder)} --keep ")
    foot = f'<div id="keep"><code></code></div><script>{_SCRIPT}</script>' if keeps else ""
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{_GENERATOR}',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{name}</title><style>{_STYLE}</style></head>",
            f'<body data-command="{command}"><h1>{name}</h1>',
            f"<p>{len(tracks)} tracks, {_minutes(seconds)}</p>",
            *(_section(folder, track, keeps) for track in tracks),
            f"{foot}</body></html>\n",
        ]
    )


def _section(folder: Path, track: Mapping[str, Any], keeps: bool) -> str:
    number, file = track["track"], html.escape(track["file"])
    title = html.escape(str(track["title"]))
    box = f'<label><input type="checkbox" value="{number}"> {title}</label>'
    facts = "".join(f"<div><dt>{name}</dt> <dd>{value}</dd></div>" for name, value in _facts(track))
    return (
        f"<section><h2>{box if keeps else f'{number}. {title}'}</h2>{_image(folder, track)}"
        f'<audio controls preload="none" src="{file}"></audio><dl>{facts}</dl>'
        f'<p class="why">{html.escape(str(track["choice"].get("why", "")))}</p></section>'
    )


def _image(folder: Path, track: Mapping[str, Any]) -> str:
    try:
        content = read_bytes(folder / Path(track["file"]).with_suffix(".png").name)
    except OSError:
        return ""
    embedded = base64.b64encode(content).decode()
    text = f"spectrogram, 0 to {track['sample_rate'] / 2000:g} kHz"
    return f'<img alt="{text}" title="{text}" src="data:image/png;base64,{embedded}">'


def _facts(track: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "length", _minutes(track["dur_s"])
    yield "model", html.escape(str(track["model"]))
    yield "temperature", f"{track['temperature']:g}"
    yield "random seed", str(track["rng_seed"])
    yield "bits per sample", f"{track['bits_per_sample']:.3f}"
    for name, key, unit in (
        ("loudness", "loudness_lufs", "LUFS"),
        ("true peak", "true_peak_dbfs", "dBFS"),
        ("gain", "gain_db", "dB"),
        ("limited by", "limited_db", "dB"),
    ):
        value = track[key]
        yield name, "none" if value is None else f"{value:.1f} {unit}"


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}" if whole >= 60 else f"{seconds:.1f} s"


def _quoted(path: Path) -> str:
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))
