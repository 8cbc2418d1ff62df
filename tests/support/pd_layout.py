"""Compute the positions of a Pd patch's boxes and cords from the patch file.

Pd does not report sizes, so this module computes them as Pd's Linux version draws them at
font size 12: 7 pixels per character, 15 per line. Positions are pixels from the upper left
corner of the window. It knows only the objects of a performer's patch: text boxes,
number and symbol boxes, the sliders and buttons, graphs, subpatches.
"""

import re
from dataclasses import dataclass, field

CHARACTER_WIDTH = 7
LINE_HEIGHT = 15
XLET_WIDTH = 7
WRAP_CHARACTERS = 60

_RECORD_END = re.compile(r"(?<!\\);\r?\n")
_WIDTH_SUFFIX = re.compile(r", f (\d+)$")


@dataclass(frozen=True)
class Rect:
    left: float
    top: float
    width: float
    height: float

    @property
    def right(self):
        return self.left + self.width

    @property
    def bottom(self):
        return self.top + self.height

    def overlaps(self, other):
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def contains(self, other):
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


@dataclass
class Box:
    """One numbered thing in a canvas; `kind` is the word after `#X`, `obj` for a subpatch."""

    kind: str
    left: int
    top: int
    words: list
    line_characters: int | None = None
    graph_size: tuple | None = None

    @property
    def name(self):
        """The class of an object box, else ''."""
        return self.words[0] if self.kind == "obj" and self.words else ""

    @property
    def is_panel(self):
        return self.name == "cnv"

    @property
    def rect(self):
        return Rect(self.left, self.top, *self._size())

    @property
    def label(self):
        """The rectangle of a GUI object's label, None without one."""
        position = _LABEL_POSITION.get(self.name)
        if position is None or self.words[position] == "empty":
            return None
        shift_x, shift_y, _, font_size = map(int, self.words[position + 1 : position + 5])
        character_width = CHARACTER_WIDTH if font_size <= 12 else round(font_size * 0.6)
        return Rect(
            self.left + shift_x,
            self.top + shift_y - LINE_HEIGHT / 2,
            len(self.words[position]) * character_width,
            LINE_HEIGHT,
        )

    def _size(self):
        if self.graph_size:
            return self.graph_size
        if self.kind in ("floatatom", "symbolatom", "listbox"):
            return int(self.words[0]) * CHARACTER_WIDTH + 5, LINE_HEIGHT + 5
        if self.name in _GUI_SIZE:
            return _GUI_SIZE[self.name](self.words)
        return self._text_size()

    def _text_size(self):
        lines = _wrapped(self.words, self.line_characters or WRAP_CHARACTERS)
        characters = self.line_characters or max(3, *(len(line) for line in lines))
        margin = 10 if self.kind == "msg" else 5
        return characters * CHARACTER_WIDTH + margin, len(lines) * LINE_HEIGHT + 5

    def outlet(self, number, count):
        return self._xlet(number, count, self.rect.bottom)

    def inlet(self, number, count):
        return self._xlet(number, count, self.rect.top)

    def _xlet(self, number, count, y):
        step = (self.rect.width - XLET_WIDTH) / max(1, count - 1)
        return self.rect.left + number * step + XLET_WIDTH / 2, y


@dataclass(frozen=True)
class Cord:
    source: int
    outlet: int
    sink: int
    inlet: int


@dataclass
class Canvas:
    """A window: `boxes` in the order of their numbers, and the `cords` between them.

    `graph_size` is `(width, height)` in pixels if its owner shows it as a graph.
    """

    name: str
    width: int
    height: int
    font_size: int
    boxes: list = field(default_factory=list)
    cords: list = field(default_factory=list)
    graph_size: tuple | None = None

    def line(self, cord):
        """Return the two ends of a cord, `((x, y), (x, y))`."""
        source, sink = self.boxes[cord.source], self.boxes[cord.sink]
        outlets = 1 + max(c.outlet for c in self.cords if c.source == cord.source)
        inlets = 1 + max(c.inlet for c in self.cords if c.sink == cord.sink)
        return (
            source.outlet(cord.outlet, max(outlets, _outlets(source))),
            sink.inlet(cord.inlet, max(inlets, _inlets(sink))),
        )


