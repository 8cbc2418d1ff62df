"""Read a model's card, the `README.md` in its folder, as plain text.

A card is Markdown. Pd shows lines of text without markup, and a list of models shows one
line of each card.
"""

import re
import textwrap
from pathlib import Path

CARD = "README.md"
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_RULE = re.compile(r"^[|\s:-]+$")
_FENCED = re.compile(r"^```.*?^```\s*$", re.MULTILINE | re.DOTALL)


def card_of(folder: Path) -> Path | None:
    """Return the path of a model's card, None if it has none."""
    path = folder / CARD
    return path if path.is_file() else None


def read_card(path: Path) -> str:
    """Return the text of a card, "" if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def paragraphs(markdown: str) -> list[str]:
    """Return headings, paragraphs and rows of tables, without markup and code blocks."""
    text = _LINK.sub(r"\1", _IMAGE.sub("", _FENCED.sub("", markdown)))
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


def _plain(line: str) -> str:
    if line.startswith("|"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        line = ": ".join(cell for cell in cells if cell)
    return re.sub(r"^#+\s*|\*\*|`|\\", "", line)
