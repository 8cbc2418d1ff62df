"""Read a model's card, the `README.md` in its folder, as plain text.

A card is Markdown. Pd shows lines of text without markup, and a list of models shows one
line of each card.
"""

import re
import textwrap
from pathlib import Path

from sopilib.model_texts import CARD as CARD
from sopilib.small_files import open_regular

_MOST_BYTES = 1 << 16  # more than is shown of any card
# of limited length, since a card may hold anything, and Pd waits for a search
_IMAGE = re.compile(r"!\[[^\]]{0,500}\]\([^)]{0,500}\)")
_LINK = re.compile(r"\[([^\]]{0,500})\]\([^)]{0,500}\)")
_RULE = re.compile(r"^[|\s:-]+$")
_FENCE = "```"


def card_of(folder: Path) -> Path | None:
    """Return the path of a model's card, None if it has none."""
    path = folder / CARD
    return path if path.is_file() else None


def read_card(path: Path) -> str:
    """Return the text of a card as far as it may be shown, "" if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def paragraphs(markdown: str) -> list[str]:
    """Return headings, paragraphs and rows of tables, without markup and code blocks."""
    text = _LINK.sub(r"\1", _IMAGE.sub("", _unfenced(markdown)))
    found: list[str] = []
    is_open = False  # whether the next line continues the last paragraph
    for line in (line.strip() for line in text.splitlines()):
        stands_alone = line.startswith(("#", "|", "- "))
        if not line or _RULE.match(line):
            is_open = False
        elif is_open and not stands_alone:
            found[-1] += " " + _plain(line)
        else:
            found.append(_plain(line))
            is_open = not line.startswith(("#", "|"))
    return found


def description(markdown: str) -> str:
    """Return the first sentence of a card's first paragraph, "" if there is none."""
    first_heading = re.search(r"^#.*$", markdown, re.MULTILINE)
    body = markdown[first_heading.end() :] if first_heading else markdown
    first = next(iter(paragraphs(body)), "")
    return re.split(r"(?<=[.!?])\s", first, maxsplit=1)[0]


def wrapped(markdown: str, width: int, count: int) -> list[str]:
    """Return the first `count` lines of a card, at most `width` characters each."""
    lines = [line for paragraph in paragraphs(markdown) for line in textwrap.wrap(paragraph, width)]
    return lines[:count]


def _unfenced(markdown: str) -> str:
    """Return the text with an empty line in place of each code block that ends."""
    kept: list[str] = []
    block: list[str] = []
    for line in markdown.splitlines():
        if block:
            block.append(line)
            if line.rstrip() == _FENCE:
                block = []
                kept.append("")
        elif line.startswith(_FENCE):
            block = [line]
        else:
            kept.append(line)
    return "\n".join([*kept, *block])


def _plain(line: str) -> str:
    if line.startswith("|"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        line = ": ".join(cell for cell in cells if cell)
    return re.sub(r"^#+\s*|\*\*|`|\\", "", line)