def read_canvases(path):
    """Return all canvases of a patch file, each subpatch before its parent."""
    finished, open_canvases = [], []
    for record in _RECORD_END.split(path.read_text()):
        words = _words(record)
        if words[:2] == ["#N", "canvas"]:
            open_canvases.append(_opened(words, path.stem))
        elif words[:2] == ["#X", "restore"]:
            finished.append(open_canvases.pop())
            open_canvases[-1].boxes.append(_closed(finished[-1], words))
        elif words[:2] == ["#X", "coords"]:
            open_canvases[-1].graph_size = (int(words[6]), int(words[7]))
        elif words[:2] == ["#X", "connect"]:
            open_canvases[-1].cords.append(Cord(*map(int, words[2:6])))
        elif words[:1] == ["#X"] and words[1] not in ("array", "declare"):
            open_canvases[-1].boxes.append(_box(words[1], words[2:]))
    return finished + open_canvases


def _words(record):
    """Split at spaces that are not escaped; a line's end is a space."""
    record = record.replace("\n", " ").strip()
    return [re.sub(r"\\(.)", r"\1", word) for word in re.split(r"(?<!\\) +", record)]


def _opened(words, name):
    width, height = int(words[4]), int(words[5])
    if len(words) == 7:
        return Canvas(name, width, height, int(words[6]))
    return Canvas(words[6], width, height, 12)


def _closed(canvas, words):
    box = _box("obj", words[2:])
    box.graph_size = canvas.graph_size
    return box


def _box(kind, words):
    left, top, *rest = words
    text = " ".join(rest)
    if suffix := _WIDTH_SUFFIX.search(text):
        return Box(kind, int(left), int(top), text[: suffix.start()].split(" "), int(suffix[1]))
    return Box(kind, int(left), int(top), rest)


def _wrapped(words, characters):
    """Return the lines as Pd breaks them: at spaces, and after each `;` of a message."""
    lines = [""]
    for word in " ".join(words).replace(" ,", ",").replace(" ;", ";").split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > characters:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
        if word.endswith(";"):
            lines.append("")
    return lines


def _outlets(box):
    return _XLETS_FROM_ARGUMENTS.get(box.name, _no_count)(box)[1]


def _inlets(box):
    return _XLETS_FROM_ARGUMENTS.get(box.name, _no_count)(box)[0]


def _no_count(box):
    return 1, 1


def _arguments(box):
    return len(box.words) - 1


_XLETS_FROM_ARGUMENTS = {
    "t": lambda box: (1, _arguments(box)),
    "route": lambda box: (1, _arguments(box) + 1),
    "sel": lambda box: (1, _arguments(box) + 1),
    "unpack": lambda box: (1, _arguments(box)),
    "pack": lambda box: (_arguments(box), 1),
    "pyext": lambda box: (2, 2),
    "openpanel": lambda box: (1, 1),
    "f": lambda box: (2, 1),
    "symbol": lambda box: (2, 1),
    "spigot": lambda box: (2, 1),
    "metro": lambda box: (2, 1),
    "delay": lambda box: (2, 1),
    "list": lambda box: (
        2 if box.words[1] in ("append", "prepend", "store") else 1,
        {"split": 3, "store": 2}.get(box.words[1], 1),
    ),
    "tabread4~": lambda box: (2, 1),
    "line~": lambda box: (2, 1),
    "*~": lambda box: (2, 1),
    "dac~": lambda box: (2, 0),
    "soundfiler": lambda box: (1, 2),
    "+": lambda box: (2, 1),
    "-": lambda box: (2, 1),
    "*": lambda box: (2, 1),
    "/": lambda box: (2, 1),
    "==": lambda box: (2, 1),
    "mod": lambda box: (2, 1),
    "notein": lambda box: (1, 3),
    "stripnote": lambda box: (2, 2),
}
_LABEL_POSITION = {"cnv": 6, "bng": 7, "tgl": 5, "nbx": 9, "hsl": 9, "vsl": 9}
_GUI_SIZE = {
    "cnv": lambda words: (int(words[2]), int(words[3])),
    "bng": lambda words: (int(words[1]), int(words[1])),
    "tgl": lambda words: (int(words[1]), int(words[1])),
    "nbx": lambda words: (
        31 * int(words[13]) * int(words[1]) // 36 + int(words[2]) // 2 + 4,
        int(words[2]),
    ),
    "hsl": lambda words: (int(words[1]) + 5, int(words[2])),
    "vsl": lambda words: (int(words[1]), int(words[2]) + 5),
    "hradio": lambda words: (int(words[1]) * int(words[4]), int(words[1])),
    "vradio": lambda words: (int(words[1]), int(words[1]) * int(words[4])),
    "vu": lambda words: (int(words[1]) + 3, int(words[2]) + 4),
}
